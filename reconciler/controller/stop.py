"""Stopping: what SIGTERM and SIGINT mean.

The first signal asks to finish or take back what is under way, inside the grace that whoever stops us gives;
the second asks to stop where we are (the next start takes back what was left). Decides nothing about work: the
loop waits for these events, threads ask ``stopping`` or sleep with ``sleep``, which a stop ends. One command has
no event loop and asks a ``StopFlag`` alone.
"""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType

from reconciler.controller.stop_flag import StopFlag

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Both wishes, for the event loop (``asked``, ``at_once``) and for worker threads (``stopping``, ``sleep``).

    Used as a context manager inside the event loop it listens to the signals; ``ask`` does the same by hand.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()
        self._flag = StopFlag()

    def __enter__(self) -> StopRequest:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    def ask(self) -> None:
        """Ask once more. To be called in the event loop."""
        if self._flag.stopping:
            self.at_once.set()
        self._flag.ask()
        self.asked.set()

    @property
    def stopping(self) -> bool:
        """Whether anybody has asked; may be read from any thread."""
        return self._flag.stopping

    def sleep(self, seconds: float) -> None:
        """Sleep in a worker thread. Raises Interrupted as soon as a stop is asked for."""
        self._flag.sleep(seconds)

    def linger(self, seconds: float) -> None:
        """Sleep in a worker thread. Raises Interrupted some time after a stop is asked for, at once after two."""
        self._flag.linger(seconds)
