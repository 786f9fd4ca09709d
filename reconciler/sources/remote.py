"""Documents of an orchestrator beside those of the host's own folder: one Source made of two.

What the orchestrator wishes for lies in a folder too, written by whoever talks to it; it is read and checked as
every other folder is, so that a bad document never replaces a good one. Decides what holds where both are about
the same: **the host's own document wins by its name**, always, because whoever is on the host must have the last
word also while nobody can be asked. Where a document of the orchestrator's collides with others in something else
(a host port, a container's name), it is refused as in one folder: what is in force is never refused for what is
new.

Defaults of either side have no effect on the other's documents; under what a task brings, those of the host are
laid where the task is begun. Not safe to call from two threads at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from reconciler.core.desired import DesiredState, SourceLocation
from reconciler.sources.files import Good, Loaded, Source
from reconciler.sources.in_force import settle
from reconciler.spec.assemble import conflict_problem
from reconciler.spec.problem import Problem

ORIGIN: Final = "orchestrator://"
"""Before the names of the orchestrator's files; no name of a file in a folder has two slashes."""

SHADOWED: Final = "a document of this host has the same name, and the host's own wins: this one has no effect"


def is_remote(desired: DesiredState) -> bool:
    """Whether the orchestrator wishes for it."""
    return desired.source is not None and desired.source.file.startswith(ORIGIN)


def split(remembered: Mapping[str, tuple[DesiredState, ...]]) -> tuple[Good, Good]:
    """What was remembered, of the host's own files and of the orchestrator's, each under its own names."""
    own = {file: documents for file, documents in remembered.items() if not file.startswith(ORIGIN)}
    theirs = {
        file.removeprefix(ORIGIN): documents for file, documents in remembered.items() if file.startswith(ORIGIN)
    }
    return own, theirs


class CombinedSource:
    """``own``: the host's folder; ``theirs``: the orchestrator's. ``remember``: as it was handed out."""

    def __init__(
        self, own: Source, theirs: Source, *, remember: Mapping[str, tuple[DesiredState, ...]] | None = None
    ) -> None:
        self._own = own
        self._theirs = theirs
        self._named: dict[str, tuple[DesiredState, DesiredState]] = {}
        self._in_force = {
            document.name: document
            for file, documents in (remember or {}).items()
            if file.startswith(ORIGIN)
            for document in documents
        }
        self._seen: tuple[Loaded, Loaded] | None = None
        self._loaded = Loaded(documents=(), problems=(), unknown_files=(), complete=False)

    def load(self) -> Loaded:
        """As a Source."""
        own, theirs = self._own.load(), self._theirs.load()
        if self._seen is None or self._seen[0] is not own or self._seen[1] is not theirs:
            self._seen = (own, theirs)
            self._loaded = self._combined(own, theirs)
        return self._loaded

    def good_by_file(self) -> Mapping[str, tuple[DesiredState, ...]]:
        """As a Source. Of the orchestrator's only what is in force."""
        good: Good = dict(self._own.good_by_file())
        for document in self._in_force.values():
            file = document.source.file if document.source else ORIGIN
            good[file] = (*good.get(file, ()), document)
        return good

    def digest(self, name: str) -> bytes | None:
        """As a Source. What the orchestrator wishes for is in no Git checkout."""
        return None if name.startswith(ORIGIN) else self._own.digest(name)

    def _combined(self, own: Loaded, theirs: Loaded) -> Loaded:
        here = {document.name: document for document in own.documents}
        there = [self._renamed(document) for document in theirs.documents]
        free = [document for document in there if document.name not in here]
        problems = [_shadowed(document) for document in there if document.name in here]
        former = {name: document for name, document in self._in_force.items() if name not in here}
        settled = settle([*own.documents, *free], {**former, **here}, known=here)
        problems += [conflict_problem(item, None) for item in settled.conflicts if item.level == "error"]
        self._in_force = {document.name: document for document in settled.documents if is_remote(document)}
        nothing_here = not own.documents and not self._own.good_by_file()
        told = () if nothing_here and not own.complete else own.problems
        return Loaded(
            documents=tuple(sorted(settled.documents, key=lambda item: item.name)),
            problems=tuple(sorted({*told, *map(_from_there, theirs.problems), *problems})),
            unknown_files=(*own.unknown_files, *(ORIGIN + file for file in theirs.unknown_files)),
            complete=theirs.complete and (own.complete or nothing_here),
            defaults=own.defaults,
            defaults_known=own.defaults_known,
        )

    def _renamed(self, document: DesiredState) -> DesiredState:
        """Under the name of where it came from; the same object for the same one."""
        before, made = self._named.get(document.name, (None, None))
        if made is None or before is not document:
            where = document.source or SourceLocation("", 1)
            made = replace(document, source=SourceLocation(ORIGIN + where.file, where.line))
            self._named[document.name] = (document, made)
        return made


def _from_there(problem: Problem) -> Problem:
    return replace(problem, file=ORIGIN + problem.file)


def _shadowed(document: DesiredState) -> Problem:
    file, line = (document.source.file, document.source.line) if document.source else (ORIGIN, 1)
    return Problem(file, line, 1, "metadata.name", SHADOWED, document=document.name)
