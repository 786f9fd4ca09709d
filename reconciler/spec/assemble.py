"""From the documents of many files to DesiredStates: the one Defaults, building, the checks across documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.desired import DesiredState
from reconciler.spec.artifacts import ReadArtifact, artifact_paths, attached, no_artifacts
from reconciler.spec.build import build_checked, check_defaults
from reconciler.spec.check import Conflict, conflicts, for_target
from reconciler.spec.defaults import defaults_for
from reconciler.spec.document import Document, read_documents
from reconciler.spec.merge import merged
from reconciler.spec.problem import Level, Path, Problem, dotted, is_error

Usable = tuple[Document, DesiredState]
"""A document with what was built of it."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in some files: the documents that can be used, and every problem, sorted. ``origins`` are the
    texts of what was built, by the identity of what was built of them; ``defaults`` what was laid under them.
    """

    documents: tuple[DesiredState, ...]
    problems: tuple[Problem, ...]
    origins: Mapping[int, Document] = field(default_factory=dict)
    defaults: Document | None = None

    @property
    def sound(self) -> bool:
        return not any(map(is_error, self.problems))

    def problem(self, desired: DesiredState, path: Path, message: str) -> Problem:
        """What is wrong with one of ``documents``, at the place where it is written."""
        return conflict_problem(Conflict(desired, path, message), self.origins.get(id(desired)), self.defaults)


def examine(
    contents: Mapping[str, bytes],
    *,
    read: ReadArtifact = no_artifacts,
    target: str | None = None,
    every: bool = False,
) -> Examined:
    """Read and check whole files, by their name. ``read`` has the files that come with them, by their path with
    the document's file. ``every``: for each target there is, not for ``target`` alone.
    """
    documents, problems = parsed(contents)
    usable = built(documents, problems, read=read)
    desired = [item for _, item in usable]
    kept = desired if every else for_target(desired, target)
    names = {target, *(item.target for item in desired)} if every else {target}
    groups = [(for_target(desired, name), frozenset[str]()) for name in names]
    return checked(usable, problems, kept=kept, groups=groups, defaults=choose_defaults(documents)[0])


def parsed(contents: Mapping[str, bytes]) -> tuple[list[Document], set[Problem]]:
    """The documents of all files, and what is wrong in them."""
    found = {file: read_documents(content, file) for file, content in contents.items()}
    taken = {
        path for items, _ in found.values() for item in items for path in artifact_paths(item.value, item.file)
    }
    kept = [result for file, result in found.items() if file not in taken or result[0]]
    documents = [document for items, _ in kept for document in items]
    return documents, {problem for _, problems in kept for problem in problems}


def built(
    documents: Sequence[Document], problems: set[Problem], *, read: ReadArtifact, fleet: bool = False
) -> list[Usable]:
    """Those that can be used, with the Defaults among them; what is wrong is added to ``problems``."""
    defaults, about_defaults = choose_defaults(documents)
    problems.update(about_defaults)
    results = [
        (document, *build_document(document, defaults, read, fleet=fleet))
        for document in documents
        if document.kind != "Defaults"
    ]
    problems.update(problem for _, _, found in results for problem in found)
    return [(document, desired) for document, desired, _ in results if desired is not None]


def checked(
    usable: Sequence[Usable],
    problems: set[Problem],
    *,
    kept: Sequence[DesiredState],
    groups: Iterable[tuple[Sequence[DesiredState], frozenset[str]]],
    defaults: Document | None = None,
) -> Examined:
    """What of ``kept`` has no conflict in any of the groups that meet on a target; with each the names of others
    that may be there. ``defaults`` are what was laid under them.
    """
    origins = {id(item): document for document, item in usable}
    refused: set[int] = set()
    known = {problem.document for problem in problems}
    for group, others in groups:
        for conflict in conflicts(group, known=known | others):
            problems.add(conflict_problem(conflict, origins.get(id(conflict.document)), defaults))
            refused.update({id(conflict.document)} if conflict.level == "error" else ())
    good = tuple(item for item in kept if id(item) not in refused)
    return Examined(good, tuple(sorted(problems)), origins, defaults)


def choose_defaults(documents: Iterable[Document]) -> tuple[Document | None, tuple[Problem, ...]]:
    """The Defaults of a folder. None when there are none, or when what there is cannot be used."""
    found = [document for document in documents if document.kind == "Defaults"]
    if len(found) > 1:
        return None, tuple(_second_defaults(document, found) for document in found)
    problems = [
        document.problem(path, message) for document in found for path, message in check_defaults(document.value)
    ]
    return (found[0] if found and not problems else None), tuple(sorted(problems))


def _second_defaults(document: Document, found: Sequence[Document]) -> Problem:
    others = " and ".join(str(other.source) for other in found if other is not document)
    return document.problem(("kind",), f"a folder has at most one Defaults document; another is in {others}")


def build_document(
    document: Document, defaults: Document | None, read: ReadArtifact = no_artifacts, *, fleet: bool = False
) -> tuple[DesiredState | None, tuple[Problem, ...]]:
    """One Container or ComposeProject document with the Defaults under it and the files beside it. ``fleet``: as
    an orchestrator reads it.
    """
    under = defaults_for(document.kind, defaults)
    whole = merged(under, document.value) if under else document.value
    complete, findings = attached(whole, document.file, read)
    if findings:
        return None, tuple(_placed(document, defaults, path, message) for path, message in findings)
    desired, wrong = build_checked(complete, source=document.source, fleet=fleet)
    return desired, tuple(
        item if isinstance(item, Problem) else _placed(document, defaults, *item) for item in wrong
    )


def _placed(
    document: Document, defaults: Document | None, path: Path, message: str, *, level: Level = "error"
) -> Problem:
    if defaults is not None and not document.says(path) and defaults.says(path):
        theirs = defaults.problem(path, message)
        message = f"{message} (from the Defaults in {theirs.where})"
    return document.problem(path, message, level=level)


def conflict_problem(conflict: Conflict, document: Document | None, defaults: Document | None = None) -> Problem:
    """A conflict as a Problem, at its place where the document's text is known; what the Defaults say is told."""
    if document is not None:
        return _placed(document, defaults, conflict.path, conflict.message, level=conflict.level)
    source = conflict.document.source
    file, line = (source.file, source.line) if source else ("", 1)
    return Problem(
        file, line, 1, dotted(conflict.path), conflict.message, conflict.level, document=conflict.document.name
    )
