"""Provenance: the file that asks for a document and, in a Git checkout, the commit and its author.

A commit is only named where the file, as it was read, is in it. Everything else is said in words: a guess in an
audit log is worse than a gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reconciler.core.audit import NOWHERE, Origin
from reconciler.core.desired import DesiredState
from reconciler.sources.git_repository import Commit, Repository, Unreadable, repository_of
from reconciler.spec.yaml_tree import MAX_BYTES

UNKNOWN: Final = "unknown"
UNCOMMITTED: Final = "uncommitted changes after"
_MOST: Final = 4096

Digest = Callable[[str], bytes | None]
"""SHA-256 of the content that a file's documents in force were read from; None where that is not known."""


class Provenance:
    """Safe for use from many threads: what is known is only ever added to."""

    def __init__(self, folder: Path, digest: Digest) -> None:
        self._folder = folder
        self._digest = digest
        self._known: dict[tuple[str, str, bytes], Origin] = {}

    def origin(self, desired: DesiredState) -> Origin:
        """Where a document comes from. Never raises."""
        if desired.source is None:
            return NOWHERE
        file = desired.source.file
        try:
            repository = repository_of(self._folder)
            if repository is None:
                return Origin(file=file)
            return self._committed(repository, file, self._digest(file))
        except (Unreadable, OSError, ValueError, RuntimeError):  # links in a circle; a tree that is damaged
            return Origin(file=file, commit=UNKNOWN)

    def _committed(self, repository: Repository, file: str, digest: bytes | None) -> Origin:
        if digest is None:
            return Origin(file=file, commit=UNKNOWN)
        head = repository.head()
        known = self._known.get((head, file, digest))
        if known is not None:
            return known
        content = _content(self._folder / file)
        if hashlib.sha256(content).digest() != digest:
            return Origin(file=file, commit=UNKNOWN)  # edited since it was read: what was read is gone
        path = (self._folder.resolve() / file).relative_to(repository.root)
        found = _origin(repository.commit(head, path), content)
        if len(self._known) >= _MOST:
            self._known = {}
        self._known[head, file, digest] = found = Origin(file=file, commit=found.commit, author=found.author)
        return found


def _origin(commit: Commit, content: bytes) -> Origin:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if commit.blob != blob:
        return Origin(commit=f"{UNCOMMITTED} {commit.id}")
    return Origin(commit=commit.id, author=commit.author)


def _content(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)
