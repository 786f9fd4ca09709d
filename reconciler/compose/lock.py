"""One Compose at a time in one deployment directory, also when the one at work is an orphan.

A flock(2) on ``DIRECTORY/.lock`` whose file descriptor the Compose process inherits: the kernel keeps the lock
until the last holder has ended, so that a controller which was killed and started again waits for the Compose of
its former life. The file is never written to; who removes it holds the lock, and whoever waited opens the new one.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.core.deployment import LOCK_FILE
from reconciler.core.interfaces import Progress
from reconciler.errors import ComposeBusy, StateUnwritable

_POLL_S = 0.1
_HOW = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def held(directory: str, *, wait_s: float, progress: Progress) -> Iterator[tuple[int, ...]]:
    """Hold the directory's lock; gives the file descriptors for the child. Where there is no directory, there is
    nothing to hold. Raises ComposeBusy after ``wait_s`` seconds, StateUnwritable.
    """
    if not Path(directory).is_dir():
        yield ()
        return
    handle = _acquire(Path(directory) / LOCK_FILE, wait_s=wait_s, progress=progress)
    try:
        yield (handle,)
    finally:
        os.close(handle)


def _acquire(path: Path, *, wait_s: float, progress: Progress) -> int:
    until = time.monotonic() + wait_s
    told = False
    while True:
        handle = _open(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(path, handle):
                return handle
        except BlockingIOError:
            if not told:
                progress("waiting for an earlier run of Compose to end")
                told = True
        os.close(handle)
        if time.monotonic() > until:
            raise ComposeBusy(
                f"an earlier run of Compose is still at work in {path.parent}",
                hint=f"it was waited for {wait_s:g} s; `fuser {path}` shows it",
            )
        time.sleep(_POLL_S)


def _open(path: Path) -> int:
    try:
        return os.open(path, _HOW, 0o600)
    except OSError as error:
        raise StateUnwritable(
            f"could not lock {path}: {error.strerror}", hint="it must be an ordinary file"
        ) from error


def _is(path: Path, handle: int) -> bool:
    """Whether the file that was locked is still the one of this name."""
    try:
        named, locked = path.lstat(), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == (locked.st_dev, locked.st_ino)
