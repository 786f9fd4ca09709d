"""Tidy: what is neither committed nor kept any more, and may go.

A container is collected only if the history names it as ours. The previous one stays where the document says
so, a failed one while its release is quarantined. Volumes with data stay: anonymous volumes go only with
containers that never served. The images of the last good revisions stay, whatever else says.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.action import Action, ContainerRef, RemoveContainer, RemoveImage, StopContainer
from reconciler.core.observation import ContainerRow
from reconciler.core.ownership import Claims
from reconciler.core.record import Operation, Record, Revision
from reconciler.core.situation import KEPT_REVISIONS, Situation

ALIVE = frozenset({"running", "paused", "restarting"})


def tidy(situation: Situation, claims: Claims) -> tuple[Action, ...]:
    """Collect what earlier generations left, judged by the history as it is."""
    record = situation.record
    newest = _newest_previous(claims.kept)
    keep_previous = not situation.desired.cleanup_previous
    actions: list[Action] = []
    for operation, row in claims.kept:
        failed = operation.state == "undone"
        if failed and operation.fingerprint in record.quarantined and _last_failed(record, operation):
            continue
        if not failed and keep_previous and operation == newest:
            actions += _stopped(situation, row)
            continue
        actions += _stopped(situation, row)
        actions.append(_removal(situation, row))
    return (*actions, *_images(situation))


def tidy_after_swap(situation: Situation, claims: Claims) -> tuple[Action, ...]:
    """Collect what the swap that precedes makes superfluous: it is carried out after the swap's commit."""
    actions: list[Action] = []
    old = claims.current
    if old is not None and situation.desired.cleanup_previous:
        actions.append(_removal(situation, old))
    for operation, row in claims.kept:
        reused = operation.fingerprint == situation.desired.fingerprint and operation.state == "committed"
        if not reused:
            actions += _stopped(situation, row)
            actions.append(_removal(situation, row))
    return tuple(actions)


def _newest_previous(kept: tuple[tuple[Operation, ContainerRow], ...]) -> Operation | None:
    good = [operation for operation, _ in kept if operation.state == "committed"]
    return max(good, key=lambda operation: operation.generation, default=None)


def _last_failed(record: Record, operation: Operation) -> bool:
    failed = [item.generation for item in record.operations if item.state == "undone"]
    return operation.generation == max(failed)


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


def _images(situation: Situation) -> Iterator[Action]:
    """Images of revisions beyond the last good ones, unless something still needs them."""
    record = situation.record
    needed = {str(situation.desired.image)}
    needed |= {str(revision.image) for revision in _last_good(record)}
    used = {row.image_id for row in situation.observation.containers}
    seen: set[str] = set()
    for revision in record.revisions:
        reference = str(revision.image)
        spare = revision.image_id and not revision.image_collected and revision.image_id not in used
        elsewhere = situation.needed_by.get(reference, frozenset()) - {record.document}
        if spare and not elsewhere and reference not in needed and reference not in seen:
            seen.add(reference)
            yield RemoveImage(
                document=record.document,
                cause=f"{revision.release.id} is older than the last {KEPT_REVISIONS} good revisions",
                image=revision.image,
                fingerprint=revision.fingerprint,
            )


def _last_good(record: Record) -> tuple[Revision, ...]:
    order: list[str] = []
    for operation in reversed(record.operations):
        if operation.state == "committed" and operation.fingerprint not in order:
            order.append(operation.fingerprint)
    return tuple(revision for revision in record.revisions if revision.fingerprint in order[:KEPT_REVISIONS])
