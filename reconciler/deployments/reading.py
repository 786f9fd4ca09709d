"""What lies in a deployment directory, by digest; a file that did not change is not read again.

A file counts as unchanged while its inode, size and both its times are the same: a write of equal size changes the
times, and setting the modification time back changes the other (which nobody can set). The kernel's clock for them
ticks every few milliseconds; so what was changed less than two seconds before it was read is read again next time
(the rule of git's index for "racily clean" entries).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from contextlib import suppress

from reconciler.core.observation import DeploymentReading
from reconciler.deployments.folders import opened

LARGEST = 16 << 20
"""Bytes; what is larger can't be ours, and is not read."""

_HOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SETTLED_NS = 2_000_000_000
_CURRENT = "current"
_REVISIONS = "revisions/"

Signature = tuple[int, int, int, int, int]


class Reader:
    """Remembers digests by path. Used by several threads: each entry is written at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Signature, str]] = {}
        self.hashed = 0
        """How many files were read, ever."""

    def read(self, directory: str, paths: Sequence[str]) -> DeploymentReading:
        """Never raises: what went wrong is in the reading."""
        try:
            with opened(directory) as root:
                active = active_revision(root)
        except FileNotFoundError:
            return DeploymentReading()
        except OSError as error:
            return DeploymentReading(
                problem=f"could not read {directory}: {(error.strerror or str(error)).lower()}"
            )
        digests = ((path, self.digest(directory, path)) for path in paths)
        return DeploymentReading(active=active, digests={path: digest for path, digest in digests if digest})

    def digest(self, directory: str, path: str) -> str:
        """SHA-256 of one file; "" where there is none that can be read."""
        *folders, name = path.split("/")
        with suppress(OSError), opened(directory, *folders) as folder:
            return self._digest((directory, path), os.open(name, _HOW, dir_fd=folder))
        return ""

    def _digest(self, key: tuple[str, str], handle: int) -> str:
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                return ""
            signature = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            known = self._known.get(key)
            if known is not None and known[0] == signature:
                return known[1]
            digest = hashlib.sha256(file.read(LARGEST + 1)).hexdigest()
            self.hashed += 1
        if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > _SETTLED_NS:
            self._known[key] = signature, digest
        return digest

    def forget(self, directory: str) -> None:
        """The directory is gone."""
        for key in [key for key in self._known if key[0] == directory]:
            self._known.pop(key, None)


def active_revision(root: int) -> str:
    """The fingerprint that ``current`` points to; "" where it is none of ours."""
    try:
        goal = os.readlink(_CURRENT, dir_fd=root)
    except OSError:
        return ""
    name = goal.removeprefix(_REVISIONS)
    return name if name != goal and name and "/" not in name else ""
