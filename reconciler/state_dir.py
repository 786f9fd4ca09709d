"""The state directory: the one place on the host that belongs to the reconciler.

Decides who may use it (one controller at a time) and how its keys come into being. What lies in the history
is the history's affair.

Invariants: nobody but its owner can read it; a lock that is held guards the file that is at the lock's path,
not one that was deleted meanwhile; a key is made once and never changed.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reconciler.atomic import create_file
from reconciler.errors import StateDamaged, StateLocked, StateUnwritable

KEY_BYTES = 32
ROOM_BYTES = 256 * 1024
ROOM_FILES = 8
"""Less than this free counts as full: what one deploy writes, with room for the history's own upkeep."""
_LOCK_FILE = "lock"

Identity = tuple[int, int]
"""Device and inode of a file."""


class StateDir:
    """The folder, made for its owner alone when it is missing. ``clock`` is seconds since the epoch."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Raises StateUnwritable when it cannot be made, or is not a folder of its own."""
        self.path = path
        self._clock = clock
        self._locked: Identity | None = None
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode):
                raise StateUnwritable(f"the state directory {path} is a link", hint="name the folder itself")
            if stat.S_IMODE(found.st_mode) & 0o077:
                path.chmod(0o700)
        except OSError as error:
            raise StateUnwritable(
                f"could not make the state directory {path}: {error.strerror}",
                hint="name another one with --state-dir",
            ) from error

    @property
    def history(self) -> Path:
        """Where the history database lies."""
        return self.path / "history.db"

    @property
    def fleet(self) -> Path:
        """Where an agent keeps what it has of its orchestrator."""
        return self.path / "fleet"

    @property
    def remote_documents(self) -> Path:
        """Documents that an orchestrator wishes for; there on hosts with an agent alone."""
        return self.fleet / "documents"

    @property
    def agent_name(self) -> str:
        """The name that this host has in a fleet; "" where it is in none."""
        try:
            return (self.fleet / "name").read_text("ascii", errors="replace").strip()
        except OSError:
            return ""

    @property
    def signatures(self) -> Path:
        """Where copies of signatures lie."""
        return self.path / "signatures"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only controller on this directory. Freed when the process ends, however it ends.

        Raises StateLocked, naming who holds it and since when, or StateUnwritable.
        """
        from filelock import FileLock, Timeout  # noqa: PLC0415 (heavy; most commands need no lock)

        path = self.path / _LOCK_FILE
        lock = FileLock(path, timeout=0, mode=0o600, fallback_to_soft=False, on_acquired=self._sign)
        try:
            lock.acquire()
        except Timeout as error:
            raise StateLocked(
                f"{self.path} is held by {_holder(path)}",
                hint="a running controller applies by itself: see `reconciler status`; else stop it first",
            ) from error
        except OSError as error:
            raise StateUnwritable(
                f"could not lock {self.path}: {error.strerror}",
                hint="check free space, permissions and mount options of the state directory",
            ) from error
        try:
            yield
        finally:
            self._locked = None
            lock.release()

    def held_by(self) -> str:
        """Who holds the lock, if that is another process; "" when nobody does or we do."""
        if self._locked is not None:
            return ""
        try:
            handle = os.open(self.path / _LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return ""
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _holder(self.path / _LOCK_FILE)
        finally:
            os.close(handle)
        return ""

    def check_room(self) -> None:
        """Raises StateUnwritable where the file system says that it is read-only or full. Writes nothing."""
        try:
            told = os.statvfs(self.path)
        except OSError as error:
            raise StateUnwritable(
                f"the state directory {self.path} cannot be reached: {error.strerror}"
            ) from error
        if told.f_flag & os.ST_RDONLY:
            raise StateUnwritable(
                f"the state directory {self.path} is on a read-only file system",
                hint="make it writable again; nothing is changed until then",
            )
        blocks = told.f_bfree if os.geteuid() == 0 else told.f_bavail
        if blocks * told.f_frsize < ROOM_BYTES:
            raise StateUnwritable(
                f"the disk of the state directory {self.path} is full",
                hint=f"free at least {ROOM_BYTES // 1024} KiB on it; nothing is changed until then",
            )
        if told.f_files and told.f_ffree < ROOM_FILES:
            raise StateUnwritable(
                f"the file system of the state directory {self.path} has no inodes left",
                hint="remove files from it; nothing is changed until then",
            )

    def still_locked(self) -> bool:
        """Whether the lock that this object took still guards the directory.

        A lock file deleted by hand would let a second controller in; who acts on the host asks before acting.
        """
        return self._locked is not None and self._locked == _identity_of(self.path / _LOCK_FILE)

    def check_lock(self) -> None:
        """Raises StateLocked where the lock that this object took guards nothing any more."""
        if not self.still_locked():
            raise StateLocked(
                f"{self.path / _LOCK_FILE} was removed or replaced while it was held",
                hint="start again: then one controller holds the state directory, as it must be; a lock file is "
                "never to be removed, it is free when its process ends",
            )

    def _sign(self, handle: int) -> None:
        """Check that the lock guards the path, then say in the file who holds it."""
        path, held = self.path / _LOCK_FILE, os.fstat(handle)
        if _identity_of(path) != (held.st_dev, held.st_ino):
            raise StateLocked(f"{path} was replaced while it was being locked", hint="try again")
        since = datetime.fromtimestamp(int(self._clock()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} since {since}\n".encode("ascii"), 0)
        self._locked = (held.st_dev, held.st_ino)

    def key(self, name: str) -> bytes:
        """The secret key in the file ``name``, made when it is missing.

        Raises StateDamaged when it is not a key or open to others, StateUnwritable.
        """
        path = self.path / name
        if not path.exists():
            create_file(path, secrets.token_bytes(KEY_BYTES), mode=0o600)
        return _read_key(path)


def _identity_of(path: Path) -> Identity | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _holder(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace").strip() or "another process"
    except OSError:
        return "another process"


def _read_key(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode, content = os.fstat(handle).st_mode, os.read(handle, KEY_BYTES + 1)
        finally:
            os.close(handle)
    except OSError as error:
        raise StateUnwritable(f"could not read the key {path}: {error.strerror}") from error
    if mode & 0o077:
        raise StateDamaged(f"the key {path} can be read by others", hint="remove it; a new one is made")
    if len(content) != KEY_BYTES:
        raise StateDamaged(f"the key {path} has not {KEY_BYTES} bytes", hint="remove it; a new one is made")
    return content
