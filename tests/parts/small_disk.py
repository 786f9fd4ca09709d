"""A small file system of its own: to be filled, to run out of inodes, to be made read-only, and to be mended.

In memory (tmpfs), since loop devices are not to be had everywhere; what a full disk answers is the same (ENOSPC,
EROFS). Needs root. What was in the folder before is hidden, or moved in where it is asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.parts import host

BLOCK: Final = 64 * 1024
FILLING: Final = "filling"


class SmallDisk:
    """Mounted at ``path``; made by ``small_disk``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Take all room that is left, to the last byte."""
        with (self.path / FILLING).open("ab", buffering=0) as file:
            for size in (BLOCK, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size):
                        pass

    def take_inodes(self) -> None:
        """No file can be made any more; those that are there can be written."""
        folder = self.path / FILLING
        folder.mkdir()
        for number in itertools.count():
            try:
                (folder / str(number)).touch()
            except OSError:
                return

    def free(self) -> None:
        """Give all of it back."""
        taken = self.path / FILLING
        if taken.is_dir():
            shutil.rmtree(taken)
        else:
            taken.unlink(missing_ok=True)

    def remount(self, how: str) -> None:
        """``ro`` or ``rw``."""
        host.run(host.program("mount", package="mount"), "-o", f"remount,{how}", str(self.path))


@contextmanager
def small_disk(path: Path, *, size: str, inodes: int = 0) -> Iterator[SmallDisk]:
    """``size`` as mount has it ("4m"); ``inodes`` 0: as many as there is room for. What is in the folder moves in,
    and out again at the end, unless somebody has taken the disk away before.
    """
    path.mkdir(parents=True, exist_ok=True)
    options = f"size={size},mode=0700" + (f",nr_inodes={inodes}" if inodes else "")
    with tempfile.TemporaryDirectory() as aside:
        _move(path, Path(aside))
        host.run(host.program("mount", package="mount"), "-t", "tmpfs", "-o", options, "none", str(path))
        disk = SmallDisk(path)
        _move(Path(aside), path)
        try:
            yield disk
        finally:
            if path.is_mount():
                disk.remount("rw")
                disk.free()
                _move(path, Path(aside))
                host.run(host.program("umount", package="mount"), "--lazy", str(path))
                _move(Path(aside), path)


def _move(source: Path, goal: Path) -> None:
    for entry in source.iterdir():
        shutil.move(entry, goal / entry.name)
