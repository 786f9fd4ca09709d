"""Agents as the orchestrator knows them, and who is denied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from reconciler.core.member import Member, Role, read_member
from reconciler.core.selector import TargetFacts
from reconciler.errors import NotKnown
from reconciler.orchestrator.store.tables import agents, denied_members
from reconciler.protocol.message.common import SetPosition
from reconciler.protocol.message.session import Hello
from reconciler.tls.admission import Denied, Peer

_ALIVE = update(agents).where(agents.c.name == bindparam("agent"))
"""Its columns are those of the rows that it is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """``told_labels`` are its own words; ``operator_labels`` take their place where an operator has set some.
    ``documents``: what it reported last, as JSON. ``shown_issuer`` and ``shown_made``: who signed the certificate
    that its last session was begun with, and when.
    """

    name: str
    enrolled_at: datetime
    told_labels: Mapping[str, str]
    operator_labels: Mapping[str, str] | None
    drained: bool
    revoked_at: datetime | None
    agent_version: str
    task_types: tuple[str, ...]
    last_seen: datetime | None
    clock_offset_ms: int | None
    certificate_ends: datetime | None
    sealing_key: str
    documents: tuple[Mapping[str, Any], ...]
    shown_issuer: str = ""
    shown_made: datetime | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        """Those that count."""
        return self.told_labels if self.operator_labels is None else self.operator_labels

    @property
    def facts(self) -> TargetFacts:
        """For whom chooses it; its labels are not known before it has told of itself, or an operator has."""
        known = bool(self.agent_version) or self.operator_labels is not None
        return TargetFacts(self.name, self.labels if known else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """What enrolment and renewal leave here. ``sealing_key``: base64 of the public key."""

    sealing_key: str
    certificate_ends: datetime


def enrolled(on: Connection, name: str, papers: Papers, *, labels: Mapping[str, str], now: datetime) -> None:
    """A host joined, for the first time or anew: what is known of it otherwise stays."""
    values: dict[str, Any] = {
        "sealing_key": papers.sealing_key,
        "certificate_ends": papers.certificate_ends,
        "enrolled_at": now,
        "revoked_at": None,
    }
    if labels:
        values["labels"] = dict(labels)
    if on.execute(update(agents).where(agents.c.name == name).values(values)).rowcount:
        return
    blank = {
        "told_labels": {},
        "drained": False,
        "agent_version": "",
        "task_types": [],
        "set_id": "",
        "set_sequence": 0,
        "documents": [],
        "shown_issuer": "",
    }
    on.execute(insert(agents).values({"name": name, **blank, **values}))


def renewed(on: Connection, name: str, papers: Papers) -> None:
    """It has a new certificate."""
    values = {"sealing_key": papers.sealing_key, "certificate_ends": papers.certificate_ends}
    on.execute(update(agents).where(agents.c.name == name).values(values))


def anew(agent: Agent, hello: Hello, peer: Peer | None = None) -> dict[str, Any]:
    """What an agent tells of itself otherwise than before, and with another certificate: columns and values."""
    shown = {"shown_issuer": peer.issuer, "shown_made": peer.made} if peer else {}
    told = {
        **shown,
        "told_labels": dict(hello.labels),
        "agent_version": hello.agent_version,
        "task_types": tuple(hello.task_types),
    }
    return {key: value for key, value in told.items() if getattr(agent, key) != value}


def began(on: Connection, hello: Hello, peer: Peer | None = None) -> bool:
    """It has begun a session, by the certificate of ``peer``, and told of itself. Whether other labels count for
    it by that. Raises NotKnown.
    """
    before = find(on, hello.agent)
    values = anew(before, hello, peer)
    if values:
        on.execute(update(agents).where(agents.c.name == hello.agent).values(values))
    return replace(before, **values).facts != before.facts


@dataclass(frozen=True, slots=True)
class Heard:
    """An agent was heard of. ``position``: what it holds."""

    at: datetime
    clock_offset_ms: int | None
    position: SetPosition


def alive(on: Connection, heard: Mapping[str, Heard]) -> None:
    """These were heard of."""
    rows = [
        {
            "agent": name,
            "last_seen": item.at,
            "clock_offset_ms": item.clock_offset_ms,
            "set_id": item.position.id,
            "set_sequence": item.position.sequence,
        }
        for name, item in heard.items()
    ]
    if rows:
        on.execute(_ALIVE, rows)


def reported(on: Connection, name: str, documents: list[Mapping[str, Any]]) -> bool:
    """What it holds, and how that stands. Whether it is otherwise than before."""
    mine = agents.c.name == name
    if on.execute(select(agents.c.documents).where(mine)).scalar() == documents:
        return False
    on.execute(update(agents).where(mine).values(documents=documents))
    return True


def find(on: Connection, name: str) -> Agent:
    """Raises NotKnown where there is none."""
    row = on.execute(select(agents).where(agents.c.name == name)).one_or_none()
    if row is None:
        raise _not_known(name)
    return _agent(row)


def drained(on: Connection, name: str) -> bool:
    """Whether it is to get no new tasks. Raises NotKnown where there is no such agent."""
    found = on.execute(select(agents.c.drained).where(agents.c.name == name)).scalar()
    if found is None:
        raise _not_known(name)
    return bool(found)


def page(on: Connection, *, after: str = "", limit: int = 1_000) -> list[Agent]:
    """In order of their names, from the one after this."""
    chosen = select(agents).where(agents.c.name > after).order_by(agents.c.name).limit(limit)
    return [_agent(row) for row in on.execute(chosen)]


def every(on: Connection) -> list[Agent]:
    """All of them."""
    return [_agent(row) for row in on.execute(select(agents).order_by(agents.c.name))]


def count(on: Connection) -> int:
    """How many there are that are not revoked."""
    return on.execute(select(func.count()).where(agents.c.revoked_at.is_(None))).scalar_one()


def change(
    on: Connection, name: str, *, drained: bool | None = None, labels: Mapping[str, str] | None = None
) -> Agent:
    """What an operator says of it; None leaves that as it is. Raises NotKnown."""
    values = {"drained": drained, "labels": None if labels is None else dict(labels)}
    given = {key: value for key, value in values.items() if value is not None}
    if given:
        on.execute(update(agents).where(agents.c.name == name).values(given))
    return find(on, name)


def revoke(on: Connection, name: str, *, now: datetime) -> Agent:
    """Nothing that was issued to it until now counts any more. Raises NotKnown."""
    find(on, name)
    on.execute(update(agents).where(agents.c.name == name).values(revoked_at=now))
    deny(on, Member(Role.AGENT, name), before=now)
    return find(on, name)


def deny(on: Connection, member: Member, *, before: datetime) -> None:
    """What was issued to this member before a moment does not count; an earlier denial is included."""
    row = on.execute(select(denied_members.c.before).where(denied_members.c.uri == member.uri)).scalar()
    latest = max(before, row) if row else before
    on.execute(delete(denied_members).where(denied_members.c.uri == member.uri))
    on.execute(insert(denied_members).values(uri=member.uri, before=latest))


def denied(on: Connection) -> Denied:
    """Who may not speak."""
    rows = on.execute(select(denied_members))
    return Denied(members={read_member(row.uri): row.before for row in rows})


def _not_known(name: str) -> NotKnown:
    return NotKnown(f"there is no agent {name[:80]!r}", hint="'reconciler fleet status' names all")


def _agent(row: Row[Any]) -> Agent:
    return Agent(
        name=row.name,
        enrolled_at=row.enrolled_at,
        told_labels=row.told_labels,
        operator_labels=row.labels,
        drained=row.drained,
        revoked_at=row.revoked_at,
        agent_version=row.agent_version,
        task_types=tuple(row.task_types),
        last_seen=row.last_seen,
        clock_offset_ms=row.clock_offset_ms,
        certificate_ends=row.certificate_ends,
        sealing_key=row.sealing_key,
        documents=tuple(row.documents),
        shown_issuer=row.shown_issuer,
        shown_made=row.shown_made,
    )
