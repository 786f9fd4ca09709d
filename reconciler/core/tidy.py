"""Tidy: what is neither committed nor kept any more, and may go.

A container is collected only if the history names it as ours. The previous one stays where the document says
so, a failed one while its release is quarantined. Volumes with data stay: anonymous volumes go only with
containers that never served. The images of the last good revisions stay, whatever else says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.action import Action, ContainerRef, RemoveContainer, RemoveImage, StopContainer
from reconciler.core.delivering import collect_deliveries
from reconciler.core.image import ImageReference
from reconciler.core.names import previous_name
from reconciler.core.observation import ALIVE, ContainerRow
from reconciler.core.ownership import Claims
from reconciler.core.record import Operation, Record
from reconciler.core.situation import KEPT_REVISIONS, Situation


def tidy(situation: Situation, claims: Claims) -> tuple[Action, ...]:
    """Collect what earlier generations left, judged by the history as it is."""
    record = situation.record
    newest = _newest_previous(claims.kept)
    keep_previous = not situation.desired.cleanup_previous
    actions: list[Action] = []
    gone: set[str] = set()
    for operation, row in claims.kept:
        failed = operation.state == "undone"
        if failed and _kept_for_a_look(record, operation):
            continue
        actions += _stopped(situation, row)
        if failed or not keep_previous or operation != newest:
            actions.append(_removal(situation, row))
            gone.add(row.id)
    good = last_good(record)
    return (*actions, *_images(situation, good, gone), *collect_deliveries(situation, good))


def tidy_after_swap(situation: Situation, claims: Claims) -> tuple[Action, ...]:
    """Collect what the swap that precedes makes superfluous: it is carried out after the swap's commit."""
    actions: list[Action] = []
    gone: set[str] = set()
    heals = situation.wanted is not None
    old, committed = claims.current, situation.record.committed
    if old is not None and committed is not None and situation.desired.cleanup_previous:
        name = previous_name(situation.desired.container_name, committed.generation)
        actions.append(_removal(situation, replace(old, name=name)))
        gone.add(old.id)
    for operation, row in claims.kept:
        reused = operation.fingerprint == situation.desired.fingerprint and operation.state == "committed"
        wanted = operation.state == "undone" and heals and _kept_for_a_look(situation.record, operation)
        if not reused and not wanted:
            actions += _stopped(situation, row)
            actions.append(_removal(situation, row))
            gone.add(row.id)
    good = tuple(dict.fromkeys((situation.desired.fingerprint, *last_good(situation.record))))
    return (*actions, *_images(situation, good, gone), *collect_deliveries(situation, good))


def _newest_previous(kept: tuple[tuple[Operation, ContainerRow], ...]) -> Operation | None:
    good = [operation for operation, _ in kept if operation.state == "committed"]
    return max(good, key=lambda operation: operation.generation, default=None)


def _kept_for_a_look(record: Record, operation: Operation) -> bool:
    """The last failed container stays while its release is quarantined and still wanted."""
    failed = [item.generation for item in record.operations if item.state == "undone"]
    return operation.fingerprint in record.quarantined and operation.generation == max(failed)


def _stopped(situation: Situation, row: ContainerRow) -> Iterator[Action]:
    if row.status in ALIVE:
        yield StopContainer(
            document=situation.desired.name,
            cause="a newer generation serves",
            container=ContainerRef(row.name, row.id),
        )


def _removal(situation: Situation, row: ContainerRow) -> RemoveContainer:
    return RemoveContainer(
        document=situation.desired.name,
        cause="it is neither serving nor kept",
        container=ContainerRef(row.name, row.id),
        volumes=not situation.record.served(row.id),
    )


def _images(situation: Situation, good: tuple[str, ...], gone: set[str]) -> Iterator[Action]:
    """Images of revisions beyond the last good ones, unless something still needs them.

    ``good`` are fingerprints, newest first; ``gone`` are ids of containers that will not be there any more. The
    last image of a revision notes that all of them are collected, so that an interrupted collection is made again.
    """
    record = situation.record
    kept = [item.all_images for item in record.revisions if item.fingerprint in good[:KEPT_REVISIONS]]
    own = (situation.desired.all_images, (situation.wanted or situation.desired).all_images)
    settled = {str(image) for images in (*kept, *own) for image in images}
    for revision in record.revisions:
        if not revision.image_id or revision.image_collected:
            continue
        spare = [
            image for image in revision.all_images if str(image) not in settled and not _shared(situation, image)
        ]
        if spare and any(
            row.image_id == revision.image_id and row.id not in gone for row in situation.observation.containers
        ):
            continue
        for image in spare:
            settled.add(str(image))
            yield RemoveImage(
                document=record.document,
                cause=f"release {revision.release.id} is not among the last {KEPT_REVISIONS} good revisions",
                image=image,
                fingerprint=revision.fingerprint if image == spare[-1] else "",
            )


def _shared(situation: Situation, image: ImageReference) -> bool:
    """Whether another document wants an image or may go back to it."""
    return bool(situation.needed_by.get(str(image), frozenset()) - {situation.record.document})


def last_good(record: Record) -> tuple[str, ...]:
    """Fingerprints of revisions that were committed, newest first."""
    good = (item.fingerprint for item in reversed(record.operations) if item.state == "committed")
    return tuple(dict.fromkeys(good))
