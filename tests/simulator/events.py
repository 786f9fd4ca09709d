"""The engine's event stream: a log that grows, and readers that wait for more of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from reconciler.core.interfaces import EngineEvent


class EventLog:
    """Times strictly grow, so that a reader can resume after the last event it saw."""

    def __init__(self) -> None:
        self.entries: list[EngineEvent] = []
        self.changed = threading.Condition()
        self.connection = 0

    def append(self, event: EngineEvent) -> None:
        with self.changed:
            self.entries.append(event)
            self.changed.notify_all()

    def next_time(self, now: float) -> int:
        """Nanoseconds of an event that happens now."""
        last = self.entries[-1].time_ns if self.entries else 0
        return max(round(now * 1e9), last + 1)

    def cut(self) -> None:
        """End every open stream, as a dying engine does: without an error."""
        with self.changed:
            self.connection += 1
            self.changed.notify_all()

    def stream(self, since_ns: int | None) -> EventStream:
        """From now on, or everything after ``since_ns``."""
        with self.changed:
            start = len(self.entries)
            if since_ns is not None:
                start = sum(entry.time_ns <= since_ns for entry in self.entries)
            return EventStream(self, start)


class EventStream(Iterator[EngineEvent]):
    def __init__(self, log: EventLog, start: int) -> None:
        self._log = log
        self._position = start
        self._connection = log.connection
        self._closed = False

    def __next__(self) -> EngineEvent:
        with self._log.changed:
            self._log.changed.wait_for(lambda: self._ended or self._position < len(self._log.entries))
            if self._position >= len(self._log.entries) or self._closed:
                raise StopIteration
            self._position += 1
            return self._log.entries[self._position - 1]

    @property
    def _ended(self) -> bool:
        return self._closed or self._connection != self._log.connection

    def close(self) -> None:
        with self._log.changed:
            self._closed = True
            self._log.changed.notify_all()
