"""Our own copies of the signatures that were accepted: with them a rollback or a heal needs no registry.

Laid out as a folder of signatures is (``sources``), a file for each repository. A copy proves nothing by itself:
it is checked against the keys of that moment like any other. Bounded: the images that were looked at last stay.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Final

from reconciler.atomic import write_file
from reconciler.core.image import ImageReference
from reconciler.errors import StateUnwritable
from reconciler.signatures.payload import Signature, as_lines
from reconciler.signatures.sources import INDEX, FolderSource, hex_of

KEPT: Final = 1000


class Copies(FolderSource):
    """The folder ``path``, made when the first copy is kept. Safe for use from many threads."""

    def __init__(self, path: Path, *, kept: int = KEPT) -> None:
        super().__init__(path, name="the copies on this host")
        self._kept = kept

    def keep(self, image: ImageReference, signature: Signature) -> None:
        """Have a copy of what was accepted. Raises StateUnwritable."""
        repository = hashlib.sha256(image.repository.encode()).hexdigest()[:16]
        self._write(image, f"{repository}.json", as_lines((signature,)))

    def keep_index(self, image: ImageReference, content: bytes) -> None:
        """Have a copy of an index that a decision rested on. Raises StateUnwritable."""
        self._write(image, INDEX, content)

    def _write(self, image: ImageReference, name: str, content: bytes) -> None:
        folder = self.path / hex_of(image)
        path = folder / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _same(path, content):
                os.utime(folder)
                return
        except OSError as error:
            raise StateUnwritable(f"a copy of a signature cannot be kept in {folder}: {error.strerror}") from error
        write_file(path, content, mode=0o600)
        self._collect(besides=folder)

    def _collect(self, *, besides: Path) -> None:
        newest = sorted(self.path.iterdir(), key=_age(besides))
        for folder in newest[self._kept :]:
            rmtree(folder, ignore_errors=True)  # what cannot be removed now is tried again with the next copy


def _same(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False


def _age(first: Path) -> Callable[[Path], tuple[bool, float]]:
    """For sorting: ``first``, then the newest first."""

    def age(path: Path) -> tuple[bool, float]:
        try:
            return path != first, -path.stat().st_mtime
        except FileNotFoundError:
            return True, 0.0

    return age
