"""Screen: where results and messages go, and how they look there.

A terminal gets colours and tables that fit its width; a pipe gets the same words without escape codes and
without anything cut off. Results go to standard output, everything else to standard error. Text from
outside (names, errors, logs) cannot steer the terminal: control characters are shown, not sent.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from reconciler.cli.colors import colored
from reconciler.core.display import printable

if TYPE_CHECKING:
    from rich.console import Console

    from reconciler.config import Color

Cell = str | tuple[str, str]
"""Text, or text with a style."""

_UNBOUNDED: Final = 100_000
_HEIGHT: Final = 25
_GAP: Final = 2
_LEAST_FLEXIBLE: Final = 12
"""Columns that a column which is cut keeps at least."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``fixed`` columns are never cut while another one can give way."""

    title: str
    fixed: bool = True
    align: Literal["left", "right"] = "left"


class Screen:
    """Standard output and standard error of one command."""

    def __init__(self, *, color: Color, environment: Mapping[str, str], terminal: int | None = None) -> None:
        self._color = color
        self._environment = environment
        self._terminal = terminal

    @cached_property
    def out(self) -> Console:
        return self._console(sys.stdout)

    @cached_property
    def err(self) -> Console:
        return self._console(sys.stderr)

    @property
    def interactive(self) -> bool:
        """Whether standard error is a terminal that can redraw lines."""
        return self._is_terminal(sys.stderr) and self._environment.get("TERM") != "dumb"

    @property
    def terminal(self) -> bool:
        """Whether standard output is a terminal."""
        return self._is_terminal(sys.stdout)

    @property
    def error_colors(self) -> bool:
        """Whether messages are coloured."""
        return self._colored(sys.stderr)

    def json(self, value: Any) -> None:
        """One JSON document, ASCII only, so that it survives every locale."""
        sys.stdout.write(json.dumps(value, indent=2) + "\n")
        sys.stdout.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """One or several lines of the result, never broken or cut."""
        self.out.print(printable(text), style=style or None, soft_wrap=True)

    def prose(self, text: str, style: str = "", *, indent: int = _GAP, styled: int | None = None) -> None:
        """Sentences of the result, broken between words where a terminal ends; what goes on in a further line
        stands ``indent`` to the right. ``styled``: only so much of the beginning has the style.
        """
        self._print(self.out, text, style=style, indent=indent, styled=styled)

    def paragraph(self, text: str) -> None:
        """Text of the result, a little to the right, broken where a terminal ends."""
        if text:
            self._write(self._below((one_line(text), "none"), indent=_GAP))

    def note(self, text: str, style: str = "", *, indent: int = _GAP) -> None:
        """A message beside the result, broken as ``prose`` is."""
        self._print(self.err, text, style=style, indent=indent)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """A table under upper-case titles, one line for each row. Where that is too wide for the terminal, the
        last column moves below its row, and flexible columns are cut; where even that leaves too little of them,
        each row is a block of lines.
        """
        from rich.cells import cell_len

        cells = [[cell if isinstance(cell, tuple) else (cell, "") for cell in row] for row in rows]
        cells = [[(one_line(text), style) for text, style in row] for row in cells]
        titles = [(column.title, "") for column in columns]
        widths = [max(cell_len(row[place][0]) for row in [titles, *cells]) for place in range(len(columns))]
        if sum(widths) + _GAP * (len(columns) - 1) <= self.out.width:
            self._write(self._lines(columns, cells))
            return
        least = [
            width if column.fixed else min(width, _LEAST_FLEXIBLE)
            for column, width in zip(columns[:-1], widths[:-1], strict=True)
        ]
        if sum(least) + _GAP * (len(least) - 1) > self.out.width:
            self._write([line for row in cells for line in self._block(columns, row)])
            return
        head, *lines = self._lines(columns[:-1], [row[:-1] for row in cells])
        below = [self._below(row[-1]) for row in cells]
        self._write([head, *(text for line, more in zip(lines, below, strict=True) for text in (line, *more))])

    def facts(self, pairs: Sequence[tuple[str, Cell]]) -> None:
        """Titles with what is said under each; what says nothing is left out."""
        cells = ((title, cell if isinstance(cell, tuple) else (cell, "")) for title, cell in pairs)
        self._write(self._pairs([(title, (one_line(text), style)) for title, (text, style) in cells]))

    def _lines(self, columns: Sequence[Column], cells: Sequence[Sequence[tuple[str, str]]]) -> list[str]:
        """The table's lines as they are written: titles, then one for each row."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(Text(column.title, no_wrap=True), no_wrap=column.fixed, justify=column.align)
        for row in cells:
            table.add_row(*(Text(text, style=style, no_wrap=True, overflow="ellipsis") for text, style in row))
        with self.out.capture() as capture:
            self.out.print(table)
        return capture.get().splitlines()

    def _block(self, columns: Sequence[Column], row: Sequence[tuple[str, str]]) -> list[str]:
        """One row where a table has no room: what it is about, and below it what is said, each with its title."""
        from rich.text import Text

        named = 1 + next((place for place, column in enumerate(columns) if column.align == "left"), 0)
        title = Text("  ".join(text for text, _ in row[:named]), style="bold", overflow="ellipsis", no_wrap=True)
        said = [(column.title.lower(), cell) for column, cell in zip(columns[named:], row[named:], strict=True)]
        least = max(len(column.title) for column in columns[named:])
        with self.out.capture() as capture:
            self.out.print(title)
        return [*capture.get().splitlines(), *self._pairs(said, least=least)]

    def _pairs(self, pairs: Sequence[tuple[str, tuple[str, str]]], *, least: int = 0) -> list[str]:
        """Titles, at least so wide, and what is said under each; what says nothing is left out."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_header=False)
        table.add_column(no_wrap=True, min_width=_GAP + least)
        table.add_column(overflow="fold")
        for title, (text, style) in pairs:
            if text not in {"", "-"}:
                table.add_row(Text(f"{'':<{_GAP}}{title}", style="dim"), Text(text, style=style))
        with self.out.capture() as capture:
            self.out.print(table)
        return capture.get().splitlines()

    def _below(self, cell: tuple[str, str], *, indent: int = 2 * _GAP) -> list[str]:
        """A cell as wrapped lines of its own, a little to the right."""
        from rich.padding import Padding
        from rich.text import Text

        if not cell[0]:
            return []
        with self.out.capture() as capture:
            self.out.print(Padding(Text(cell[0], style=cell[1] or "dim"), (0, 0, 0, indent)))
        return capture.get().splitlines()

    @staticmethod
    def _print(console: Console, text: str, *, style: str, indent: int, styled: int | None = None) -> None:
        from rich.text import Text

        from reconciler.cli.wrapping import wrapped

        for place, line in enumerate(wrapped(printable(text), console.width, indent=indent)):
            shown = Text(line)
            if style and (styled is None or not place):
                shown.stylize(style, 0, styled)
            console.print(shown, soft_wrap=True)

    @staticmethod
    def _write(lines: Sequence[str]) -> None:
        sys.stdout.write("".join(line.rstrip() + "\n" for line in lines))
        sys.stdout.flush()

    def _console(self, stream: IO[str]) -> Console:
        from rich.console import Console

        terminal = self._is_terminal(stream)
        return Console(
            file=stream,
            force_terminal=terminal,
            color_system="auto"
            if terminal and self._colored(stream)
            else "standard"
            if self._colored(stream)
            else None,
            no_color=not self._colored(stream),
            width=self._width(stream),
            height=_HEIGHT if self._terminal or self._environment.get("TERM") == "dumb" else None,
            markup=False,
            highlight=False,
            emoji=False,
            _environ=self._environment,
        )

    def _width(self, stream: IO[str]) -> int | None:
        """None: that of the terminal, whenever it is asked for. A dumb one is believed to have eighty columns by
        the library, if it is not told better.
        """
        if self._terminal is not None:
            return self._terminal
        if not self._is_terminal(stream):
            return _UNBOUNDED
        return shutil.get_terminal_size().columns if self._environment.get("TERM") == "dumb" else None

    def _is_terminal(self, stream: IO[str]) -> bool:
        return self._terminal is not None or stream.isatty()

    def _colored(self, stream: IO[str]) -> bool:
        return colored(self._color, self._environment, terminal=self._is_terminal(stream))


def one_line(text: str) -> str:
    """``text`` for a table's cell: line ends become ``; ``, but after a colon. A title of nothing is left out."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    while len(lines) > 1 and lines[-1].endswith(":"):
        lines.pop()
    return printable("; ".join(lines).replace(":; ", ": "))
