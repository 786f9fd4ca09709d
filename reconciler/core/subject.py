"""Subject: what has to be looked at on a host to decide about one document. Pure."""

from __future__ import annotations

from reconciler.core.deployment import revision_paths
from reconciler.core.desired import DesiredState
from reconciler.core.observation import Subject
from reconciler.core.record import Record


def subject(desired: DesiredState, record: Record) -> Subject:
    """What an observation must look at for one document: what it wants, and what its history knows."""
    former = record.committed_revision
    states = (desired, *((former.desired,) if former else ()))
    projects = [(item.project, item.fingerprint) for item in states if item.project is not None]
    return Subject(
        name=desired.name,
        container_names=tuple(dict.fromkeys(name for item in states for name in item.container_names)),
        container_ids=frozenset(item.container_id for item in record.operations if item.container_id),
        images=desired.images,
        image_ids=frozenset(item.image_id for item in record.revisions if item.image_id),
        sticker=desired.sticker,
        projects=frozenset(project.name for project, _ in projects),
        directory=desired.project.directory if desired.project else "",
        files=tuple(dict.fromkeys(path for project, mark in projects for path in revision_paths(project, mark))),
    )
