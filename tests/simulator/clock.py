"""A clock that moves only when somebody sleeps on it or advances it."""

from __future__ import annotations

import threading
from collections.abc import Callable

START = 1_750_000_000.0


class SimulatedClock:
    """Seconds since the epoch. Calling the clock reads it, as ``time.time`` is called."""

    def __init__(self, start: float = START) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def __call__(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        """Seconds since the clock's own beginning."""
        return self._now - START

    def sleep(self, seconds: float) -> None:
        """Returns at once; ``seconds`` have passed."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass, then tell the listeners (engines settle what fell due)."""
        with self._lock:
            self._now += max(seconds, 0.0)
        for listener in tuple(self._listeners):
            listener()

    def on_advance(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)
