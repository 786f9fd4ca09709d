"""Text in lines that fit a terminal, also where characters are two columns wide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reconciler.cli.wrapping import excerpt, wrapped

WORDS = st.text(alphabet="ab日🚀", min_size=1, max_size=8)


def test_lines_are_broken_between_words_and_go_on_further_to_the_right() -> None:
    assert wrapped("next: look at the logs of web", 24, indent=2) == ["next: look at the logs", "  of web"]
    assert wrapped("  fix: one two three", 12, indent=2)[0] == "  fix: one"


def test_what_fits_keeps_its_spaces_and_its_line_ends() -> None:
    assert wrapped("a   b\n  c\n", 40) == ["a   b", "  c", ""]


def test_a_command_is_not_broken() -> None:
    assert wrapped("edit it, (`reconciler clear web`) or not", 30)[1] == "(`reconciler clear web`) or"
    assert wrapped("a ` alone breaks nothing at all here", 20) == ["a ` alone breaks", "nothing at all here"]


def test_a_word_that_is_longer_than_a_line_stays_whole() -> None:
    assert wrapped("see /a/very/long/path/indeed now", 12) == ["see", "/a/very/long/path/indeed", "now"]


@given(st.lists(WORDS, min_size=1), st.integers(20, 60), st.integers(0, 8))
def test_no_line_is_wider_and_no_word_is_lost(words: list[str], width: int, indent: int) -> None:
    lines = wrapped(" ".join(words), width, indent=indent)
    assert all(cell_len(line) <= width for line in lines)
    assert " ".join(lines).split() == words


@pytest.mark.parametrize(
    ("line", "column", "width", "shown"),
    [
        ("  name: web", 9, 40, ("  name: web", "        ^")),
        ("\tname: web", 2, 40, ("    name: web", "    ^")),
        ("日本: x", 5, 40, ("日本: x", "      ^")),
        ("name: web", 30, 40, ("name: web", "         ^")),
    ],
)
def test_the_caret_stands_under_its_column(line: str, column: int, width: int, shown: tuple[str, str]) -> None:
    assert excerpt(line, column, width) == shown


@given(st.text(alphabet="ab 日🚀", min_size=1, max_size=200).map(lambda text: f"x{text}x"), st.data())
def test_the_part_of_a_long_line_that_is_shown_has_the_place_in_it(line: str, data: st.DataObject) -> None:
    column, width = data.draw(st.integers(1, len(line))), data.draw(st.integers(20, 80))
    shown, caret = excerpt(line, column, width)
    assert cell_len(shown) <= width
    assert cell_len(caret) <= width
    under = next(char for place, char in enumerate(shown) if cell_len(shown[: place + 1]) >= len(caret))
    assert under == line[column - 1] or under == "…"


def test_of_a_line_of_a_million_characters_a_part_is_measured() -> None:
    for column in (1, 500_000, 1_000_000):
        shown, caret = excerpt("x" * 1_000_000, column, 60)
        assert len(shown) <= 60
        assert shown[caret.index("^")] == "x"
