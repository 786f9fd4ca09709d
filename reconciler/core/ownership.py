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
    newest = {operation.container_id: operation for operation in record.operations if operation.container_id}
    ours = {row.id: row for row in observation.containers if row.id in newest}
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
            for row in observation.containers
            if row.id not in ours and row.labels.get(names.DOCUMENT) == record.document
        ),
    )


def _next_of(record: Record, observation: Observation, ours: dict[str, ContainerRow]) -> ContainerRow | None:
    operation = record.open
    if operation is None:
        return None
    if operation.container_id:
        return ours.get(operation.container_id)
    mark = names.operation_id(record.owner, record.document, operation.generation)
    marked = (row for row in observation.containers if row.labels.get(names.OPERATION) == mark)
    return min(marked, key=lambda row: (row.created, row.id), default=None)
