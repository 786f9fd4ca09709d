"""Files that come with documents, read from their folder as guardedly as the documents are.

Nothing leaves the folder, also not by a link; only regular files are read, up to a limit, and only when they
changed. A file that was changed a moment ago is taken when two reads in a row agree.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.sources.reading import FileReader, Reading, read_file
from reconciler.sources.scan import Entry, signature
from reconciler.spec.artifacts import ReadArtifact
from reconciler.spec.problem import Wrong

Stamp = tuple[tuple[str, str], ...]
"""What is on the shelf under some paths: the digest of each file, or its trouble."""


@dataclass(frozen=True, slots=True)
class _Held:
    reading: Reading
    mark: str


class ArtifactShelf:
    """The files that the documents of one folder name, as they were at the last ``refresh``."""

    def __init__(self, folder: Path, reader: FileReader) -> None:
        self._folder = folder
        self._reader = reader
        self._held: dict[str, _Held] = {}

    def refresh(self, paths: Collection[str]) -> None:
        """Look at these files, relative to the folder; forget all others. Never raises."""
        found = {path: locate(self._folder, path) for path in paths}
        entries = {path: item for path, item in found.items() if isinstance(item, Entry)}
        readings = {path: item for path, item in found.items() if isinstance(item, Reading)}
        readings |= self._reader.changed(entries)
        self._held = {path: _held(readings[path]) if path in readings else self._held[path] for path in paths}

    def stamp(self, paths: Iterable[str]) -> Stamp:
        """Differs when any of these files does."""
        return tuple((path, self._held[path].mark) for path in paths)

    def read(self, path: str) -> bytes:
        """The content of a file that was asked for in ``refresh``. Raises Wrong when it cannot be had."""
        return _content(self._held[path].reading, path)


def reading_in(folders: Mapping[str, Path]) -> ReadArtifact:
    """Reads files now, each time it is asked. ``folders`` by what the names of their files begin with; nothing
    leaves the folder with the longest such beginning.
    """

    def read(path: str) -> bytes:
        prefix = max((item for item in folders if path.startswith(item)), key=len)
        found = locate(folders[prefix], path.removeprefix(prefix))
        return _content(read_file(found.place) if isinstance(found, Entry) else found, path)

    return read


def locate(folder: Path, path: str) -> Entry | Reading:
    """Where a file really lies, or why it is not read."""
    try:
        root = os.path.realpath(folder, strict=True)
        place = os.path.realpath(Path(root, path), strict=True)
        facts = Path(place).stat()
    except OSError as error:
        return Reading(trouble=f"cannot be read: {error.strerror}")
    if not place.startswith(f"{root}/"):
        return Reading(trouble="is a link that leaves the folder; what it leads to is not read")
    if not stat.S_ISREG(facts.st_mode):
        return Reading(trouble="is not a regular file")
    return Entry(place, signature(facts))


def _held(reading: Reading) -> _Held:
    return _Held(reading, reading.trouble or hashlib.sha256(reading.content).hexdigest())


def _content(reading: Reading, path: str) -> bytes:
    if reading.trouble:
        raise Wrong(f'"{path}" {reading.trouble}')
    return reading.content
