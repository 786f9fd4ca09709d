"""Bringing about: what is assigned becomes what is wished for, in one transaction, as far as rollouts let it.

What is to be done is decided within the transaction that does it, from the store alone: after a kill the next look
goes on, and what was assigned already is not assigned again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from reconciler.core.rollout import Course
from reconciler.orchestrator.assign import Changes, Holding, Place, changes
from reconciler.orchestrator.rollouts import Scenery, paced, standing_of, waves_of
from reconciler.orchestrator.signing import signed
from reconciler.orchestrator.store import agents, artifacts, assignments, events, rollouts
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.orchestrator.store.events import FleetEvent
from reconciler.orchestrator.wishes import Wish, Wishes
from reconciler.protocol.message.document import AssignedDocument
from reconciler.sealing.release_keys import ReleaseKey

GONE: Final = "it is wished for no more"
UNFIT: Final = "it is not for this host any more"
BACK: Final = "its former version again"
AT_ONCE: Final = 200
UNDER_WAY: Final = frozenset({"going", "returning"})


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done. ``back``: places that get their former version; ``courses``: those that change."""

    changes: Changes
    back: tuple[Place, ...]
    courses: Mapping[str, Course]
    over: tuple[str, ...]
    under_way: bool

    @property
    def nothing(self) -> bool:
        return not (self.changes.targets or self.back or self.courses or self.over)


@dataclass(frozen=True, slots=True)
class Brought:
    """``targets``: whose documents have changed; ``under_way``: whether a rollout is; ``more``: whether more is
    due.
    """

    targets: frozenset[str]
    under_way: bool
    more: bool


class Bringing:
    """``key`` signs what goes out. Blocks."""

    def __init__(self, database: Database, key: ReleaseKey) -> None:
        self._database = database
        self._key = key

    def about(self, wishes: Wishes, *, more: bool = False) -> Brought:
        """As much as one transaction should do; there may be more. ``more``: the one before left something, so
        that it need not be looked whether anything is due. Raises StateError.
        """
        now = datetime.now(UTC)
        if not more:
            with self._database.read() as on:
                due = _due(wishes, scenery_of(on, now))
            if due.nothing:
                return Brought(frozenset(), due.under_way, more=False)
        with self._database.write() as on:
            scenery = scenery_of(on, now)
            due, more = _bounded(_due(wishes, scenery))
            self._do(on, due, wishes, scenery)
        return Brought(due.changes.targets | {target for target, _ in due.back}, due.under_way, more)

    def _do(self, on: Connection, due: Due, wishes: Wishes, scenery: Scenery) -> None:
        now = scenery.now
        for target, wish in due.changes.assign:
            if wish.pace is not None and _worth_keeping((target, wish.name), scenery):
                assignments.keep_former(on, target, wish.name)
            self._assign(on, target, wish, now)
        for target, name in due.changes.withdraw:
            assignments.withdraw(on, target, name)
            there = any(item.name == name for item in wishes.wishes)
            told = f"from {target}: {UNFIT if there else GONE}"
            events.add(on, FleetEvent(now, "orchestrator", "document-withdrawn", name, told))
        for target, name in due.back:
            self._bring_back(on, assignments.former(on, target, name), now)
        for name, course in due.courses.items():
            rollouts.keep(on, name, course, now=now)
            events.add(on, FleetEvent(now, "orchestrator", f"rollout-{course.state}", name, course.reason))
        for name in due.over:
            rollouts.forget(on, name)

    def _assign(self, on: Connection, target: str, wish: Wish, now: datetime) -> None:
        document = AssignedDocument(
            id=wish.name,
            target_id=target,
            version=wish.version,
            generation=assignments.next_generation(on, target, wish.name),
            text=wish.text,
            artifacts=wish.artifacts,
            issued_at=now,
            actor=wish.actor,
        )
        for item in wish.files:
            artifacts.keep(on, item.artifact.sha256, item.content, now=now)
        assignments.assign(on, signed(document, self._key))
        told = f"to {target}, generation {document.generation}"
        by = wish.put.actor if wish.put else f"file:{wish.file}"
        events.add(on, FleetEvent(now, by, "document-assigned", wish.name, told))

    def _bring_back(self, on: Connection, former: AssignedDocument, now: datetime) -> None:
        generation = assignments.next_generation(on, former.target_id, former.id)
        assignments.assign(on, signed(replace(former, generation=generation, issued_at=now), self._key))
        told = f"to {former.target_id}, generation {generation}: {BACK}"
        events.add(on, FleetEvent(now, "orchestrator", "document-assigned", former.id, told))


def scenery_of(on: Connection, now: datetime) -> Scenery:
    """All that the store knows."""
    return Scenery(
        agents={item.name: item for item in agents.every(on)},
        assigned={(item.target_id, item.id): item for item in assignments.held(on)},
        courses={name: kept.course for name, kept in rollouts.every(on).items()},
        now=now,
    )


def _bounded(due: Due) -> tuple[Due, bool]:
    """What one transaction does: while it lasts nobody else writes, and agents wait."""
    assign, withdraw = due.changes.assign[:AT_ONCE], due.changes.withdraw[:AT_ONCE]
    bounded = replace(due, changes=Changes(assign, withdraw), back=due.back[:AT_ONCE])
    return bounded, bounded != due


def _due(wishes: Wishes, scenery: Scenery) -> Due:
    waves = waves_of(wishes.wishes, scenery)
    members = [item.facts for item in scenery.agents.values() if item.revoked_at is None]
    assigned = {
        place: Holding(item.version, put=item.actor.type == "user") for place, item in scenery.assigned.items()
    }
    due = changes(wishes, members, assigned)
    return Due(
        changes=paced(due, waves),
        back=tuple((target, name) for name, wave in sorted(waves.items()) for target in wave.back),
        courses={name: wave.course for name, wave in waves.items() if scenery.courses.get(name) != wave.course},
        over=tuple(sorted(_over(wishes, due, scenery.courses))),
        under_way=any(wave.course.state in UNDER_WAY for wave in waves.values()),
    )


def _over(wishes: Wishes, due: Changes, courses: Collection[str]) -> set[str]:
    """Rollouts of what does not go out in waves any more, or not at all. What only cannot be read just now keeps
    its own: one that was paused would go on.
    """
    plain = {wish.name for wish in wishes.wishes if wish.pace is None}
    gone = {name for _, name in due.withdraw} | (set(courses) - wishes.put if wishes.whole else set())
    return (plain | (gone - {wish.name for wish in wishes.wishes})) & set(courses)


def _worth_keeping(place: Place, scenery: Scenery) -> bool:
    """Whether what a place has now is what to go back to: not what is no good there, where there is another."""
    held = scenery.assigned.get(place)
    if held is None:
        return False
    told = next((item for item in scenery.agents[place[0]].documents if item["id"] == place[1]), {})
    return held.former is None or standing_of(held.version, told) == "good"
