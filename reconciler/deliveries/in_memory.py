"""Whether a folder lies in memory, so that what is written there is gone when the host is off.

By the kernel's list of mounts, in which a file system is found by the device number of what lies in it (proc(5)).
A tmpfs may be swapped out; where that matters, swap is encrypted or off.
"""

from __future__ import annotations

import os
from pathlib import Path

IN_MEMORY = frozenset({"tmpfs", "ramfs"})
MOUNTS = Path("/proc/self/mountinfo")


class InMemory:
    """Remembers the answer for a folder while it is the same one."""

    def __init__(self, mounts: Path = MOUNTS) -> None:
        self._mounts = mounts
        self._known: dict[tuple[int, int], str] = {}

    def trouble(self, folder: str) -> str:
        """Why no secret may be written below this folder; "" where one may. Of one that is not there yet, the
        nearest above counts.
        """
        try:
            found = _nearest(Path(folder))
            place = found.st_dev, found.st_ino
            if place not in self._known:
                self._known[place] = self._kind(found.st_dev)
        except OSError as error:
            return f"{folder} cannot be looked at: {(error.strerror or str(error)).lower()}"
        kind = self._known[place]
        return "" if kind in IN_MEMORY else f"{folder} is not in memory but on {kind or 'an unknown file system'}"

    def _kind(self, device: int) -> str:
        """The type of the file system with this device number; "" where the list has none."""
        wanted = f"{os.major(device)}:{os.minor(device)}"
        for line in self._mounts.read_text(errors="replace").splitlines():
            mount, _, system = line.partition(" - ")
            if mount.split()[2] == wanted:
                return system.split()[0]
        return ""


def _nearest(folder: Path) -> os.stat_result:
    try:
        return folder.stat()
    except FileNotFoundError:
        return _nearest(folder.parent)
