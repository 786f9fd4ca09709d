"""Agents as the orchestrator knows them, and who is denied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from reconciler.core.member import Member, Role, read_member
from reconciler.core.selector import TargetFacts
from reconciler.errors import NotKnown
from reconciler.orchestrator.store.tables import agents, denied_members
from reconciler.protocol.message.session import Hello
from reconciler.protocol.session.events import Alive
from reconciler.tls.admission import Denied, Peer


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


def began(on: Connection, hello: Hello, peer: Peer | None = None) -> None:
    """It has begun a session, by the certificate of ``peer``, and told of itself."""
    shown = {"shown_issuer": peer.issuer, "shown_made": peer.made} if peer else {}
    values = {
        **shown,
        "told_labels": dict(hello.labels),
        "agent_version": hello.agent_version,
        "task_types": list(hello.task_types),
    }
    on.execute(update(agents).where(agents.c.name == hello.agent).values(values))


def alive(on: Connection, heard: Alive, *, now: datetime) -> None:
    """It was heard of."""
    values = {
        "last_seen": now,
        "clock_offset_ms": heard.clock_offset_ms,
        "set_id": heard.position.id,
        "set_sequence": heard.position.sequence,
    }
    on.execute(update(agents).where(agents.c.name == heard.agent).values(values))


def reported(on: Connection, name: str, documents: list[Mapping[str, Any]]) -> None:
    """What it holds, and how that stands."""
    on.execute(update(agents).where(agents.c.name == name).values(documents=documents))


def told_by(on: Connection, name: str) -> tuple[Mapping[str, str] | None, tuple[Mapping[str, Any], ...]]:
    """Labels that count, None where none are known; and what it reported of documents."""
    row = on.execute(select(agents).where(agents.c.name == name)).one_or_none()
    if row is None:
        return None, ()
    agent = _agent(row)
    return agent.facts.labels, agent.documents


def find(on: Connection, name: str) -> Agent:
    """Raises NotKnown where there is none."""
    row = on.execute(select(agents).where(agents.c.name == name)).one_or_none()
    if row is None:
        raise NotKnown(f"there is no agent {name[:80]!r}", hint="'reconciler fleet status' names all")
    return _agent(row)


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
