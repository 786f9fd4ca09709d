"""Invitations: what is kept of join tokens. Each is used for one key, whoever asks at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from reconciler.errors import NotKnown
from reconciler.orchestrator.store.tables import invitations
from reconciler.tls.join_token import Invitation


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One invitation, with what is told of it. ``id`` names it where its digest should not."""

    id: str
    invitation: Invitation
    labels: Mapping[str, str]
    created_at: datetime
    used_at: datetime | None
    actor: str


def add(on: Connection, kept: Kept) -> None:
    """A new one."""
    on.execute(
        insert(invitations).values(
            id=kept.id,
            digest=kept.invitation.digest,
            target=kept.invitation.target,
            labels=dict(kept.labels),
            created_at=kept.created_at,
            expires_at=kept.invitation.expires,
            used_by=kept.invitation.used_by,
            used_at=kept.used_at,
            actor=kept.actor,
        )
    )


def find(on: Connection, digest: str) -> Kept | None:
    """The one with this digest."""
    row = on.execute(select(invitations).where(invitations.c.digest == digest)).one_or_none()
    return _kept(row) if row else None


def use(on: Connection, digest: str, *, key: str, now: datetime) -> bool:
    """Use it for this key. False where it was used for another one, or is not there."""
    free = or_(invitations.c.used_by == "", invitations.c.used_by == key)
    chosen = update(invitations).where(invitations.c.digest == digest, free)
    return on.execute(chosen.values(used_by=key, used_at=now)).rowcount == 1


def page(on: Connection, *, now: datetime, limit: int = 1_000) -> list[Kept]:
    """Those that have not expired, the newest first."""
    alive = select(invitations).where(invitations.c.expires_at > now)
    ordered = alive.order_by(invitations.c.created_at.desc(), invitations.c.id).limit(limit)
    return [_kept(row) for row in on.execute(ordered)]


def withdraw(on: Connection, token: str) -> None:
    """It does not count any more. Raises NotKnown where there is none of this id."""
    if not on.execute(delete(invitations).where(invitations.c.id == token)).rowcount:
        raise NotKnown(f"there is no join token {token[:80]!r}", hint="it may have been used, or have expired")


def withdraw_all(on: Connection, target: str) -> None:
    """None for this target counts any more."""
    on.execute(delete(invitations).where(invitations.c.target == target))


def forget(on: Connection, *, before: datetime) -> None:
    """Those that expired before this moment."""
    on.execute(delete(invitations).where(invitations.c.expires_at < before))


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        id=row.id,
        invitation=Invitation(digest=row.digest, target=row.target, expires=row.expires_at, used_by=row.used_by),
        labels=row.labels,
        created_at=row.created_at,
        used_at=row.used_at,
        actor=row.actor,
    )
