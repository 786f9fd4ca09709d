"""The folder as a Source: documents in force, whatever state its files are in.

Each ``load`` looks at the whole folder; only what changed is read and parsed. A file that is broken, unreadable,
half written or missing together with its folder keeps its last good documents in force; those are remembered
over restarts by whoever owns this source (``remember`` in, ``good_by_file`` out). Only a file that is gone from
a folder that can be read takes its documents with it.

Leaves when to look to ``watch`` and the loop, and what to do about documents that are gone to planning.
Not safe to call from two threads at once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from reconciler.core.desired import DesiredState
from reconciler.sources.artifacts import ArtifactShelf, Stamp
from reconciler.sources.defaults import Choice, DefaultsInForce
from reconciler.sources.in_force import Settled, settle
from reconciler.sources.reading import FileReader, Reading
from reconciler.sources.scan import Listing, at_file, list_folder
from reconciler.spec.artifacts import ReadArtifact, artifact_paths
from reconciler.spec.assemble import build_document, conflict_problem
from reconciler.spec.check import for_target
from reconciler.spec.document import Document, read_documents
from reconciler.spec.problem import Problem, is_error

Good = dict[str, tuple[DesiredState, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """``documents`` in force for this target, by name. ``unknown_files``: those that cannot be used now; their
    last good documents are in force. ``complete``: the whole folder could be listed, and is not empty.
    ``defaults``: those in force, None where there are none; where that is not known, ``defaults_known`` is false.
    """

    documents: tuple[DesiredState, ...]
    problems: tuple[Problem, ...]
    unknown_files: tuple[str, ...]
    complete: bool
    defaults: Document | None = None
    defaults_known: bool = True


class Source(Protocol):
    """Where documents come from. Not to be called from two threads at once."""

    def load(self) -> Loaded:
        """Look; the same object is returned while nothing changed. Never raises."""

    def good_by_file(self) -> Mapping[str, tuple[DesiredState, ...]]:
        """The last good documents of every file, after the last ``load``; what to hand in after a restart."""

    def digest(self, name: str) -> bytes | None:
        """SHA-256 of the content that a file's documents in force were read from; None where that is not known."""


@dataclass(frozen=True, slots=True)
class _File:
    """What a file said when it was last read; ``artifacts``: paths of the files that its documents name."""

    digest: bytes
    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    empty: bool
    mentions_defaults: bool
    artifacts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Built:
    """The documents of one file with one set of Defaults and the files beside them as of ``stamp``; ``desired``
    are those that are sound.
    """

    origin: _File
    defaults: Document | None
    stamp: Stamp
    desired: tuple[tuple[Document, DesiredState], ...]
    problems: tuple[Problem, ...]


