"""The folder of a log as its writers hold it, one at a time, for the time of one line; files that grow at the end.

The lock is on the folder itself, so that there is no lock file to be lost; it is free when its holder ends,
however it ends. A write is whole and on disk, or it is not there: what was written of it is taken away again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from reconciler.audit.files import READ, LogFiles
from reconciler.errors import StateLocked, StateUnwritable
from reconciler.folders import BELOW, make_directory, opened

WAIT_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.002
_APPEND: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class Place:
    """``wait_s``: how long another writer is waited for; one that took longer is then waited for no more, until it
    is done.
    """

    def __init__(self, log: LogFiles, *, wait_s: float = WAIT_S) -> None:
        self.log = log
        self._wait_s = wait_s
        self._stuck = False

    @contextmanager
    def held(self, *, make: bool) -> Iterator[int]:
        """The folder's handle, held alone. ``make``: have the folder where it is missing. Raises StateLocked,
        StateUnwritable.
        """
        with translated(self.log.folder):
            if make:
                make_directory(self.log.folder, mode=0o700)
            folder = os.open(self.log.folder, BELOW)
        try:
            self._lock(folder)
            yield folder
        finally:
            os.close(folder)

    def _lock(self, folder: int) -> None:
        tries = 1 if self._stuck else max(1, int(self._wait_s / _LOOK_EVERY_S))
        for _ in range(tries):
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in {errno.EWOULDBLOCK, errno.EINTR}:
                    raise self._unwritable(error) from error
            else:
                self._stuck = False
                return
            time.sleep(_LOOK_EVERY_S)
        self._stuck = True
        raise StateLocked(
            f"could not write the audit log {self.log.folder}: another process kept it over {self._wait_s:g} s"
        )

    def _unwritable(self, error: OSError) -> StateUnwritable:
        return unwritable(self.log.folder, error)

    def append(self, folder: int, name: str, content: bytes) -> None:
        """Add to the end of a file, durably, or not at all. Raises StateUnwritable."""
        with translated(self.log.folder / name):
            handle = os.open(name, _APPEND, dir_fd=folder)
            try:
                before = os.fstat(handle).st_size
                try:
                    _write(handle, content)
                    os.fdatasync(handle)
                except OSError:
                    # The kernel may have dropped it: it is written anew, never only synced again.
                    with suppress(OSError):
                        os.ftruncate(handle, before)
                    raise
            finally:
                os.close(handle)

    def check(self, folder: int, name: str) -> None:
        """Raises StateUnwritable where the file cannot be written to. Writes nothing."""
        with translated(self.log.folder / name):
            os.close(os.open(name, _APPEND, dir_fd=folder))

    def read(self, folder: int, name: str, *, begin: int) -> tuple[bytes, int]:
        """What stands in a file from there on, and its inode. Raises StateUnwritable."""
        with translated(self.log.folder / name):
            handle = os.open(name, READ, dir_fd=folder)
            with os.fdopen(handle, "rb") as stream:
                stream.seek(begin)
                return stream.read(), os.fstat(handle).st_ino

    def facts(self, folder: int, name: str) -> tuple[int, int]:
        """Inode and size; (0, 0) where there is no such file. Raises StateUnwritable."""
        with translated(self.log.folder / name):
            try:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return 0, 0
        return found.st_ino, found.st_size


def append_to(path: Path, line: str) -> None:
    """Add a line to a file of its owner's alone, made where it is missing, durably. What a crash left of a line
    before is ended first. Raises StateUnwritable.
    """
    with translated(path):
        handle = os.open(path, _APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(handle).st_size
            cut = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            _write(handle, b"\n" * cut + line.encode() + b"\n")
            os.fdatasync(handle)
        finally:
            os.close(handle)
        if not size:
            with opened(str(path.parent)) as folder:
                os.fsync(folder)


def _write(handle: int, content: bytes) -> None:
    written = os.write(handle, content)
    if written != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of the system as ours."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> StateUnwritable:
    return StateUnwritable(
        f"could not write the audit log {path}: {error.strerror or error}",
        hint="check free space, permissions and mount options of the state directory",
    )
