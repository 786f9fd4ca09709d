"""The private folder of a part, and the end of everything that belongs to it.

Invariants: the owner holds a lock for as long as its process lives, so whoever finds an unlocked folder knows that
the owner was killed, and removes what it left: every new part does that first. ``remove`` leaves no process,
mount, bridge or file of the folder.
"""

from __future__ import annotations

import fcntl
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.parts import host
from tests.parts.bridge import Bridge

_PREFIX = "recon-"
_BRIDGE = "bridge"
_NAMESPACE = "namespace"


class PrivateFolder:
    """``path`` is short (a unix socket's path may have 107 bytes) and a name that containerd takes as well."""

    def __init__(self) -> None:
        _sweep()
        self.path = Path("/tmp") / f"{_PREFIX}{uuid.uuid4().hex[:8]}"
        self.path.mkdir(mode=0o700)
        self._lock = _lock(self.path)

    def note(self, bridge: Bridge) -> None:
        """The bridge goes with the folder."""
        (self.path / _BRIDGE).write_text(str(bridge.slot))

    def note_namespace(self, outer: str) -> None:
        """The network namespace of the folder's name goes with it, and the end of its cable out here."""
        (self.path / _NAMESPACE).write_text(outer)

    def remove(self) -> None:
        """End everything that belongs to the folder, and the folder."""
        _destroy(self.path)
        self._lock.close()


def _lock(folder: Path) -> IO[str]:
    unlocked = folder / "owner.new"
    handle = unlocked.open("w")
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unlocked.rename(folder / "owner")  # so that nobody ever sees an owner file that is not locked yet
    return handle


def _sweep() -> None:
    """Remove the folders whose owner was killed before it could."""
    for owner in Path("/tmp").glob(f"{_PREFIX}*/owner"):
        try:
            with owner.open("a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if owner.exists():  # else another sweep was quicker
                    _destroy(owner.parent)
        except (BlockingIOError, FileNotFoundError):
            continue  # the owner lives, or has just removed it


def _destroy(folder: Path) -> None:
    containers = folder / "data/containers"
    ids = [entry.name for entry in containers.iterdir()] if containers.is_dir() else []
    # daemons and shims name the folder in their arguments, containers have their id in the cgroup's path
    host.kill_all(f"{folder}/", f"-namespace {folder.name} ", *ids)
    _unmount(folder)
    slot = folder / _BRIDGE
    if slot.exists():
        Bridge(int(slot.read_text())).remove()
    if (folder / _NAMESPACE).exists():
        for words in (("link", "delete", (folder / _NAMESPACE).read_text()), ("netns", "delete", folder.name)):
            with suppress(host.PartFailed):  # it was not made any more
                host.run(host.program("ip", package="iproute2"), *words)
    shutil.rmtree(folder)


def _unmount(folder: Path) -> None:
    """Take away every mount below the folder, the newest first: an engine that was started again has put one over
    those of the time before, which cannot be reached until it is gone.
    """
    left = len(_mounts_under(folder)) + 1
    while len(mounts := _mounts_under(folder)) < left:
        left = len(mounts)
        for mount in mounts:
            with suppress(host.PartFailed):
                host.run(host.program("umount", package="mount"), "--lazy", mount)
    if left:
        raise host.PartFailed(f"these stay mounted: {_mounts_under(folder)}")


def _mounts_under(folder: Path) -> list[str]:
    """Mount points below the folder, the newest first."""
    points = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in reversed(points) if point.startswith(f"{folder}/")]
