"""StopFlag: one wish to stop, as threads see it. What the signals mean is in ``stop``.

What would be left in doubt if it were cut in the middle (a hook: it may be a migration) sleeps with ``linger``, so
that it has a bounded time to end by itself. Without an event loop: a command needs none.
"""

from __future__ import annotations

import math
import queue
import time

from reconciler.errors import Interrupted

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
