"""Stopping: what SIGTERM and SIGINT mean.

The first signal asks to finish or take back what is under way, inside the grace that whoever stops us gives;
the second asks to stop where we are (the next start takes back what was left). Decides nothing about work: the
loop waits for these events, threads ask ``stopping`` or sleep with ``sleep``, which a stop ends. One command has
no event loop and asks a ``StopFlag`` alone.

What would be left in doubt if it were cut in the middle (a hook: it may be a migration) sleeps with ``linger``, so
that it has a bounded time to end by itself.
"""

from __future__ import annotations

import asyncio
import math
import queue
import signal
import time
from types import TracebackType

from reconciler.errors import Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LINGER_S = 5.0
"""How long after a stop was asked for a lingering one is let be: what is left of the grace is for taking back."""

NOT_ASKED, AT_ONCE = math.inf, -math.inf


class StopFlag:
    """One wish to stop, for any number of threads; ``ask`` may be called from a signal handler.

    A SimpleQueue carries it, since its ``put`` is the one wake-up of the standard library that may interrupt
    itself (https://docs.python.org/3/library/queue.html#queue.SimpleQueue.put); an Event's ``set`` may not.
    """

    def __init__(self) -> None:
        self._asked_at = NOT_ASKED
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ask(self) -> None:
        """Ask everybody to stop; asking again ends lingering too."""
        self._asked_at = AT_ONCE if self.stopping else time.monotonic()
        self._wakes.put(None)

    @property
    def stopping(self) -> bool:
        """Whether anybody has asked."""
        return self._asked_at != NOT_ASKED

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises Interrupted as soon as a stop is asked for."""
        if self._woken(seconds):
            raise Interrupted("stopped while waiting", hint="the next start goes on from here")

    def linger(self, seconds: float) -> None:
        """Sleep. Raises Interrupted once a stop was asked for ``LINGER_S`` ago, or more than once; until then a
        stop may end the sleep early.
        """
        if not self.stopping:
            self._woken(seconds)
            return
        left = self._asked_at + LINGER_S - time.monotonic()
        if left <= 0:
            raise Interrupted("stopped while waiting", hint="the next start goes on from here")
        time.sleep(min(seconds, left))

    def _woken(self, seconds: float) -> bool:
        """Sleep; whether a stop was asked for before it was over."""
        try:
            self._wakes.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            return False
        self._wakes.put(None)  # for the next sleeper
        return True


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
