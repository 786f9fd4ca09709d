"""Progress: what long work says while it goes on. Live lines on a terminal, plain lines elsewhere.

Told from worker threads; always on standard error, so that results stay clean. A live line is as short as it
can be, so that it stays one line while what it says changes: nothing jumps.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from reconciler.core.words import shortened

if TYPE_CHECKING:
    from rich.table import Table

    from reconciler.cli.screen import Screen

Report = Callable[[str, str], None]
"""Told a document's name and a short line."""

MARKS: Final = {
    "converged": ("✓", "green"),
    "rolled-back": ("↩", "yellow"),
    "failed": ("✗", "red"),
    "held": ("✗", "magenta"),
    "blocked": ("…", "magenta"),
}
"""How the work on a document ended, which is the last that is told of it."""

_PULLED: Final = re.compile(r"(?<=^pulling )(?:\S*/)?([^@\s]+)@[0-9a-f]+")
PAUSE_S: Final = 5.0
"""Least time between two plain lines of one document that differ only in their numbers."""


@contextmanager
def progress(screen: Screen, clock: Callable[[], float]) -> Iterator[Report]:
    """Somewhere to report to, for the time of the block."""
    if screen.interactive:
        with _live(screen) as report:
            yield report
    else:
        yield PlainProgress(screen, clock)


class PlainProgress:
    """One line per news; a percentage that grows is told once in ``PAUSE_S``."""

    def __init__(self, screen: Screen, clock: Callable[[], float]) -> None:
        self._screen = screen
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, tuple[str, float]] = {}

    def __call__(self, document: str, line: str) -> None:
        shape = re.sub(r"[0-9]+(\.[0-9]+)?", "0", line)
        with self._lock:
            told, when = self._last.get(document, ("", 0.0))
            now = self._clock()
            if shape == told and now - when < PAUSE_S:
                return
            self._last[document] = shape, now
            self._screen.note(f"{document}: {line}")


@contextmanager
def _live(screen: Screen) -> Iterator[Report]:
    from rich.live import Live

    lines: dict[str, str] = {}
    lock = threading.RLock()  # a signal's handler prints, and so draws, in the thread that may hold it

    def shown() -> Table:
        with lock:
            return _lines(lines, screen.err.height - 1)

    def report(document: str, line: str) -> None:
        with lock:
            lines[document] = line

    with Live(get_renderable=shown, console=screen.err, transient=True, refresh_per_second=8):
        yield report


def _lines(lines: dict[str, str], height: int) -> Table:
    """A line for each document. Where there are too many, what is done is one line together."""
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    from reconciler.cli.screen import one_line

    table = Table.grid(padding=(0, 1), expand=True)
    for _ in ("mark", "document"):
        table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=1)  # a project's line names every service that is waited for: it wraps
    ended = [document for document, line in lines.items() if line in MARKS]
    if len(lines) > height and ended:
        table.add_row(Text(" "), Text(f"{len(ended)} done", style="dim"), Text(""))
        lines = {document: line for document, line in lines.items() if line not in MARKS}
    for document, line in lines.items():
        mark = Text(*MARKS[line]) if line in MARKS else Spinner("dots", style="blue")
        table.add_row(mark, Text(one_line(document), style="bold"), Text(one_line(brief(line, document))))
    return table


def brief(line: str, document: str) -> str:
    """What is told of an Action, without what is known from its document's name or said twice."""
    title, _, detail = shortened(line).partition(": ")
    kind, _, target = title.partition(" ")
    if detail.startswith("pulling "):
        return _PULLED.sub(r"\1", detail)
    about = "" if target in {"", document} else f" {target}"
    return f"{kind}{about}: {detail}" if detail else f"{kind}{about}"
