"""The work queue: which document is looked at next, and never by two workers at once.

In the manner of controller-runtime's queue (client-go ``util/workqueue``): a key stands for "look at this",
events only add keys. Decides order and exclusion; what work is, and when to come back, is the worker's.

Invariants: a key is queued at most once and handed to one worker at a time; adding it while it is worked on
makes it run once more afterwards; of several wishes to come back later the earliest counts, and those made
before a key is handed out end with it, since the pass that begins decides anew. Belongs to one event loop:
other threads add by ``loop.call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Key = TypeVar("Key")


class QueueClosed(Exception):
    """The queue was closed; there is no more work."""


class QueueMeters(Protocol):
    """What is measured of a queue, for the ``workqueue_*`` metrics."""

    def added(self) -> None:
        """A key was queued (not: was queued already)."""

    def waited(self, seconds: float) -> None:
        """A key was handed out this long after it was queued."""

    def worked(self, seconds: float) -> None:
        """A key was worked on for so long."""

    def retried(self) -> None:
        """A key was added for later."""


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The queue at one moment, in the words of the ``workqueue_*`` metrics; seconds are since the work began."""

    depth: int
    delayed: int
    working: int
    unfinished_s: float
    longest_running_s: float


class _Silent:
    """Meters of a queue that nobody measures."""

    def added(self) -> None: ...

    def waited(self, seconds: float) -> None: ...

    def worked(self, seconds: float) -> None: ...

    def retried(self) -> None: ...


class WorkQueue(Generic[Key]):
    """First in, first out, by key. Make it inside the event loop that it belongs to."""

    def __init__(self, meters: QueueMeters | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._meters = meters or _Silent()
        self._ready: asyncio.Queue[Key | None] = asyncio.Queue()
        self._queued: dict[Key, float] = {}
        self._again: set[Key] = set()
        self._working: dict[Key, float] = {}
        self._delayed: dict[Key, asyncio.TimerHandle] = {}
        self._closed = False

    def add(self, key: Key) -> None:
        """Have this key looked at soon. Queued already: nothing new. In work: once more afterwards."""
        if self._closed or key in self._queued or key in self._again:
            return
        self._meters.added()
        if key in self._working:
            self._again.add(key)
        else:
            self._queue(key)

    def add_after(self, key: Key, delay_s: float) -> None:
        """Have it looked at after ``delay_s`` seconds, or when an earlier wish falls due."""
        if self._closed:
            return
        self._meters.retried()
        if delay_s <= 0:
            self.add(key)
            return
        due = self._loop.time() + delay_s
        timer = self._delayed.get(key)
        if timer is not None and timer.when() <= due:
            return
        self._forget_delay(key)
        self._delayed[key] = self._loop.call_at(due, self._due, key)

    async def get(self) -> Key:
        """Wait for a key; ``done`` must follow. Raises QueueClosed."""
        key = None if self._closed else await self._ready.get()
        if key is None or self._closed:
            self._ready.put_nowait(None)  # wakes the next worker that waits
            raise QueueClosed
        now = self._loop.time()
        self._meters.waited(now - self._queued.pop(key))
        self._working[key] = now
        self._forget_delay(key)
        return key

    def done(self, key: Key) -> None:
        """The work on this key has ended, well or not. Raises KeyError if it was not handed out."""
        self._meters.worked(self._loop.time() - self._working.pop(key))
        if key in self._again:
            self._again.discard(key)
            self._queue(key)

    def close(self) -> None:
        """Hand out nothing more: every ``get``, also the waiting ones, raises QueueClosed. Work may end."""
        self._closed = True
        for timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()
        self._ready.put_nowait(None)

    def stats(self) -> QueueStats:
        """How it stands now."""
        now = self._loop.time()
        running = [now - began for began in self._working.values()]
        return QueueStats(
            depth=len(self._queued) + len(self._again),
            delayed=len(self._delayed),
            working=len(running),
            unfinished_s=sum(running),
            longest_running_s=max(running, default=0.0),
        )

    def _queue(self, key: Key) -> None:
        self._queued[key] = self._loop.time()
        self._ready.put_nowait(key)

    def _due(self, key: Key) -> None:
        del self._delayed[key]
        self.add(key)

    def _forget_delay(self, key: Key) -> None:
        timer = self._delayed.pop(key, None)
        if timer is not None:
            timer.cancel()
