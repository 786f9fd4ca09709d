"""Assignments: which documents each target is to have, and how far generations have come.

Invariant: the generation of a document on a target only grows, also where it is withdrawn and assigned again, and
where tasks take some of the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from reconciler.orchestrator.store.tables import assignments
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.reading import as_value, read_item


def next_generation(on: Connection, target: str, document: str) -> int:
    """The next number, which is taken by that."""
    mine = (assignments.c.target == target) & (assignments.c.document == document)
    found = on.execute(select(assignments.c.generation).where(mine)).scalar()
    taken = (found or 0) + 1
    if found is None:
        on.execute(insert(assignments).values(target=target, document=document, generation=taken, value=None))
    else:
        on.execute(update(assignments).where(mine).values(generation=taken))
    return taken


def generations(on: Connection, target: str) -> dict[str, int]:
    """The highest that were wished for on a target, by document."""
    chosen = select(assignments.c.document, assignments.c.generation)
    rows = on.execute(chosen.where(assignments.c.target == target))
    return {row.document: row.generation for row in rows}


def heard_of(on: Connection, target: str, document: str, generation: int) -> None:
    """The target holds this generation: what is wished for next comes after it."""
    mine = (assignments.c.target == target) & (assignments.c.document == document)
    behind = mine & (assignments.c.generation < generation)
    on.execute(update(assignments).where(behind).values(generation=generation))


def assign(on: Connection, document: AssignedDocument) -> None:
    """In place of the one before. Its generation was taken for it."""
    mine = (assignments.c.target == document.target_id) & (assignments.c.document == document.id)
    on.execute(update(assignments).where(mine).values(value=as_value(document)))


def keep_former(on: Connection, target: str, document: str) -> None:
    """What is assigned now is what can be gone back to."""
    mine = (assignments.c.target == target) & (assignments.c.document == document)
    on.execute(update(assignments).where(mine).values(former=assignments.c.value))


def formers(on: Connection) -> list[AssignedDocument]:
    """What can be gone back to, of what is assigned."""
    chosen = select(assignments.c.former).where(
        assignments.c.former.is_not(None), assignments.c.value.is_not(None)
    )
    return [_document(value) for value in on.execute(chosen).scalars()]


def withdraw(on: Connection, target: str, document: str) -> None:
    """The target is not to have it any more."""
    mine = (assignments.c.target == target) & (assignments.c.document == document)
    on.execute(update(assignments).where(mine).values(value=None))


def of_target(on: Connection, target: str) -> dict[str, AssignedDocument]:
    """What it is to have, by name."""
    chosen = select(assignments.c.value).where(assignments.c.target == target, assignments.c.value.is_not(None))
    return {item.id: item for item in map(_document, on.execute(chosen).scalars())}


def everything(on: Connection) -> list[AssignedDocument]:
    """On all targets, by name and target."""
    chosen = select(assignments.c.value).where(assignments.c.value.is_not(None))
    ordered = chosen.order_by(assignments.c.document, assignments.c.target)
    return [_document(value) for value in on.execute(ordered).scalars()]


def _document(value: Mapping[str, Any]) -> AssignedDocument:
    return read_item(value, AssignedDocument)
