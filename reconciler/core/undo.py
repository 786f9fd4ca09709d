"""Undo: take back the operation that is open, from whatever point it was left at.

Works from the containers that are there, never from a step counter, so that it may itself be interrupted
anywhere and made again. The former container gets its name, restart policy and run state back; the new one is
kept, stopped, for a look if it failed, and removed if it was only interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core import names
from reconciler.core.action import (
    Action,
    ContainerRef,
    RecordUndone,
    RemoveContainer,
    RenameContainer,
    SetRestartPolicy,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    WriteSticker,
)
from reconciler.core.desired import DesiredState
from reconciler.core.observation import ContainerRow
from reconciler.core.ownership import Claims
from reconciler.core.record import Operation
from reconciler.core.situation import Situation, completed, restart_policy
from reconciler.core.swap import ALIVE, NO_RESTART, wait_healthy


def undo_actions(situation: Situation, claims: Claims, operation: Operation) -> tuple[Action, ...]:
    """Everything between the open operation and the state before it."""
    cause = operation.failure or f"generation {operation.generation} was interrupted"
    former = situation.record.committed_revision
    back = former.desired if former else None
    return (
        *_retire_new(situation, claims, operation, cause),
        *(_restore(situation, claims.current, back, cause) if claims.current and back else ()),
        RecordUndone(document=situation.record.document, cause=cause, generation=operation.generation),
        *(_prove(situation, claims.current, back) if claims.current and back else ()),
    )


def _retire_new(situation: Situation, claims: Claims, operation: Operation, cause: str) -> Iterator[Action]:
    new = claims.next
    if new is None or operation.kind == "adopt":
        return
    document, container = situation.record.document, ContainerRef(new.name, new.id)
    if not operation.failure and not situation.record.served(new.id):
        if new.status in ALIVE:
            yield StopContainer(document=document, cause=cause, container=container)
        yield RemoveContainer(document=document, cause=cause, container=container, volumes=True)
        return
    yield SetRestartPolicy(document=document, cause=cause, container=container, policy=NO_RESTART)
    if new.status in ALIVE:
        yield StopContainer(document=document, cause=cause, container=container)
    to = _resting_name(situation, operation)
    for earlier, row in claims.kept:
        if earlier.state == "undone" and operation.failure:
            yield RemoveContainer(
                document=document,
                cause="only the last failed container is kept",
                container=ContainerRef(row.name, row.id),
                volumes=not situation.record.served(row.id),
            )
    if new.name != to:
        yield RenameContainer(document=document, cause=cause, container=container, to=to)


def _resting_name(situation: Situation, operation: Operation) -> str:
    name = situation.desired.container_name
    if operation.failure:
        return names.failed_name(name, operation.generation)
    earlier = max(
        item.generation
        for item in situation.record.operations
        if item.container_id == operation.container_id and item.state == "committed"
    )
    return names.previous_name(name, earlier)


def _restore(situation: Situation, old: ContainerRow, former: DesiredState, cause: str) -> Iterator[Action]:
    document, container = situation.record.document, ContainerRef(old.name, old.id)
    if old.name != former.container_name:
        yield RenameContainer(document=document, cause=cause, container=container, to=former.container_name)
        container = replace(container, name=former.container_name)
    yield SetRestartPolicy(document=document, cause=cause, container=container, policy=restart_policy(former))
    detail = situation.observation.details.get(old.id)
    if old.status == "paused":
        yield UnpauseContainer(document=document, cause=cause, container=container)
    elif old.status not in ALIVE and not (detail and completed(former, detail)):
        yield StartContainer(document=document, cause=cause, container=container)


def _prove(situation: Situation, old: ContainerRow, former: DesiredState) -> Iterator[Action]:
    container = ContainerRef(former.container_name, old.id)
    yield wait_healthy(former, container, "the former container serves again")
    yield WriteSticker(
        document=situation.record.document,
        cause="the former generation serves again",
        desired=former,
    )
