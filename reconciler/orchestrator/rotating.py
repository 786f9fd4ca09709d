"""Rotating the authority's root: the steps of ``tls/rotation``, each taken when no agent is locked out by it.

Decides who is not ready for the next step. What an agent has is known from the certificate that its last session
was begun with, whatever was handed to it since: so a new one counts once it has worked. An agent whose certificate
has ended has to enroll anew in any case, and holds nobody up. Certificates of people lie in files that nobody here
sees: they are made anew by hand, after each step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from reconciler.core.words import listed
from reconciler.errors import InputError
from reconciler.orchestrator.app import open_database
from reconciler.orchestrator.decisions import Decision, Decisions
from reconciler.orchestrator.home import Home
from reconciler.orchestrator.store import agents
from reconciler.orchestrator.store.agents import Agent
from reconciler.protocol.presence import presence
from reconciler.tls.authority_folder import AuthorityFolder
from reconciler.tls.certificates import common_name
from reconciler.tls.passport import read_passport
from reconciler.tls.rotation import Roots, Step

NO_WAIT: Final = timedelta(0)
NAMED: Final = 5
_WHY: Final = {
    "introduced": "its certificate is older than the new root: it may not trust it yet",
    "overlap": "its certificate is not of the new root yet",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """An agent that the next step would lock out, and why."""

    agent: str
    presence: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rotation:
    """Where it is, and who is not ready for the next step."""

    roots: Roots
    waiting: tuple[Waiting, ...]


def waiting(roots: Roots, signing: str, known: Iterable[Agent], *, now: datetime) -> tuple[Waiting, ...]:
    """Who would be locked out by the next step. ``signing``: the name of what signs under the root that signs."""
    if roots.phase == "steady":
        return ()
    return tuple(
        Waiting(agent.name, presence(agent.last_seen, now), _WHY[roots.phase])
        for agent in sorted(known, key=lambda item: item.name)
        if _counts(agent, now) and not _ready(agent, roots, signing)
    )


def _counts(agent: Agent, now: datetime) -> bool:
    """Whether it can speak now without enrolling anew."""
    ends = agent.certificate_ends
    return agent.revoked_at is None and ends is not None and ends > now


def _ready(agent: Agent, roots: Roots, signing: str) -> bool:
    if roots.phase == "overlap":
        return agent.shown_issuer == signing
    return agent.shown_made is not None and agent.shown_made > roots.since


def look(path: Path) -> Rotation:
    """Raises InputError, StateError."""
    home = Home(path)
    with open_database(home) as database, database.read() as on:
        return _rotation(home, agents.every(on))


def take(path: Path, step: Step, *, force: bool, actor: str) -> Rotation:
    """Take a step. ``force``: whoever is locked out. Raises InputError out of turn, or where somebody is not
    ready.
    """
    home = Home(path)
    with open_database(home) as database:
        with database.read() as on:
            found = _rotation(home, agents.every(on))
        if found.waiting and found.roots.next_step == step and not force:
            raise _too_early(step, found.waiting)
        detail = f"with force, {len(found.waiting)} agents not ready" if found.waiting else ""
        decided = Decision(actor=actor, what=f"root-{step}", about=found.roots.trusted[-1][:16], detail=detail)
        with Decisions(home, database).deciding(decided):
            _step(home.authority, step)
        _renew_admin(home)
        with database.read() as on:
            return _rotation(home, agents.every(on))


def _rotation(home: Home, known: Iterable[Agent]) -> Rotation:
    authority, roots = home.authority.authority(), home.authority.roots()
    signing = common_name(authority.issuing.certificate)
    return Rotation(roots, waiting(roots, signing, known, now=datetime.now(UTC)))


def _step(folder: AuthorityFolder, step: Step) -> None:
    """Time has no say: who is ready is known."""
    now = datetime.now(UTC)
    if step == "introduce":
        folder.introduce(now=now)
    elif step == "switch":
        folder.switch(now=now, life=NO_WAIT)
    else:
        folder.retire(now=now, life=NO_WAIT)


def _too_early(step: Step, found: tuple[Waiting, ...]) -> InputError:
    names = listed([f"{item.agent} ({item.presence})" for item in found], most=NAMED)
    return InputError(
        f"it is too early to {step}: {len(found)} agents would be locked out: {names}",
        hint="they renew by themselves within a day; --force locks them out until they enroll anew",
    )


def _renew_admin(home: Home) -> None:
    """The passport in the orchestrator's own folder, where there is one."""
    file = home.admin / "passport.pem"
    if file.exists():
        member = read_passport(file.read_bytes()).member
        home.write_admin(home.reached(), member, now=datetime.now(UTC), folder=home.admin)
