"""What the audit log is told of an Action or a person's decision: on whose account, and what becomes what.

Pure. How it is kept, chained and signed is the ``audit`` room's affair; when it is told is the recorder's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast, get_args

from reconciler.core.desired import DesiredState
from reconciler.core.display import secret_values
from reconciler.core.names import operation_id
from reconciler.core.plan import Plan
from reconciler.core.record import Record
from reconciler.core.situation import Situation

ActorType = Literal["user", "agent", "system", "file"]
ACTOR_TYPES: Final = get_args(ActorType)
OF_ITS_OWN: Final = frozenset({"none", "heal", "undo", "repair"})
"""Purposes that no edit has asked for: the controller keeps what was asked for before."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who wanted it: a person of this host, an agent's orchestrator, a file, or the controller itself."""

    type: ActorType
    name: str


CONTROLLER: Final = Actor("system", "controller")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The file that asked for it; ``commit`` is its Git commit, or in words why there is none to name, "" where
    the folder is no checkout.
    """

    file: str = ""
    commit: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a document was, or is to be: all "" for nothing."""

    release: str = ""
    digest: str = ""
    fingerprint: str = ""


NOTHING: Final = Standing()
NOWHERE: Final = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """On whose account something is done. ``sensitive`` are values that must not be told in clear."""

    actor: Actor = CONTROLLER
    origin: Origin = NOWHERE
    before: Standing = NOTHING
    after: Standing = NOTHING
    generation: int = 0
    operation: str = ""
    task: str = ""
    sensitive: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that is about to be done, or was: an Action, or what a person decided. ``cause`` says why."""

    document: str
    action: str
    target: str = ""
    cause: str = ""
    account: Account = Account()


def actor_of(said: str) -> Actor:
    """``user:ana`` as an Actor; what has no such form is the name of a user."""
    kind, colon, name = said.partition(":")
    if kind in ACTOR_TYPES and (colon or kind == "file"):
        return Actor(cast("ActorType", kind), name)
    return Actor("user", said)


def standing(desired: DesiredState | None) -> Standing:
    """What a document asks for, as the audit log names it."""
    if desired is None:
        return NOTHING
    return Standing(release=desired.release.id, digest=desired.digest, fingerprint=desired.fingerprint)


def account_of(situation: Situation, plan: Plan, *, actor: str, origin: Origin) -> Account:
    """On whose account a plan is carried out. What the running controller does without an edit that asks for it
    is its own; a person's command is that person's, whatever it finds to do.
    """
    record, who = situation.record, actor_of(actor)
    generation = plan.generation or (record.committed.generation if record.committed else 0)
    before, after = _change(situation, plan)
    return Account(
        actor=CONTROLLER if who.type in {"file", "agent"} and plan.purpose in OF_ITS_OWN else who,
        origin=origin,
        before=standing(before),
        after=standing(after),
        generation=generation,
        operation=operation_id(record.owner, record.document, generation) if generation else "",
        sensitive=_sensitive(situation.desired, record),
    )


def _change(situation: Situation, plan: Plan) -> tuple[DesiredState | None, DesiredState | None]:
    """What was there and what is to be there once the plan is carried out."""
    record = situation.record
    committed = record.committed_revision.desired if record.committed_revision else None
    if plan.purpose == "prune":
        return committed, None
    if plan.purpose == "undo":
        begun = record.revision(record.open.fingerprint) if record.open else None
        return begun.desired if begun else None, committed
    if plan.purpose in {"deploy", "rollback", "adopt"}:
        return committed, situation.desired
    return committed, committed


def _sensitive(desired: DesiredState, record: Record) -> tuple[str, ...]:
    """Values of variables whose names look like those of secrets, of every state that texts may speak of."""
    states = (desired, *(revision.desired for revision in record.revisions))
    found = {value for state in states for given in _environments(state) for value in secret_values(given)}
    return tuple(sorted(found))


def _environments(desired: DesiredState) -> Iterator[Mapping[str, str]]:
    """Of the container, or of each of a project's services, and of hooks."""
    yield desired.config.environment or {}
    yield from (hook.environment for hook in desired.hooks)
    if desired.project is not None:
        yield from (service.config.environment or {} for service in desired.project.services)
