"""Text in lines that fit: broken between words, measured in the columns that a terminal gives to each character.

A word that is longer than a line stays whole, so that a path or a command can be copied; the terminal breaks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len

_WORD: Final = re.compile(r" *(?:[^ `]*`[^`]*`[^ ]*|[^ ]+)")
"""A command in backquotes is one word: it can be copied."""

LEAST: Final = 20
"""Columns that are left for words, however far they stand to the right."""


def wrapped(text: str, width: int, *, indent: int = 0) -> list[str]:
    """The lines of ``text``; what goes on in a further line stands ``indent`` columns to the right."""
    return [part for line in text.split("\n") for part in _broken(line, width, indent)]


def _broken(line: str, width: int, indent: int) -> Iterator[str]:
    """Lines that are short enough keep every space."""
    if cell_len(line) <= width:
        yield line
        return
    lead = line[: len(line) - len(line.lstrip(" "))]
    further = " " * max(0, min(len(lead) + indent, width - LEAST))
    current = ""
    for word in _WORD.findall(line):  # each with the spaces before it, which a break takes the place of
        if current.strip() and cell_len(current + word) > width:
            yield current
            current = further + word.lstrip(" ")
        else:
            current += word
    yield current


def excerpt(line: str, column: int, width: int) -> tuple[str, str]:
    """A line of a file and a caret below its ``column`` (from 1), of a longer line the part around it."""
    cells = ["    " if char == "\t" else char for char in line.rstrip()]
    place = min(column - 1, len(cells))
    begin = max(0, place - 2 * width)  # measuring costs with the length, and a line may be a whole file
    cells, place = cells[begin : place + 2 * width], place - begin
    first = 0
    while first < place and cell_len("".join(cells[first : place + 1])) > width // 2 and _too_wide(cells, width):
        first += 1
    lead = "…" if first or begin else ""
    shown = lead + "".join(cells[first:])
    while cell_len(shown) > width:
        shown = shown[:-2] + "…"
    return shown, " " * cell_len(lead + "".join(cells[first:place])) + "^"


def _too_wide(cells: list[str], width: int) -> bool:
    return cell_len("".join(cells)) > width
