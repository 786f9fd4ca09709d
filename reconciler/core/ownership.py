"""Ownership: whose container is it.

Ours is what the history names by id, or what carries the operation id of the operation that is open (its
answer may have been lost). Labels alone make nothing ours: they can be copied. A container that holds our
name, or carries our labels, and is not ours is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core import names
from reconciler.core.observation import ContainerRow, Observation
from reconciler.core.record import Operation, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The containers that matter to one document.

    ``current``: the committed one. ``next``: the open operation's. ``kept``: ours from earlier generations,
    each with its newest operation. ``holder``: a stranger on our name. ``spoofs``: strangers with our labels.
    """

    current: ContainerRow | None = None
    next: ContainerRow | None = None
    kept: tuple[tuple[Operation, ContainerRow], ...] = ()
    holder: ContainerRow | None = None
    spoofs: tuple[ContainerRow, ...] = ()


def find_claims(container_name: str, observation: Observation, record: Record) -> Claims:
    """Sort the host's containers by what they are to the document of ``record``."""
    newest = _newest(record)
    ours = {row.id: row for row in observation.of_ids(newest)}
    upcoming = _next_of(record, observation, ours)
    if upcoming is not None:
        ours[upcoming.id] = upcoming
    current = ours.get(record.committed.container_id) if record.committed else None
    holder = observation.named(container_name)
    return Claims(
        current=current,
        next=upcoming,
        kept=tuple((newest[key], row) for key, row in ours.items() if row not in (current, upcoming)),
        holder=None if holder is None or holder.id in ours else holder,
        spoofs=tuple(
            row
            for row in observation.of_document(record.document)
            if row.id not in ours
            and not names.is_hook(row.name, row.labels, document=record.document, owner=record.owner)
        ),
    )


def estrangement(holder: ContainerRow, record: Record) -> str:
    """Why the container that holds the document's name is not ours, and what a person can do."""
    made = names.generation_of(holder.labels, document=record.document, owner=record.owner)
    if made > record.generation:
        return (
            f"{holder.name} ({holder.id[:12]}) is of a time that the history does not know: its generation is "
            f"{made}, the history ends with {record.generation}; put back a newer copy of the history, or set "
            "spec.adopt: true"
        )
    held = f"the name {holder.name} is held by a container that is not ours ({holder.id[:12]})"
    if names.made_elsewhere(holder.labels, document=record.document, owner=record.owner):
        return (
            f"{held}: controller {holder.labels[names.OWNER]} made it for this document; if that was this one "
            "before its history was lost, set spec.adopt: true"
        )
    return f"{held}; remove or rename it, or set spec.adopt: true"


def _newest(record: Record) -> dict[str, Operation]:
    """What each container of ours was last: an interrupted try to use a kept one again did not change it."""
    newest: dict[str, Operation] = {}
    for operation in record.operations:
        before = newest.get(operation.container_id)
        interrupted = operation.state == "undone" and not operation.failure
        if operation.container_id and not (interrupted and before is not None and before.state == "committed"):
            newest[operation.container_id] = operation
    return newest


def _next_of(record: Record, observation: Observation, ours: dict[str, ContainerRow]) -> ContainerRow | None:
    """The open operation's container. Before its id is journalled it has the name that it was created under."""
    operation = record.open
    if operation is None:
        return None
    if operation.container_id:
        return ours.get(operation.container_id)
    revisions = (item for item in record.revisions if item.fingerprint == operation.fingerprint)
    name = next((item.desired.container_name for item in revisions), "")
    found = observation.named(names.next_name(name, operation.generation))
    mark = names.operation_id(record.owner, record.document, operation.generation)
    unknown = found is not None and found.id not in ours and found.labels.get(names.OPERATION) == mark
    return found if unknown else None


def next_generation(observation: Observation, record: Record) -> int:
    """Higher than all generations that the history or a label of ours on this host tells of: a history from a
    backup must not count anew what was counted since.
    """
    labels = (row.labels for row in observation.of_document(record.document))
    marks = (item.get(names.GENERATION, "") for item in labels if item.get(names.OWNER) == record.owner)
    return 1 + max([record.generation, *(int(mark) for mark in marks if mark.isascii() and mark.isdigit())])


def free_name(wanted: str, container_id: str, observation: Observation) -> str:
    """``wanted``, or with a number behind it where another container has that name."""
    taken = {row.name for row in observation.containers if row.id != container_id}
    names_in_order = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names_in_order if name not in taken)
