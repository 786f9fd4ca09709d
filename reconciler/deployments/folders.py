"""Handles of folders below a deployment directory, opened part after part, so that no link is followed."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import EngineRefused, StateUnwritable

PRIVATE = 0o700
OPEN = 0o755

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BELOW = _ROOT | os.O_NOFOLLOW
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STRANGE = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


@contextmanager
def opened(directory: str, *parts: str) -> Iterator[int]:
    """The folder ``parts`` below the directory. Raises OSError: FileNotFoundError where it is not there."""
    handle = os.open(directory, _ROOT)
    try:
        for part in parts:
            below = os.open(part, _BELOW, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def make(directory: str, *parts: str) -> None:
    """Have this folder, durably. Raises OSError."""
    _make_directory(Path(directory))
    for depth, part in enumerate(parts):
        with opened(directory, *parts[:depth]) as parent:
            try:
                os.mkdir(part, OPEN if depth else PRIVATE, dir_fd=parent)
                os.fsync(parent)
            except FileExistsError:
                if depth == 0:
                    _keep_private(part, parent)


def _make_directory(directory: Path) -> None:
    if directory.is_dir():
        return
    _make_directory(directory.parent)
    directory.mkdir(OPEN, exist_ok=True)
    with opened(str(directory.parent)) as parent:
        os.fsync(parent)


def _keep_private(name: str, parent: int) -> None:
    """Close a folder that was opened by hand. One that holds anything else than ours was never closed by us."""
    handle = os.open(name, _BELOW, dir_fd=parent)
    try:
        if os.fstat(handle).st_mode & 0o777 != PRIVATE:
            _refuse_others(name, handle)
            os.fchmod(handle, PRIVATE)
    finally:
        os.close(handle)


def _refuse_others(name: str, folder: int) -> None:
    strange = sorted(item for item in names_in(folder) if not is_ours(item) and not is_interrupted(item))
    if strange:
        raise EngineRefused(
            f"the folder {name} of the deployment directory holds somebody else's {strange[0]}",
            hint="it is left as it is; choose a spec.config.deploymentDirectory of its own",
        )


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


def is_ours(name: str) -> bool:
    """Whether what is called so in ``revisions`` or ``files`` can be ours: folders there are called by digests."""
    return _DIGEST.fullmatch(name) is not None


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
