"""Puts one file in its place, with the folders above it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from reconciler.atomic import write_in
from reconciler.core.delivery import Delivery
from reconciler.deliveries.owner import can_give, owner_of
from reconciler.errors import EngineRefused
from reconciler.folders import (
    BELOW,
    PRIVATE,
    READ,
    clear_interrupted,
    make_below,
    make_directory,
    opened,
    refuse_strange,
)


def place(root: str, document: str, item: Delivery, content: bytes) -> None:
    """Create the file whole, or put right the one that is there, durably. Raises OSError and what
    ``folders.translated`` gives for it; EngineRefused.
    """
    owner = owner_of(item)
    if not can_give(owner):
        raise EngineRefused(
            f"{item.name} is for user {owner[0]}, group {owner[1]}, and only root can give a file to them",
            hint="run the controller as root, or leave out uid and gid",
        )
    _make(root, document, item.version)
    path = Path(root, document, item.version, item.file_name)
    with opened(root, document, item.version) as folder:
        clear_interrupted(folder)
        refuse_strange(folder, item.file_name, path)
        try:
            handle = _writable(folder, item.file_name)
        except FileNotFoundError:
            write_in(folder, path, content, mode=item.mode, owner=owner)
            return
        _rewrite(handle, content, mode=item.mode, owner=owner)


def _make(root: str, *below: str) -> None:
    """Have these folders, private and ours."""
    top = Path(root)
    make_directory(top.parent, mode=PRIVATE)
    make_directory(top, mode=PRIVATE)
    with opened(root) as handle:
        _keep_private(root, handle)
    for depth, name in enumerate(below):
        with opened(root, *below[:depth]) as parent:
            make_below(parent, name, mode=PRIVATE)
            handle = os.open(name, BELOW, dir_fd=parent)
            try:
                _keep_private("/".join((root, *below[: depth + 1])), handle)
            finally:
                os.close(handle)


def _keep_private(path: str, folder: int) -> None:
    """Close a folder that was opened by hand. In somebody else's, what we write would be theirs to read."""
    found = os.fstat(folder)
    if found.st_uid != os.geteuid():
        raise EngineRefused(f"the folder {path} belongs to user {found.st_uid}", hint="remove it")
    if stat.S_IMODE(found.st_mode) != PRIVATE:
        os.fchmod(folder, PRIVATE)


def _writable(folder: int, name: str) -> int:
    """A handle of the file that is there, writable also where its mode says that it is not."""
    reading = os.open(name, READ, dir_fd=folder)
    try:
        mode = stat.S_IMODE(os.fstat(reading).st_mode)
        if not mode & stat.S_IWUSR:
            os.fchmod(reading, mode | stat.S_IWUSR)
    finally:
        os.close(reading)
    return os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)


def _rewrite(handle: int, content: bytes, *, mode: int, owner: tuple[int, int]) -> None:
    """The same inode, which containers may have mounted. Cut short by a crash, it is put right next time."""
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.ftruncate(handle, len(content))
        os.fchown(handle, *owner)
        os.fchmod(handle, mode)  # after the owner: giving a file away clears some bits
        os.fsync(handle)
