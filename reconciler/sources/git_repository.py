"""A Git checkout, as far as provenance needs it: which commit is checked out, who wrote it, what a file is in it.

Read with dulwich: the program ``git`` is not run, since it may not be there, and the configuration of a repository
can make it run others. What cannot be read, for whatever reason, is Unreadable.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path


class Unreadable(Exception):
    """What is there cannot be told: another format, damaged, or gone meanwhile."""


@dataclass(frozen=True, slots=True)
class Commit:
    """``author`` as ``Name <address>``; ``blob`` is the id of the file asked for, "" where it is not in it."""

    id: str
    author: str
    blob: str


@dataclass(frozen=True, slots=True)
class Repository:
    """``root`` is the working tree."""

    root: Path

    def head(self) -> str:
        """The id of the commit that is checked out. Raises Unreadable."""
        from dulwich.repo import Repo

        with _translated(), closing(Repo(str(self.root))) as repository:
            return repository.head().decode("ascii")

    def commit(self, name: str, path: Path) -> Commit:
        """A commit by its id, and what a file, relative to the root, is in it. Raises Unreadable."""
        from dulwich.object_store import tree_lookup_path
        from dulwich.objects import Commit as Found
        from dulwich.repo import Repo

        with _translated(), closing(Repo(str(self.root))) as repository:
            found = repository[name.encode("ascii")]
            if not isinstance(found, Found):
                raise Unreadable(f"{name} is no commit")
            try:
                blob = tree_lookup_path(repository.__getitem__, found.tree, bytes(path))[1].decode("ascii")
            except KeyError:
                blob = ""
            return Commit(name, found.author.decode("utf-8", "replace"), blob)


def repository_of(folder: Path) -> Repository | None:
    """The repository that a folder is checked out from; None where it is no checkout."""
    place = folder.resolve()
    return next((Repository(root) for root in (place, *place.parents) if (root / ".git").exists()), None)


@contextmanager
def _translated() -> Iterator[None]:
    """What is damaged is told in many ways, among them those of the modules that dulwich reads with."""
    from dulwich.errors import ChecksumMismatch, FileFormatException, NotGitRepository
    from dulwich.repo import UnsupportedVersion

    broken = (ChecksumMismatch, FileFormatException, NotGitRepository, UnsupportedVersion)
    by_the_way = (KeyError, ValueError, OSError, AssertionError, EOFError, NotImplementedError, struct.error)
    try:
        yield
    except (*broken, *by_the_way, zlib.error) as error:
        raise Unreadable(str(error)) from error
