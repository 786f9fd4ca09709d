"""Tidy: what of a project is neither committed nor kept any more, and may go.

The folders and images of the last good revisions stay, and the folder of one that failed while its document still
wants it. A former project goes down once another one is committed in its place. Volumes stay.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.action import Action, RemoveDeployment, RemoveImage, RemoveRevision
from reconciler.core.compose.claims import ProjectClaims
from reconciler.core.compose.files import reading_of
from reconciler.core.compose.steps import down_actions
from reconciler.core.delivering import collect_deliveries
from reconciler.core.deployment import folder_paths
from reconciler.core.desired import DesiredState
from reconciler.core.observation import ContainerRow
from reconciler.core.project import DIRECTORY_LABEL, PROJECT_LABEL, Project
from reconciler.core.record import Record, Revision
from reconciler.core.situation import KEPT_REVISIONS, Situation
from reconciler.core.tidy import last_good


def tidy(situation: Situation, claims: ProjectClaims) -> tuple[Action, ...]:
    """Collect what earlier generations left, judged by the history as it is."""
    good = last_good(situation.record)
    return (*_former_projects(situation, claims), *_collected(situation, claims, good))


def tidy_after_commit(situation: Situation, claims: ProjectClaims, *, gone: bool) -> tuple[Action, ...]:
    """Collect what the commit that precedes makes superfluous. ``gone``: the former project is down already."""
    good = tuple(dict.fromkeys((situation.desired.fingerprint, *last_good(situation.record))))
    former = () if gone else tuple(_former_projects(situation, claims))
    return (*former, *_collected(situation, claims, good))


def _collected(situation: Situation, claims: ProjectClaims, good: tuple[str, ...]) -> tuple[Action, ...]:
    folders = _folders(situation, claims, good)
    return (*folders, *_images(situation, good), *collect_deliveries(situation, good))


def former_states(record: Record, project: Project) -> tuple[tuple[DesiredState, Project], ...]:
    """The newest revision of every other project that this document ever was."""
    found: dict[tuple[str, str], tuple[DesiredState, Project]] = {}
    for revision in reversed(record.revisions):
        former = revision.desired.project
        if former is not None and (former.name, former.directory) != (project.name, project.directory):
            found.setdefault((former.name, former.directory), (revision.desired, former))
    return tuple(found.values())


def _former_projects(situation: Situation, claims: ProjectClaims) -> Iterator[Action]:
    project = claims.project
    for desired, former in former_states(situation.record, project):
        if former.name == project.name or not any(_of(row, former) for row in claims.elsewhere):
            continue
        cause = f"project {project.name} has taken the place of {former.name}"
        yield from down_actions(situation, desired, former, cause=cause)
        if former.directory != project.directory:
            yield RemoveDeployment(document=situation.desired.name, cause=cause, desired=desired)


def _of(row: ContainerRow, project: Project) -> bool:
    place = (row.labels.get(PROJECT_LABEL), row.labels.get(DIRECTORY_LABEL))
    return place == (project.name, project.directory)


def _folders(situation: Situation, claims: ProjectClaims, good: tuple[str, ...]) -> Iterator[Action]:
    """Folders of revisions beyond the last good ones, as far as they are seen on disk."""
    record, reading = situation.record, reading_of(situation, claims.project)
    if reading is None:
        return
    wanted = situation.wanted or situation.desired
    kept = {situation.desired.fingerprint, wanted.fingerprint, *good[:KEPT_REVISIONS], *record.quarantined}
    for revision in record.revisions:
        project = revision.desired.project
        if project is None or project.directory != claims.project.directory or revision.fingerprint in kept:
            continue
        there = any(path in reading.digests for path in folder_paths(revision.fingerprint))
        if there and reading.active != revision.fingerprint:
            yield RemoveRevision(document=record.document, cause=_beyond(revision), desired=revision.desired)


def _beyond(revision: Revision) -> str:
    return f"release {revision.release.id} is not among the last {KEPT_REVISIONS} good revisions"


def _images(situation: Situation, good: tuple[str, ...]) -> Iterator[Action]:
    """Images of revisions beyond the last good ones, unless something still needs them. The last one of a revision
    notes that all of them are collected, so that an interrupted collection is made again.
    """
    record = situation.record
    kept = [item.all_images for item in record.revisions if item.fingerprint in good[:KEPT_REVISIONS]]
    wanted = situation.wanted or situation.desired
    own = (situation.desired.all_images, wanted.all_images)
    needed = {str(image) for images in (*kept, *own) for image in images}
    for revision in record.revisions:
        references = (str(image) for image in revision.all_images)
        elsewhere = {item for item in references if situation.needed_by.get(item, frozenset()) - {record.document}}
        spare = [image for image in revision.all_images if str(image) not in needed | elsewhere]
        if revision.image_collected:
            continue
        for image in spare:
            mark = revision.fingerprint if image == spare[-1] else ""
            yield RemoveImage(document=record.document, cause=_beyond(revision), image=image, fingerprint=mark)
