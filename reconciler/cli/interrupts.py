"""Ctrl-C while the host is being changed: answered at once, and work that is under way is not left half-done.

The first one raises KeyboardInterrupt in the main thread, so that nothing new is begun, while the threads that
work finish or take back what they began. The second ends the process on the spot; the history is safe at every
moment, and the next pass finishes or takes back what was left.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from reconciler.cli.exits import Exit
from reconciler.cli.screen import Screen


@contextmanager
def interruptible(screen: Screen) -> Iterator[None]:
    """For the time of the block, in the main thread."""

    def first(_: int, __: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGINT, second)
        screen.note("finishing or taking back what is under way; Ctrl-C again to stop now", "yellow")
        raise KeyboardInterrupt

    def second(_: int, __: FrameType | None) -> NoReturn:
        screen.err.show_cursor()
        screen.note("stopped at once; the next pass finishes or takes back what was under way")
        os._exit(Exit.INTERRUPTED)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
