"""Reading files so that neither a half-written one nor a strange one does harm, and unchanged ones cost nothing.

A file is read again only when its metadata changed, when it changed so recently that metadata may not tell, or
once a minute. A file that was changed a moment ago is taken when two reads in a row agree; a batch of such files
waits together. Files are opened without following links and without blocking, and read up to a limit.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reconciler.sources.scan import Entry
from reconciler.spec.yaml_tree import MAX_BYTES

FRESH_S = 0.2
SETTLE_S = 0.1
SETTLE_TRIES = 5
TRUST_AFTER_S = 2.0
READ_ALL_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A file's content now (at most one byte more than allowed), or why there is none."""

    content: bytes = b""
    trouble: str = ""


class FileReader:
    """Remembers what it read by metadata; ``clock`` is wall time in seconds, as in file times."""

    def __init__(
        self, *, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._trusted: dict[str, Entry] = {}
        self._read_all_at = 0.0

    def changed(self, files: Mapping[str, Entry]) -> dict[str, Reading]:
        """Read every file that may have changed since the last call; the others are as they were."""
        now = self._clock()
        if not 0 <= now - self._read_all_at < READ_ALL_EVERY_S:
            self._trusted.clear()
            self._read_all_at = now
        due = {name: entry for name, entry in files.items() if self._trusted.get(name) != entry}
        readings = {name: read_file(entry.place) for name, entry in due.items()}
        readings.update(self._settled({name: due[name] for name in due if self._fresh(due[name], now)}, readings))
        for name, entry in due.items():
            self._note(name, entry, readings[name], now)
        for name in self._trusted.keys() - files.keys():
            del self._trusted[name]
        return readings

    def _fresh(self, entry: Entry, now: float) -> bool:
        return now - entry.signature[3] / 1e9 < FRESH_S

    def _settled(self, files: Mapping[str, Entry], before: Mapping[str, Reading]) -> dict[str, Reading]:
        """Readings on which two reads agreed; where none did in several tries, the trouble."""
        settled: dict[str, Reading] = {}
        moving = dict(before)
        waiting: Iterable[str] = list(files)
        for _ in range(SETTLE_TRIES):
            if not waiting:
                return settled
            self._sleep(SETTLE_S)
            again = {name: read_file(files[name].place) for name in waiting}
            settled.update({name: reading for name, reading in again.items() if reading == moving[name]})
            moving.update(again)
            waiting = [name for name in again if name not in settled]
        trouble = Reading(trouble="is being written to; it is read again when it stays the same for a moment")
        return settled | dict.fromkeys(waiting, trouble)

    def _note(self, name: str, entry: Entry, reading: Reading, now: float) -> None:
        changed_at = max(entry.signature[3:]) / 1e9
        if not reading.trouble and now - changed_at > TRUST_AFTER_S:
            self._trusted[name] = entry
        else:
            self._trusted.pop(name, None)


def read_file(place: str) -> Reading:
    """Read a regular file, bounded, never blocking. Does not raise."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                return Reading(trouble="is not a regular file")
            return Reading(_read(descriptor))
        finally:
            os.close(descriptor)
    except OSError as error:
        return Reading(trouble=f"cannot be read: {error.strerror}")


def _read(descriptor: int) -> bytes:
    parts: list[bytes] = []
    left = MAX_BYTES + 1
    while left and (part := os.read(descriptor, min(left, 65_536))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
