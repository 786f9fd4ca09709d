"""What was asked before, as long as it may be told again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    at: float
    under: object


class Memory(Generic[Key, Value]):
    """Values by key, each with the circumstances (``under``) it was true in; safe for any number of threads.

    ``max_age_s`` and ``max_entries`` None: no bound. The oldest entries go first.
    """

    def __init__(
        self, clock: Callable[[], float], *, max_age_s: float | None = None, max_entries: int | None = None
    ) -> None:
        self._clock = clock
        self._max_age_s = max_age_s
        self._max_entries = max_entries
        self._entries: dict[Key, _Entry[Value]] = {}
        self._lock = threading.Lock()

    def get(self, key: Key, *, under: object = None) -> Value | None:
        """The value; None when it is not known, too old, or known under other circumstances."""
        entry = self._current(key, under)
        return None if entry is None else entry.value

    def has(self, key: Key) -> bool:
        """Whether the key is known, also with the value None."""
        return self._current(key, None) is not None

    def put(self, key: Key, value: Value, *, under: object = None) -> None:
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = _Entry(value, self._clock(), under)
            while self._max_entries is not None and len(self._entries) > self._max_entries:
                del self._entries[next(iter(self._entries))]

    def keep(self, keys: Collection[Key]) -> None:
        """Forget all others."""
        with self._lock:
            self._entries = {key: entry for key, entry in self._entries.items() if key in keys}

    def forget(self, key: Key) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def forget_where(self, holds: Callable[[object], bool]) -> None:
        """Forget what was true under circumstances that ``holds`` says yes to."""
        with self._lock:
            self._entries = {key: entry for key, entry in self._entries.items() if not holds(entry.under)}

    def clear(self) -> None:
        self.keep(())

    def _current(self, key: Key, under: object) -> _Entry[Value] | None:
        with self._lock:
            entry = self._entries.get(key)
        if entry is None or (entry.under is not under and entry.under != under):
            return None
        expired = self._max_age_s is not None and self._clock() - entry.at >= self._max_age_s
        return None if expired else entry
