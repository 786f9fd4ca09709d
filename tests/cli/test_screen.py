"""How texts become cells, and rows become tables that fit."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reconciler.cli.screen import Column, Screen, one_line

COLUMNS = (
    Column("DOCUMENT", fixed=False),
    Column("SYNC"),
    Column("AGE", align="right"),
    Column("REASON", fixed=False),
)
NARROW = """\
shop-frontend
  sync    OutOfSync
  age     3m
  reason  release 7 failed
          before: not
          healthy
db
  sync    Synced
"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\n  two\n\nthree", "one; two; three"),
        ("not healthy\n  last log lines:\n    opened", "not healthy; last log lines: opened"),
        ("it failed\n  last lines:\n    \n", "it failed"),
        ("last lines:", "last lines:"),
        ("a \x1b[31mcolour", "a \\x1b[31mcolour"),
    ],
)
def test_lines_become_one(text: str, shown: str) -> None:
    assert one_line(text) == shown


def printed(capsys: pytest.CaptureFixture[str], width: int, rows: Sequence[tuple[str, ...]]) -> str:
    Screen(color="never", environment={"TERM": "xterm"}, terminal=width).table(COLUMNS, rows)
    return capsys.readouterr().out


def test_a_table_that_has_no_room_becomes_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ("shop-frontend", "OutOfSync", "3m", "release 7 failed before: not healthy"),
        ("db", "Synced", "-", ""),
    ]
    assert printed(capsys, 26, rows) == NARROW


TEXTS = st.text(alphabet="web-1.4日本🚀é ", max_size=60).map(str.strip)


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["Synced", "OutOfSync"]), TEXTS, TEXTS)), st.integers(40, 120))
def test_no_line_is_wider_than_the_terminal_whatever_stands_in_it(rows: list[tuple[str, ...]], width: int) -> None:
    screen = Screen(color="never", environment={"TERM": "xterm"}, terminal=width)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        screen.table(COLUMNS, rows)
    assert all(cell_len(line) <= width for line in out.getvalue().splitlines())


def test_wide_characters_keep_the_columns_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, 60, [("日本", "Synced", "3m", "🚀 r1"), ("web", "Synced", "3m", "r1")])
    places = {cell_len(line[: line.index("Synced")]) for line in out.splitlines()[1:]}
    assert len(places) == 1
