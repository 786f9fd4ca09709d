"""Events: what was decided and what happened, for people who ask. Bounded: the oldest go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from reconciler.orchestrator.store.tables import events

KEPT: Final = 10_000
LONGEST: Final = 1_024


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """``actor`` did ``what`` about somebody or something. ``detail`` carries no secret."""

    at: datetime
    actor: str
    what: str
    about: str
    detail: str = ""


def add(on: Connection, event: FleetEvent) -> None:
    """One more."""
    on.execute(
        insert(events).values(
            at=event.at,
            actor=event.actor[:512],
            what=event.what,
            about=event.about[:512],
            detail=event.detail[:LONGEST],
        )
    )


def newest(on: Connection, limit: int = 100) -> list[FleetEvent]:
    """The newest first."""
    rows = on.execute(select(events).order_by(events.c.number.desc()).limit(limit))
    return [FleetEvent(row.at, row.actor, row.what, row.about, row.detail) for row in rows]


def forget(on: Connection) -> None:
    """All but the newest."""
    last = on.execute(select(func.max(events.c.number))).scalar() or 0
    on.execute(delete(events).where(events.c.number <= last - KEPT))
