"""Reading: asks the store for what a page shows. Blocks, so it is asked in threads.

Few questions for each page, however many agents there are. What all pages share is read at most once in
``KEPT_S`` seconds, however many people look; what a page shows is no older than three times that, and was read
after the change that its number tells of.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from reconciler.errors import NotKnown
from reconciler.orchestrator.bringing import scenery_of
from reconciler.orchestrator.document_views import Scene, problems_of
from reconciler.orchestrator.pages.drawn import Drawn
from reconciler.orchestrator.pages.facts import (
    AgentPortrait,
    DocumentFacts,
    DocumentPortrait,
    FleetFacts,
    RolloutFacts,
)
from reconciler.orchestrator.pages.standing import (
    agent_facts,
    documents_of,
    parts_of_agent,
    portrait_of,
    rollouts_of,
    seconds,
    worst_first,
)
from reconciler.orchestrator.store import agents, assignments, rollouts, tasks
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.orchestrator.wishes import Wishes

KEPT_S: Final = 2.0
LAST_TASKS: Final = 20
"""Tasks on an agent's page."""

T = TypeVar("T")


class Kept(Generic[T]):
    """One answer for whoever asks within some seconds. ``clock``: monotonic seconds."""

    def __init__(self, read: Callable[[], T], clock: Callable[[], float], kept_s: float) -> None:
        self._read, self._clock, self._kept_s = read, clock, kept_s
        self._lock = threading.Lock()
        self._found: tuple[float, T] | None = None

    def get(self) -> T:
        """Raises what reading raises."""
        with self._lock:
            now = self._clock()
            if self._found is None or now - self._found[0] >= self._kept_s:
                self._found = now, self._read()
            return self._found[1]

    def forget(self) -> None:
        """Who asks from now on gets what is read from now on. Waits for a reading that is under way."""
        with self._lock:
            self._found = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """``carriers``: what each agent's session comes over; ``wishes``: as of the last look; ``trouble``: of the
    orchestrator itself, "" for none. ``clock``: monotonic seconds.
    """

    database: Database
    carriers: Callable[[], Mapping[str, str]]
    wishes: Callable[[], Wishes]
    trouble: Callable[[], str]
    clock: Callable[[], float]
    kept_s: float = field(default=KEPT_S)


class Reading:
    """All that the pages ask for. Raises StateError."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._fleet = Kept(self._read_fleet, sources.clock, sources.kept_s)
        self._scene = Kept(self._read_scene, sources.clock, sources.kept_s)
        self._documents = Kept(lambda: documents_of(self._scene.get()), sources.clock, sources.kept_s)
        self._rollouts = Kept(lambda: rollouts_of(self._scene.get()), sources.clock, sources.kept_s)
        self.drawn = Drawn(sources.clock, sources.kept_s)
        """Pages that were made of it just now."""

    def fleet(self) -> FleetFacts:
        """All agents, and what there is to count. By this changes are noticed, so it is no part of ``renew``."""
        return self._fleet.get()

    def renew(self) -> None:
        """There is a change: what was read before it serves nobody any more. What is made of the scene is
        forgotten after it, or could be made of the former one meanwhile.
        """
        for kept in (self._scene, self._documents, self._rollouts):
            kept.forget()

    def documents(self) -> tuple[DocumentFacts, ...]:
        """All documents with where they stand."""
        return self._documents.get()

    def document(self, name: str) -> DocumentPortrait | None:
        """None where there is no such document."""
        return portrait_of(self._scene.get(), name)

    def rollouts(self) -> tuple[RolloutFacts, ...]:
        """Of all documents that go out in waves."""
        return self._rollouts.get()

    def agent(self, name: str) -> AgentPortrait | None:
        """None where there is no such agent."""
        now, carrier = datetime.now(UTC), self._sources.carriers().get(name, "")
        with self._sources.database.read() as on:
            try:
                found = agents.find(on, name)
            except NotKnown:
                return None
            assigned = assignments.held(on, target=name)
            last = tasks.page(on, target=name, limit=LAST_TASKS)
        return AgentPortrait(
            facts=agent_facts(found, now, carrier),
            parts=parts_of_agent(found, assigned),
            tasks=tuple(last),
            enrolled=seconds(found.enrolled_at),
            clock_offset_ms=found.clock_offset_ms,
        )

    def tasks(self, **asked: Any) -> tuple[Mapping[str, int], tuple[tasks.Kept, ...]]:
        """How many there are of each state, and a page of them, the newest first (``store.tasks.page``)."""
        with self._sources.database.read() as on:
            return tasks.by_state(on), tuple(tasks.page(on, **asked))

    def _read_fleet(self) -> FleetFacts:
        now, carriers = datetime.now(UTC), self._sources.carriers()
        with self._sources.database.read() as on:
            members, counts, rolled = agents.every(on), tasks.by_state(on), rollouts.every(on)
        trouble = self._sources.trouble()
        return FleetFacts(
            now=now.timestamp(),
            agents=worst_first(agent_facts(item, now, carriers.get(item.name, "")) for item in members),
            tasks=counts,
            rollouts={name: kept.course.state for name, kept in rolled.items()},
            troubles=(trouble,) if trouble else (),
            problems=tuple(problems_of(self._sources.wishes())),
        )

    def _read_scene(self) -> Scene:
        with self._sources.database.read() as on:
            return self._scene_of(on)

    def _scene_of(self, on: Connection) -> Scene:
        return Scene(self._sources.wishes(), scenery_of(on, datetime.now(UTC)))
