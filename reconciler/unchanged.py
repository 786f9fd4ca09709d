"""What is known of files, for as long as they did not change.

A file counts as unchanged while its inode, size, both its times, mode and owner are the same: a write of equal
size changes the times, and setting the modification time back changes the other (which nobody can set). The
kernel's clock for them ticks every few milliseconds; so what was changed less than two seconds before it was
looked at is looked at again next time (the rule of git's index for "racily clean" entries).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

SETTLED_NS: Final = 2_000_000_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Signature = tuple[int, ...]


class Unchanged(Generic[K, V]):
    """Remembers one value for each file. Used by several threads: each entry is written at once."""

    def __init__(self) -> None:
        self._known: dict[K, tuple[Signature, V]] = {}

    def get(self, key: K, found: os.stat_result) -> V | None:
        """What is known of the file, if it is as it was."""
        known = self._known.get(key)
        return known[1] if known is not None and known[0] == signature(found) else None

    def put(self, key: K, found: os.stat_result, value: V) -> None:
        """Remember it, if the file was at rest when it was looked at. ``found``: from before the look."""
        if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > SETTLED_NS:
            self._known[key] = signature(found), value

    def forget_where(self, gone: Callable[[K], bool]) -> None:
        """Forget the files for which ``gone`` is true."""
        for key in [key for key in self._known if gone(key)]:
            self._known.pop(key, None)


def signature(found: os.stat_result) -> Signature:
    """What is another one for a file that was changed."""
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_mode,
        found.st_uid,
        found.st_gid,
    )
