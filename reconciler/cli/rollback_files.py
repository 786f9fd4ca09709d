"""The files that a rollback writes, in their order: what a project's document names beside it, then the document.

A lock file and config files come back from the history, each to where the earlier revision had it. What would be
written over must be what the document has now, or what is to come back: anything else was edited meanwhile, and is
only lost on a person's word. A file that another document names too is never written: that one did not go back.

Files are written one by one, each whole. Until the document is written, as the last, the folder does not ask for
the earlier revision; when a write fails, those before it are taken back.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli.files import replace
from reconciler.core.desired import DesiredState
from reconciler.core.project import Artifact
from reconciler.errors import InputError, ReconcilerError
from reconciler.sources.artifacts import reading_in
from reconciler.spec.artifacts import beside
from reconciler.spec.problem import Wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file, relative to the folder. ``before`` is None where there is none yet. ``shown``: whether its lines
    may be shown to people.
    """

    file: str
    before: bytes | None
    after: bytes
    shown: bool = True


def artifact_changes(
    folder: Path, current: DesiredState, wanted: DesiredState, *, others: Iterable[DesiredState], force: bool
) -> tuple[Change, ...]:
    """The files of ``wanted`` that are not there as they should be; () for a Container. ``others`` are the
    documents in force, ``force`` gives up what was edited meanwhile. Raises InputError.
    """
    if wanted.project is None or current.source is None:
        return ()
    document = current.source.file
    now, then = places(current, document), places(wanted, document)
    secret = _secrets(current) | _secrets(wanted)
    found = []
    for file, artifact in then.items():
        before = _content(folder, file)
        if before == artifact.content:
            continue
        _refuse_shared(file, wanted.name, others)
        known = now.get(file)
        if before is not None and not force and (known is None or before != known.content):
            raise InputError(
                f"{file} is not what release {current.release.id} of {current.name} has: somebody edited it",
                hint="nothing was written; keep a copy, then --force writes over it",
            )
        found.append(Change(file=file, before=before, after=artifact.content, shown=artifact.name not in secret))
    return tuple(found)


def places(desired: DesiredState, document: str) -> Mapping[str, Artifact]:
    """A project's artifacts by their file relative to the folder; ``document`` is the file of the document."""
    project = desired.project
    if project is None:
        return {}
    return {beside(document, item.source): item for item in (project.lock, *project.files)}


def write_all(folder: Path, changes: Sequence[Change]) -> None:
    """Write them in their order. Raises what writing raises; what was written before that is taken back."""
    done: list[Change] = []
    try:
        for change in changes:
            place = folder / change.file
            place.parent.mkdir(parents=True, exist_ok=True)
            replace(place, change.after)
            done.append(change)
    except (ReconcilerError, OSError) as error:
        for change in reversed(done):
            _take_back(folder / change.file, change)
        if isinstance(error, OSError):
            raise InputError(f"cannot write {error.filename}: {error.strerror}") from error
        raise


def _take_back(place: Path, change: Change) -> None:
    if change.before is None:
        place.unlink()
    else:
        replace(place, change.before)


def _content(folder: Path, file: str) -> bytes | None:
    """What lies there; None for nothing. Raises InputError for what may not be read, or not be written to."""
    place, root = Path(folder, file), os.path.realpath(folder)
    if not os.path.lexists(place):
        above = os.path.realpath(place.parent)
        if above != root and not above.startswith(f"{root}/"):
            raise InputError(f"{file} leads out of the folder", hint="nothing was written")
        return None
    try:
        return reading_in({"": folder})(file)
    except Wrong as wrong:
        raise InputError(str(wrong), hint="nothing was written") from wrong


def _secrets(desired: DesiredState) -> set[str]:
    services = desired.project.services if desired.project else ()
    return {file.artifact for service in services for file in service.files if file.kind == "secret"}


def _refuse_shared(file: str, name: str, others: Iterable[DesiredState]) -> None:
    sharing = next(_naming(file, name, others), "")
    if sharing:
        raise InputError(
            f"{file} is also {sharing}'s, which would change with it",
            hint="nothing was written; give each document files of its own, or go back with your version control",
        )


def _naming(file: str, name: str, others: Iterable[DesiredState]) -> Iterator[str]:
    for other in others:
        if other.name != name and other.source is not None and file in places(other, other.source.file):
            yield other.name
