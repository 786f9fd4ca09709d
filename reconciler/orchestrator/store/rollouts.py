"""Rollouts: how far the version of each document is that goes out in waves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from reconciler.core.rollout import Course
from reconciler.orchestrator.store.tables import rollouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """``began_at``: when its version was first looked at; ``changed_at``: the last change of its course."""

    document: str
    course: Course
    began_at: datetime
    changed_at: datetime


def every(on: Connection) -> dict[str, Kept]:
    """By document."""
    return {row.document: _kept(row) for row in on.execute(select(rollouts))}


def keep(on: Connection, document: str, course: Course, *, now: datetime) -> None:
    """In place of the one before; of another version it begins now."""
    before = on.execute(select(rollouts).where(rollouts.c.document == document)).one_or_none()
    began = before.began_at if before is not None and before.version == course.version else now
    since = None if course.soak_since is None else datetime.fromtimestamp(course.soak_since, UTC)
    on.execute(delete(rollouts).where(rollouts.c.document == document))
    on.execute(
        insert(rollouts).values(
            document=document,
            version=course.version,
            state=course.state,
            reason=course.reason[:1024],
            soak_since=since,
            forgiven=sorted(course.forgiven),
            began_at=began,
            changed_at=now,
        )
    )


def forget(on: Connection, document: str) -> None:
    """It goes out in waves no more."""
    on.execute(delete(rollouts).where(rollouts.c.document == document))


def _kept(row: Row[Any]) -> Kept:
    course = Course(
        version=row.version,
        state=row.state,
        reason=row.reason,
        soak_since=None if row.soak_since is None else row.soak_since.timestamp(),
        forgiven=frozenset(row.forgiven),
    )
    return Kept(document=row.document, course=course, began_at=row.began_at, changed_at=row.changed_at)
