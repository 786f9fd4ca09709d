"""Subject: what has to be looked at on a host to decide about one document. Pure."""

from __future__ import annotations

from reconciler.core.delivering import may_run
from reconciler.core.deployment import folder_paths, revision_paths
from reconciler.core.desired import DesiredState
from reconciler.core.observation import Subject
from reconciler.core.record import Record
from reconciler.core.tidy import last_good


def subject(desired: DesiredState, record: Record) -> Subject:
    """What an observation must look at for one document: what it wants, and what its history knows."""
    former = record.committed_revision
    states = (desired, *((former.desired,) if former else ()))
    known = (desired, *(item.desired for item in record.revisions))
    return Subject(
        name=desired.name,
        container_names=tuple(dict.fromkeys(name for item in states for name in item.container_names)),
        container_ids=frozenset(item.container_id for item in record.operations if item.container_id),
        images=desired.all_images,
        image_ids=frozenset(item.image_id for item in record.revisions if item.image_id),
        sticker=desired.sticker,
        projects=frozenset(item.project.name for item in known if item.project is not None),
        directory=desired.project.directory if desired.project else "",
        files=_files(desired, states, known),
        deliveries=may_run(record, (*states, *_open(record)), last_good(record)),
        variables=tuple(dict.fromkeys(item for state in states for item in state.variables)),
    )


def _open(record: Record) -> tuple[DesiredState, ...]:
    """The revision that an operation was begun for and not ended."""
    begun = record.revision(record.open.fingerprint) if record.open else None
    return (begun.desired,) if begun else ()


def _files(
    desired: DesiredState, states: tuple[DesiredState, ...], known: tuple[DesiredState, ...]
) -> tuple[str, ...]:
    """All files of the revisions that matter, and of each older one enough to tell whether its folder is there."""
    directory = desired.project.directory if desired.project else ""
    found: dict[str, None] = {}
    for item in (*states, *known):
        if item.project is None or item.project.directory != directory:
            continue
        of_it = (
            revision_paths(item.project, item.fingerprint) if item in states else folder_paths(item.fingerprint)
        )
        found |= dict.fromkeys(of_it)
    return tuple(found)
