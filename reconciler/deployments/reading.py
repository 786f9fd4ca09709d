"""What lies in a deployment directory, by digest; a file that did not change is not read again (``unchanged``)."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from contextlib import suppress

from reconciler.core.observation import DeploymentReading
from reconciler.folders import READ, opened
from reconciler.unchanged import Unchanged

LARGEST = 16 << 20
"""Bytes; what is larger can't be ours, and is not read."""

_CURRENT = "current"
_REVISIONS = "revisions/"


class Reader:
    """Remembers digests by path. Used by several threads: each entry is written at once."""

    def __init__(self) -> None:
        self._known: Unchanged[tuple[str, str], str] = Unchanged()
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
            return self._digest((directory, path), os.open(name, READ, dir_fd=folder))
        return ""

    def _digest(self, key: tuple[str, str], handle: int) -> str:
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                return ""
            known = self._known.get(key, found)
            if known is not None:
                return known
            digest = hashlib.sha256(file.read(LARGEST + 1)).hexdigest()
            self.hashed += 1
        self._known.put(key, found, digest)
        return digest

    def forget(self, directory: str) -> None:
        """The directory is gone."""
        self._known.forget_where(lambda key: key[0] == directory)


def active_revision(root: int) -> str:
    """The fingerprint that ``current`` points to; "" where it is none of ours."""
    try:
        goal = os.readlink(_CURRENT, dir_fd=root)
    except OSError:
        return ""
    name = goal.removeprefix(_REVISIONS)
    return name if name != goal and name and "/" not in name else ""