class FolderSource:
    """Documents of one folder for one target (None: only documents without a target). ``may_be_empty``: an empty
    folder says that there are no documents; else it is taken for a mistake, and the last good ones stay.
    """

    def __init__(
        self,
        folder: Path,
        *,
        target: str | None = None,
        may_be_empty: bool = False,
        remember: Mapping[str, tuple[DesiredState, ...]] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._target = target
        self._may_be_empty = may_be_empty
        self._reader = FileReader(clock=clock, sleep=sleep)
        self._shelf = ArtifactShelf(folder, FileReader(clock=clock, sleep=sleep))
        self._good: Good = dict(remember or {})
        self._restarted = bool(remember)
        self._files: dict[str, _File] = {}
        self._built: dict[str, _Built] = {}
        self._defaults = DefaultsInForce()
        self._seen: object = None
        self._loaded = Loaded(documents=(), problems=(), unknown_files=(), complete=False)

    def load(self) -> Loaded:
        """Look at the folder. The same object is returned while nothing changed. Never raises."""
        listing = list_folder(self._folder)
        nothing = not (listing.files or listing.refused or listing.unreadable)
        if nothing and not self._may_be_empty:
            listing.unreadable[""] = replace(at_file(str(self._folder), "the folder is empty"), level="warning")
        readings = self._reader.changed(listing.files)
        trouble = listing.refused | {
            name: at_file(name, reading.trouble) for name, reading in readings.items() if reading.trouble
        }
        changed = self._take(readings, listing)
        named = {path for file in self._files.values() for path in file.artifacts}
        self._shelf.refresh(named)
        for name in [name for name in named if self._is_no_document(name)]:
            listing.files.pop(name, None)
            trouble.pop(name, None)
        seen = (tuple(listing.files), trouble, listing.unreadable, self._shelf.stamp(sorted(named)))
        if changed or seen != self._seen:
            self._seen = seen
            self._loaded = self._assemble(listing, trouble)
        return self._loaded

    def good_by_file(self) -> Mapping[str, tuple[DesiredState, ...]]:
        """The last good documents of every file, after the last ``load``; what to hand in after a restart."""
        return dict(self._good)

    def digest(self, name: str) -> bytes | None:
        """SHA-256 of the content that a file's documents in force were read from; None where that is not known, as
        for the last good ones of a file that is broken now.
        """
        file = self._files.get(name)
        return None if file is None or name in self._loaded.unknown_files else file.digest

    def _take(self, readings: Mapping[str, Reading], listing: Listing) -> bool:
        """Parse what changed; forget what is gone. Whether anything did."""
        changed = False
        for name, reading in readings.items():
            digest = hashlib.sha256(reading.content).digest()
            before = self._files.get(name)
            if not reading.trouble and (before is None or before.digest != digest):
                self._files[name] = _parsed(name, reading.content, digest)
                changed = True
        for name in [name for name in self._files if name not in listing.files and not listing.hides(name)]:
            if name not in listing.refused:
                del self._files[name]
                self._built.pop(name, None)
        return changed

    def _is_no_document(self, name: str) -> bool:
        """Of a file that a document names: it may be YAML, and be meant for others."""
        file = self._files.get(name)
        return not self._good.get(name) and (file is None or not file.documents)

    def _assemble(self, listing: Listing, trouble: Mapping[str, Problem]) -> Loaded:
        readable = {name: self._files[name] for name in listing.files if name not in trouble}
        hidden = {name for name in {*self._good, *self._files} - listing.files.keys() if listing.hides(name)}
        broken = {name for name, file in readable.items() if any(map(is_error, file.problems))}
        unknown = {*trouble, *hidden, *broken}
        choice = self._choose_defaults(readable, unknown, strange=listing.refused)
        unknown |= {problem.file for problem in choice.problems}
        built = self._build(readable, choice, unknown)
        unknown |= {name for name, item in built.items() if any(map(is_error, item.problems))}
        if not choice.known:
            unknown |= {name for name in readable if name not in unknown and self._containers(name)}
        sound = {name: item for name, item in built.items() if name not in unknown}
        settled = self._settle(sound, unknown)
        self._good = self._now_good(sound, unknown, settled)
        problems = {
            *listing.problems,
            *trouble.values(),
            *choice.problems,
            *(problem for file in readable.values() for problem in file.problems),
            *(problem for item in built.values() for problem in item.problems),
            *self._told(settled, sound, choice.document),
        }
        return Loaded(
            documents=tuple(sorted(settled.documents, key=lambda item: item.name)),
            problems=tuple(sorted(problems)),
            unknown_files=tuple(sorted(unknown)),
            complete=not listing.unreadable,
            defaults=choice.document,
            defaults_known=choice.known,
        )

    def _choose_defaults(
        self, readable: Mapping[str, _File], unknown: Collection[str], *, strange: Collection[str]
    ) -> Choice:
        usable = {name: file.documents for name, file in readable.items() if name not in unknown}
        suspects = [name for name in unknown if name not in strange and self._may_hold_defaults(name)]
        return self._defaults.choose(usable, suspects=suspects, unknown=unknown)

    def _may_hold_defaults(self, name: str) -> bool:
        """Of a file that cannot be used. After a restart this is said of files of which nothing is remembered."""
        file = self._files.get(name)
        if file is not None and file.mentions_defaults:
            return True
        return self._restarted and name not in self._good and (file is None or file.empty)

    def _containers(self, name: str) -> bool:
        return any(document.kind != "Defaults" for document in self._files[name].documents)

    def _build(self, readable: Mapping[str, _File], choice: Choice, unknown: Collection[str]) -> dict[str, _Built]:
        if choice.known:
            for name in readable.keys() - unknown:
                file, before = readable[name], self._built.get(name)
                now = (file, choice.document, self._shelf.stamp(file.artifacts))
                if before is None or (before.origin, before.defaults, before.stamp) != now:
                    self._built[name] = _build_file(*now, self._shelf.read)
            return {name: self._built[name] for name in readable if name not in unknown}
        return {}

    def _settle(self, sound: Mapping[str, _Built], unknown: Collection[str]) -> Settled:
        fresh = [desired for item in sound.values() for _, desired in item.desired]
        kept = [desired for name in sorted(unknown) for desired in self._good.get(name, ())]
        former = {desired.name: desired for group in self._good.values() for desired in group}
        known = {problem.document for file in self._files.values() for problem in file.problems}
        return settle(for_target([*fresh, *kept], self._target), former, known=known)

    def _told(self, settled: Settled, sound: Mapping[str, _Built], defaults: Document | None) -> list[Problem]:
        origin = {id(desired): document for item in sound.values() for document, desired in item.desired}
        return [conflict_problem(item, origin.get(id(item.document)), defaults) for item in settled.conflicts]

    def _now_good(self, sound: Mapping[str, _Built], unknown: Collection[str], settled: Settled) -> Good:
        """By file: of sound ones what is in force, of the others what was good before."""
        force = {desired.name: desired for desired in settled.documents}
        good = {name: self._good[name] for name in unknown if name in self._good}
        claimed = {desired.name for group in good.values() for desired in group}
        for name, item in sound.items():
            mine = [force.get(desired.name, desired) for _, desired in item.desired if desired.name in force]
            own = tuple(desired for desired in mine if desired.name not in claimed)
            claimed.update(desired.name for desired in own)
            before = self._good.get(name, ())
            same = own == before and [one.source for one in own] == [one.source for one in before]
            good[name] = before if same else own
        return good


def _parsed(name: str, content: bytes, digest: bytes) -> _File:
    documents, problems = read_documents(content, name)
    artifacts = tuple(path for item in documents for path in artifact_paths(item.value, item.file))
    return _File(digest, documents, problems, not content.strip(), b"Defaults" in content, artifacts)


def _build_file(file: _File, defaults: Document | None, stamp: Stamp, read: ReadArtifact) -> _Built:
    containers = [document for document in file.documents if document.kind != "Defaults"]
    results = [(document, *build_document(document, defaults, read)) for document in containers]
    return _Built(
        file,
        defaults,
        stamp,
        tuple((document, desired) for document, desired, _ in results if desired is not None),
        tuple(problem for _, _, problems in results for problem in problems),
    )
