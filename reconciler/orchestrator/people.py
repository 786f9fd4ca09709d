"""People who operate a fleet: their certificates, made and taken back on the orchestrator's host."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.member import Member, Role
from reconciler.errors import InputError
from reconciler.folders import PRIVATE, make_directory, translated
from reconciler.orchestrator.app import open_database
from reconciler.orchestrator.decisions import Decision, Decisions
from reconciler.orchestrator.home import Home
from reconciler.orchestrator.store import agents, events
from reconciler.orchestrator.store.events import FleetEvent


def make_person(path: Path, name: str, out: Path, *, viewer: bool, actor: str) -> Path:
    """Settings and passport in a new folder; the settings' place. Raises InputError, StateError."""
    home, member = Home(path), _member(name, viewer=viewer)
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty, and is left as it is", hint="name a new folder")
    with translated(f"could not make the folder {out}"):
        make_directory(out, mode=PRIVATE)
    with open_database(home) as database:
        decision = Decision(actor=actor, what="certificate-made", about=member.uri)
        with Decisions(home, database).deciding(decision):
            return home.write_admin(home.reached(), member, now=datetime.now(UTC), folder=out)


def revoke_person(path: Path, name: str, *, viewer: bool, actor: str) -> None:
    """What was made for them until now counts no more. Raises InputError, StateError."""
    home, member = Home(path), _member(name, viewer=viewer)
    with open_database(home) as database:
        decision = Decision(actor=actor, what="revoked", about=member.uri)
        with Decisions(home, database).deciding(decision) as on:
            agents.deny(on, member, before=datetime.now(UTC))


def events_of(path: Path, limit: int) -> list[FleetEvent]:
    """The newest first. Raises InputError, StateError."""
    with open_database(Home(path)) as database, database.read() as on:
        return events.newest(on, limit)


def _member(name: str, *, viewer: bool) -> Member:
    return Member(Role.VIEWER if viewer else Role.ADMIN, name)
