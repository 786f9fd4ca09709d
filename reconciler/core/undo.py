"""Undo: take back the operation that is open, from whatever point it was left at.

Works from the containers that are there, never from a step counter, so that it may itself be interrupted
anywhere and made again. Service comes first: the new container is stopped and the former one started under
whatever name it has; then names are put right, and leftovers go last, so that nothing that is refused there can
keep the service down. What failed is kept, stopped, for a look; what was only interrupted is removed, and so is
what was created without an answer: it never ran, and would not be known as ours once the operation is closed.
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
from reconciler.core.delivering import deliver_missing
from reconciler.core.desired import DesiredState
from reconciler.core.observation import ALIVE, ContainerRow
from reconciler.core.ownership import Claims, free_name
from reconciler.core.record import Operation
from reconciler.core.situation import Situation, completed, restart_policy
from reconciler.core.startable import network_gone, stands_in_its_way
from reconciler.core.swap import NO_RESTART, wait_healthy

SUPERFLUOUS = "it is neither serving nor kept"


def undo_actions(situation: Situation, claims: Claims, operation: Operation) -> tuple[Action, ...]:
    """Everything between the open operation and the state before it."""
    cause = operation.failure or f"generation {operation.generation} was interrupted"
    new = None if operation.kind == "adopt" else claims.next
    back, old = situation.former, claims.current
    undone = RecordUndone(document=situation.record.document, cause=cause, generation=operation.generation)
    if back is None or old is None:
        return (
            *_retire(situation, new, cause),
            *_lay_aside(situation, new, operation, cause),
            undone,
            *_leftovers(situation, claims, new, operation),
        )
    return (
        *_retire(situation, new, cause),
        *_revive(situation, old, back, cause),
        *_lay_aside(situation, new, operation, cause),
        *_rename_back(situation, claims, back, cause),
        undone,
        *(_prove(situation, old, back) if _comes_back(situation, old, back) else ()),
        *_leftovers(situation, claims, new, operation),
    )


def _retire(situation: Situation, new: ContainerRow | None, cause: str) -> Iterator[Action]:
    if new is None:
        return
    document, container = situation.record.document, ContainerRef(new.name, new.id)
    yield SetRestartPolicy(document=document, cause=cause, container=container, policy=NO_RESTART)
    if new.status in ALIVE:
        yield StopContainer(document=document, cause=cause, container=container)


def _revive(situation: Situation, old: ContainerRow, former: DesiredState, cause: str) -> Iterator[Action]:
    document, container = situation.record.document, ContainerRef(old.name, old.id)
    yield SetRestartPolicy(document=document, cause=cause, container=container, policy=restart_policy(former))
    detail = situation.observation.details.get(old.id)
    done = detail is not None and completed(former, detail)
    if old.status not in ALIVE and not done:
        yield from deliver_missing(situation, former)
    if old.status == "paused":
        yield UnpauseContainer(document=document, cause=cause, container=container)
    elif old.status not in ALIVE and not done and _comes_back(situation, old, former):
        yield StartContainer(document=document, cause=cause, container=container)


def _comes_back(situation: Situation, old: ContainerRow, former: DesiredState) -> bool:
    """Whether the former container can serve again. Where it cannot, the operation ends all the same: what is left
    is a committed container that has stopped, and healing makes another one.
    """
    return old.status in ALIVE or not (network_gone(situation, former) or stands_in_its_way(situation, old))


def _lay_aside(
    situation: Situation, new: ContainerRow | None, operation: Operation, cause: str
) -> Iterator[Action]:
    if new is None:
        return
    if not operation.container_id:
        yield _removal(situation, new)
        return
    to = free_name(_resting_name(situation, new, operation), new.id, situation.observation)
    if new.name != to:
        container = ContainerRef(new.name, new.id)
        yield RenameContainer(document=situation.record.document, cause=cause, container=container, to=to)


def _resting_name(situation: Situation, new: ContainerRow, operation: Operation) -> str:
    name, record = situation.desired.container_name, situation.record
    if operation.failure:
        return names.failed_name(name, operation.generation)
    good = (item for item in record.operations if item.container_id == new.id and item.state == "committed")
    earlier = max((item.generation for item in good), default=0)
    return names.previous_name(name, earlier) if earlier else names.next_name(name, operation.generation)


def _rename_back(situation: Situation, claims: Claims, former: DesiredState, cause: str) -> Iterator[Action]:
    """The former name again, unless a stranger has taken it meanwhile: then its drift says so."""
    old, name = claims.current, former.container_name
    holder = situation.observation.named(name)
    ours = {row.id for row in (claims.next,) if row}
    if old is None or old.name == name or (holder is not None and holder.id not in ours):
        return
    container = ContainerRef(old.name, old.id)
    yield RenameContainer(document=situation.record.document, cause=cause, container=container, to=name)


def _prove(situation: Situation, old: ContainerRow, former: DesiredState) -> Iterator[Action]:
    container = ContainerRef(former.container_name, old.id)
    yield wait_healthy(former, container, "the former container serves again")
    yield WriteSticker(
        document=situation.record.document,
        cause="the former generation serves again",
        desired=former,
    )


def _leftovers(
    situation: Situation, claims: Claims, new: ContainerRow | None, operation: Operation
) -> Iterator[Action]:
    """Only the last failed container is kept; one that was interrupted is of no interest."""
    stale = [row for earlier, row in claims.kept if earlier.state == "undone" and operation.failure]
    interrupted = bool(operation.container_id) and not operation.failure
    if new is not None and interrupted and not situation.record.served(new.id):
        stale.append(replace(new, name=_resting_name(situation, new, operation), status="exited"))
    for row in stale:
        if row.status in ALIVE:
            container = ContainerRef(row.name, row.id)
            yield StopContainer(document=situation.record.document, cause=SUPERFLUOUS, container=container)
        yield _removal(situation, row)


def _removal(situation: Situation, row: ContainerRow) -> RemoveContainer:
    return RemoveContainer(
        document=situation.record.document,
        cause=SUPERFLUOUS,
        container=ContainerRef(row.name, row.id),
        volumes=not situation.record.served(row.id),
    )
