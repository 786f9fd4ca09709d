"""Handles of folders, opened part after part, so that no link is followed; and what is done in them.

Everything happens relative to a handle: a folder that is swapped meanwhile changes nothing. What is only there
while something is written or removed has a name of its own kind (``atomic`` gives it), by which it is known again
after a crash.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.errors import EngineRefused, StateUnwritable

PRIVATE = 0o700
OPEN = 0o755
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How a file is opened whose kind is not known yet: no link is followed, no pipe is waited for."""

ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
BELOW = ROOT | os.O_NOFOLLOW
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")
_STRANGE = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


@contextmanager
def opened(directory: str, *parts: str) -> Iterator[int]:
    """The folder ``parts`` below the directory. Raises OSError: FileNotFoundError where it is not there."""
    handle = os.open(directory, ROOT)
    try:
        for part in parts:
            below = os.open(part, BELOW, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def make_directory(directory: Path, *, mode: int = OPEN) -> None:
    """Have this folder, durably, with the ones above it (those: 0755). Raises OSError."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode, exist_ok=True)
    with opened(str(directory.parent)) as parent:
        os.fsync(parent)


def make_below(parent: int, name: str, *, mode: int) -> bool:
    """Have this folder in another one, durably; False when it was there. Raises OSError."""
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except FileExistsError:
        return False
    os.fsync(parent)
    return True


def refuse_strange(folder: int, name: str, path: Path) -> None:
    """Raise EngineRefused where anything but a regular file is in the place of one. ``path``: for the message."""
    with suppress(FileNotFoundError):
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if not stat.S_ISREG(mode):
            raise EngineRefused(f"{path} is no regular file", hint="it is left as it is; remove it by hand")


@contextmanager
def unless_filled() -> Iterator[None]:
    """Around the removal of a folder: what others put into it stays, and so does the folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY}:
            raise


def clear_interrupted(folder: int) -> None:
    """Remove what was left in a folder when something was cut short."""
    for name in filter(is_interrupted, names_in(folder)):
        remove_tree(folder, name)


def names_in(folder: int) -> list[str]:
    """What is in a folder."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def remove_tree(folder: int, name: str) -> bool:
    """Remove a folder with all that is in it, or a file or link; False when it was not there."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        shutil.rmtree(name, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)
    os.fsync(folder)
    return True


def discard(folder: int, name: str) -> bool:
    """Remove a folder at once: under its name it is whole, or gone. False when it was not there."""
    doomed = f".{name}.{secrets.token_hex(8)}.tmp"
    try:
        os.rename(name, doomed, src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        return False
    os.fsync(folder)
    return remove_tree(folder, doomed)


def is_interrupted(name: str) -> bool:
    """Whether a name is one of those that only last while something is written or removed."""
    return _TEMPORARY.fullmatch(name) is not None


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Errors of the operating system as ours. ``doing`` is what was attempted."""
    try:
        yield
    except OSError as error:
        if error.errno in _STRANGE:
            raise EngineRefused(
                f"{doing}: a link or a strange file is in the way", hint="it is left as it is; remove it by hand"
            ) from error
        hint = "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
        raise StateUnwritable(f"{doing}: {(error.strerror or str(error)).lower()}", hint=hint) from error
