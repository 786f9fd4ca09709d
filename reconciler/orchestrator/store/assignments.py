"""Assignments: which documents each target is to have, and how far generations have come.

Invariant: the generation of a document on a target only grows, also where it is withdrawn and assigned again, and
where tasks take some of the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from reconciler.errors import NotKnown
from reconciler.orchestrator.store.tables import assignments
from reconciler.protocol.message.common import Actor
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.reading import as_value, read_item


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is assigned to a target, without its content. ``former``: the version that can be gone back to."""

    target_id: str
    id: str
    version: str
    generation: int
    issued_at: datetime
    actor: Actor
    former: str | None = None


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


def former(on: Connection, target: str, document: str) -> AssignedDocument:
    """What can be gone back to; there is something."""
    mine = (assignments.c.target == target) & (assignments.c.document == document)
    return _document(on.execute(select(assignments.c.former).where(mine)).scalar_one())


def withdraw(on: Connection, target: str, document: str) -> None:
    """The target is not to have it any more."""
    mine = (assignments.c.target == target) & (assignments.c.document == document)
    on.execute(update(assignments).where(mine).values(value=None))


def of_target(on: Connection, target: str) -> dict[str, AssignedDocument]:
    """What it is to have, by name."""
    chosen = select(assignments.c.value).where(assignments.c.target == target, assignments.c.value.is_not(None))
    return {item.id: item for item in map(_document, on.execute(chosen).scalars())}


def find(on: Connection, target: str, document: str) -> AssignedDocument:
    """Raises NotKnown where it is not assigned (any more)."""
    mine = (assignments.c.target == target) & (assignments.c.document == document)
    value = on.execute(select(assignments.c.value).where(mine)).scalar()
    if value is None:
        raise NotKnown(f"the document {document} is not assigned to {target}")
    return _document(value)


def held(on: Connection, target: str = "") -> list[Held]:
    """On all targets, or one, by name and target, without contents: there are many of them."""
    value = assignments.c.value
    chosen = select(
        assignments.c.target,
        assignments.c.document,
        value["version"].as_string().label("version"),
        value["generation"].as_integer().label("generation"),
        value["issuedAt"].as_string().label("issued_at"),
        value[("actor", "type")].as_string().label("actor_type"),
        value[("actor", "id")].as_string().label("actor_id"),
        assignments.c.former["version"].as_string().label("former"),
    ).where(value.is_not(None))
    if target:
        chosen = chosen.where(assignments.c.target == target)
    return [_held(row) for row in on.execute(chosen.order_by(assignments.c.document, assignments.c.target))]


def _held(row: Any) -> Held:
    return Held(
        target_id=row.target,
        id=row.document,
        version=row.version,
        generation=row.generation,
        issued_at=datetime.fromisoformat(row.issued_at),
        actor=Actor(row.actor_type, row.actor_id),
        former=row.former,
    )


def _document(value: Mapping[str, Any]) -> AssignedDocument:
    return read_item(value, AssignedDocument)
