"""Progress: what long work says while it goes on. Live lines on a terminal, plain lines elsewhere.

Told from worker threads; always on standard error, so that results stay clean.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.table import Table

    from reconciler.cli.screen import Screen

Report = Callable[[str, str], None]
"""Told a document's name and a short line."""

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
            return _lines(lines)

    def report(document: str, line: str) -> None:
        with lock:
            lines[document] = line

    with Live(get_renderable=shown, console=screen.err, transient=True, refresh_per_second=8):
        yield report


def _lines(lines: dict[str, str]) -> Table:
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    from reconciler.cli.screen import one_line

    table = Table.grid(padding=(0, 1), expand=True)
    for _ in ("spinner", "document"):
        table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=1)  # a project's line names every service that is waited for: it wraps
    for document, line in lines.items():
        table.add_row(Spinner("dots", style="blue"), Text(one_line(document), style="bold"), Text(one_line(line)))
    return table
