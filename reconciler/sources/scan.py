"""Scanning the folder: which files there are. Reads names and metadata only, and never blocks on them.

Taken: regular files called ``*.yaml`` or ``*.yml``, in sub-folders too, and links to files and folders that
stay inside the folder. Passed over: names that begin with ".", "~" or "#" (hidden, editors' own), and Compose
files (``*.lock.yml``, ``compose.yaml``), which come with documents and are none themselves. A link that
leads out of the folder or to nothing, and a ``*.yaml`` that is no regular file, is a Problem. What a link leads
to and was reached already counts once, under its own name; so loops of links end.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reconciler.spec.artifacts import COMPOSE_DEFAULTS, LOCK_SUFFIXES
from reconciler.spec.problem import Problem

SUFFIXES = (".yaml", ".yml")
PASSED_OVER = (".", "~", "#")
MAX_FILES = 10_000
MAX_ENTRIES = 100_000

Signature = tuple[int, int, int, int, int]
"""Device, inode, size, and times of change of content and metadata in nanoseconds."""


class Entry(NamedTuple):
    """A file to read: where it really lies, and what tells that it changed. A tuple, since each look makes one for
    each file and compares it.
    """

    place: str
    signature: Signature


@dataclass(slots=True)
class Listing:
    """``files`` by name relative to the folder. ``refused``: files that are there and may not be read, each with
    its reason. ``unreadable``: folders ("" for the whole) of which not all is listed, each with its reason.
    """

    files: dict[str, Entry] = field(default_factory=dict)
    refused: dict[str, Problem] = field(default_factory=dict)
    unreadable: dict[str, Problem] = field(default_factory=dict)

    def hides(self, file: str) -> bool:
        """Whether ``file`` may be there although it is not listed."""
        return any(not folder or file.startswith(f"{folder}/") for folder in self.unreadable)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*self.refused.values(), *self.unreadable.values())


def list_folder(folder: Path) -> Listing:
    """What is in the folder now. Never raises: what cannot be listed is told in the Listing."""
    try:
        walk = _Walk(os.path.realpath(folder, strict=True))
        walk.run()
    except OSError as error:
        problem = at_file(str(folder), f"the folder cannot be read: {error.strerror}")
        return Listing(unreadable={"": problem})
    return walk.listing


def signature(facts: os.stat_result) -> Signature:
    """What tells that a file is another one, or has changed."""
    return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def at_file(file: str, message: str) -> Problem:
    """A Problem with a file as such."""
    return Problem(file, 1, 1, "", message)


class _Walk:
    """Real files and folders first, then links to files, then others; each in the order of names."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.listing = Listing()
        self.folders: deque[tuple[str, str, bool]] = deque([("", root, False)])
        self.file_links: deque[tuple[str, str]] = deque()
        self.links: deque[tuple[str, str]] = deque()
        self.seen: set[tuple[int, int]] = set()
        self.entries = 0

    def run(self) -> None:
        """Raises OSError when the root cannot be listed."""
        while self.folders or self.file_links or self.links:
            while self.folders:
                self._folder(*self.folders.popleft())
            if links := self.file_links or self.links:
                self._link(*links.popleft())

    def _folder(self, name: str, place: str, linked: bool) -> None:  # noqa: FBT001  (an entry of ``folders``)
        try:
            facts = Path(place).stat()
            with os.scandir(place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if not name:
                raise
            self._hide(name, f"the folder cannot be read: {error.strerror}")
            return
        if linked and (facts.st_dev, facts.st_ino) in self.seen:
            return
        self.seen.add((facts.st_dev, facts.st_ino))
        files = self.listing.files
        for entry in entries:
            self.entries += 1
            if len(files) >= MAX_FILES or self.entries > MAX_ENTRIES:
                self._hide("", f"there are more than {MAX_FILES} files; the rest is not read")
                for rest in (self.folders, self.file_links, self.links):
                    rest.clear()
                return
            self._entry(name, entry, linked=linked)

    def _entry(self, folder: str, entry: os.DirEntry[str], *, linked: bool) -> None:
        name = entry.name
        if name.startswith(PASSED_OVER) or name.endswith(LOCK_SUFFIXES) or name in COMPOSE_DEFAULTS:
            return
        name = f"{folder}/{_printable(name)}" if folder else _printable(name)
        if entry.is_symlink():
            links = self.file_links if name.endswith(SUFFIXES) else self.links
            links.append((name, entry.path))
        elif entry.is_dir(follow_symlinks=False):
            self.folders.append((name, entry.path, linked))
        elif name.endswith(SUFFIXES):
            try:
                facts = entry.stat(follow_symlinks=False)
                if not linked or (facts.st_dev, facts.st_ino) not in self.seen:
                    self._file(name, entry.path, facts)
            except OSError as error:
                self._refuse(name, f"cannot be read: {error.strerror}")

    def _file(self, name: str, place: str, facts: os.stat_result) -> None:
        if stat.S_ISREG(facts.st_mode):
            self.seen.add((facts.st_dev, facts.st_ino))
            self.listing.files[name] = Entry(place, signature(facts))
        else:
            self._refuse(name, "is not a regular file")

    def _link(self, name: str, link: str) -> None:
        tell = self._refuse if name.endswith(SUFFIXES) else self._hide
        try:
            place = os.path.realpath(link, strict=True)
            facts = Path(place).stat()
        except OSError as error:
            tell(name, f"is a link that leads nowhere: {error.strerror}")
            return
        is_folder = stat.S_ISDIR(facts.st_mode)
        if not is_folder and not name.endswith(SUFFIXES):
            return
        if not f"{place}/".startswith(f"{self.root}/"):
            tell(name, "is a link that leaves the folder; what it leads to is not read")
        elif (facts.st_dev, facts.st_ino) not in self.seen:
            if is_folder:
                self.folders.append((name, place, True))
            else:
                self._file(name, place, facts)

    def _refuse(self, name: str, message: str) -> None:
        self.listing.refused[name] = at_file(name, message)

    def _hide(self, name: str, message: str) -> None:
        self.listing.unreadable[name] = at_file(name or self.root, message)


def _printable(name: str) -> str:
    """Names that are not UTF-8, or would break or disguise a line, are shown with escapes: they are printed and
    stored.
    """
    if name.isascii() and name.isprintable():
        return name
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(char if _harmless(char) else char.encode("unicode_escape").decode("ascii") for char in text)


def _harmless(char: str) -> bool:
    """Neither control, formatting or unassigned, nor a separator of lines."""
    category = unicodedata.category(char)
    return category[0] != "C" and category not in {"Zl", "Zp"}
