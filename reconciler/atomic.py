"""Writing a file so that a reader, a crash or a power cut sees the old content or the new one, whole.

The recipe: a temporary file in the same folder, created exclusively; mode; content; fsync; rename; fsync of
the folder. Everything happens relative to a handle of the folder, which must not be a link, so that a folder
swapped meanwhile changes nothing. A failed fsync ends the write: the kernel may have dropped the data, and a
second fsync would wrongly say yes (https://wiki.postgresql.org/wiki/Fsync_Errors). Who writes has the temporary
file locked; one that nobody has locked was left behind by a process that was killed, and goes with the next write
of the same file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from reconciler.errors import StateUnwritable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OF_THE_NAME = 200  # bytes: a name has at most 255 with what is added (NAME_MAX)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replace or create the file. Raises StateUnwritable; then the old content is still there.

    Refuses a target that is a link or anything but a regular file.
    """
    with _translated(path), _folder(path) as folder:
        write_in(folder, path, content, mode=mode)


def write_in(
    folder: int, path: Path, content: bytes, *, mode: int = 0o644, owner: tuple[int, int] | None = None
) -> None:
    """The same in a folder that is open already; the last part of ``path`` counts, the rest is for messages.
    ``owner``: user and group that it is given to, where that is not who runs the program.
    """
    with _translated(path):
        _refuse_special(path, folder)
        with _temporary(path, folder, content, mode=mode, owner=owner) as temporary:
            os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)


def create_file(path: Path, content: bytes, *, mode: int = 0o600) -> bool:
    """Create the file unless there is one: False then. Of several processes one wins. Raises StateUnwritable."""
    with _translated(path), _folder(path) as folder, _temporary(path, folder, content, mode=mode) as temporary:
        try:
            os.link(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return False
        os.fsync(folder)
    return True


def remove_file(path: Path) -> bool:
    """Remove the file or link itself; False when it was not there. Raises StateUnwritable."""
    with _translated(path):
        try:
            with _folder(path) as folder:
                os.unlink(path.name, dir_fd=folder)
                os.fsync(folder)
        except FileNotFoundError:
            return False
    return True


@contextmanager
def prepared(
    folder: int, path: Path, content: BinaryIO, *, mode: int, owner: tuple[int, int] | None = None
) -> Iterator[str]:
    """Name of a durable file beside the target, for who has several to put in their places at once. It is gone
    afterwards unless it was renamed. Raises StateUnwritable; refuses what ``write_in`` refuses.
    """
    with ExitStack() as stack:
        with _translated(path):
            _refuse_special(path, folder)
            temporary = stack.enter_context(_temporary(path, folder, content, mode=mode, owner=owner))
        yield temporary


def passing_name(name: str) -> str:
    """A name beside a file's for what only lasts for a moment; known again when it was left behind."""
    return f"{_begins(name)}{secrets.token_hex(8)}.tmp"


def remove_left_behind(folder: int, name: str) -> None:
    """Remove what others who wrote this file have left behind when they were killed."""
    begins = _begins(name)
    ours = re.compile(rf"{re.escape(begins)}[0-9a-f]{{16}}\.tmp")
    for found in filter(ours.fullmatch, os.listdir(folder)):
        with suppress(OSError):  # gone meanwhile, or no file that could be ours
            handle = os.open(found, _LOOK, dir_fd=folder)
            try:
                if stat.S_ISREG(os.fstat(handle).st_mode) and _locked(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    os.unlink(found, dir_fd=folder)
            finally:
                os.close(handle)


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    handle = os.open(path.parent, _FOLDER)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _temporary(
    path: Path, folder: int, content: bytes | BinaryIO, *, mode: int, owner: tuple[int, int] | None = None
) -> Iterator[str]:
    """A durable file with the content beside the target; gone afterwards unless it was renamed."""
    remove_left_behind(folder, path.name)
    name, handle = _new(folder, path.name, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            if owner is not None:
                os.fchown(handle, *owner)
            os.fchmod(handle, mode)  # after the owner: giving a file away clears some bits
            if isinstance(content, bytes):
                file.write(content)
            else:
                shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(handle)
            yield name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _begins(name: str) -> str:
    return f".{os.fsencode(name)[:_OF_THE_NAME].decode(errors='ignore')}."


def _new(folder: int, target: str, mode: int) -> tuple[str, int]:
    """Name and handle of a new file, locked."""
    name = passing_name(target)
    handle = os.open(name, _NEW, mode, dir_fd=folder)
    if _locked(handle, fcntl.LOCK_EX) and not os.fstat(handle).st_nlink:
        os.close(handle)  # taken for a leftover in the moment before it was locked
        return _new(folder, target, mode)
    return name, handle


def _locked(handle: int, how: int) -> bool:
    """False also where the file system knows no locks: there nothing counts as left behind."""
    try:
        fcntl.flock(handle, how)
    except OSError:
        return False
    return True


def _refuse_special(path: Path, folder: int) -> None:
    try:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise StateUnwritable(f"{path} is not a regular file", hint="it is left as it is; remove it by hand")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
        raise StateUnwritable(f"could not write {path}: {error.strerror}", hint=hint) from error
