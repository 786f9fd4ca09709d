"""How texts become cells of a table."""

from __future__ import annotations

import pytest

from reconciler.cli.screen import one_line


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
