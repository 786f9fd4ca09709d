"""Files: what is known of a project's deployment directory, and how it differs from what a revision needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.action import Action, WriteRevision
from reconciler.core.delivery import NOWHERE, Places, secret_paths
from reconciler.core.deployment import revision_files
from reconciler.core.desired import DesiredState
from reconciler.core.observation import DeploymentReading
from reconciler.core.project import Project
from reconciler.core.record import Record
from reconciler.core.situation import Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A file on disk that is not as the revision says. ``found`` is its digest, "" where it is not there."""

    path: str
    wanted: str
    found: str


def reading_of(situation: Situation, project: Project) -> DeploymentReading | None:
    """What was read in the project's directory. Only the wanted revision's directory is read, so that nothing is
    known of another one.
    """
    asked = (situation.wanted or situation.desired).project
    known = asked is not None and asked.directory == project.directory
    return situation.observation.deployments.get(situation.desired.name) if known else None


def wanted_digests(
    desired: DesiredState, project: Project, record: Record, places: Places = NOWHERE
) -> Mapping[str, str]:
    """SHA-256 (hex) by path of the revision's files, relative to the directory."""
    known = {f"files/{item.sha256}/{item.name}": item.sha256 for item in project.files}
    files = revision_files(
        project,
        fingerprint=desired.fingerprint,
        document=record.document,
        owner=record.owner,
        secrets=secret_paths(desired.deliveries, places, record.document),
    )
    return {path: known.get(path) or hashlib.sha256(content).hexdigest() for path, content in files.items()}


def touched_files(situation: Situation, desired: DesiredState, project: Project) -> tuple[Touched, ...]:
    """The revision's files that differ on disk; () where nothing is known."""
    reading = reading_of(situation, project)
    if reading is None or reading.problem:
        return ()
    wanted = wanted_digests(desired, project, situation.record, situation.places)
    return tuple(
        Touched(path=path, wanted=digest, found=reading.digests.get(path, ""))
        for path, digest in wanted.items()
        if reading.digests.get(path) != digest
    )


def ensure_files(situation: Situation, desired: DesiredState, project: Project, *, cause: str) -> Iterator[Action]:
    """The revision's folder, where it is not known to be whole."""
    reading = reading_of(situation, project)
    unknown = reading is None or bool(reading.problem)
    if unknown or touched_files(situation, desired, project):
        yield WriteRevision(document=situation.desired.name, cause=cause, desired=desired)


def mounting(project: Project, touched: tuple[Touched, ...]) -> frozenset[str]:
    """Services whose containers see one of these files, although it is not what they were started with."""
    by_path = {item.path for item in touched if item.found}
    names = {item.name for item in project.files if f"files/{item.sha256}/{item.name}" in by_path}
    return frozenset(
        service.name for service in project.services if any(file.artifact in names for file in service.files)
    )
