"""Plays the controller on a simulated world: the real decisions, executors and conclusions, no threads.

Observes everything in every pass; what is saved by looking less is the observer's matter and tested there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from reconciler.controller.conclude import Conclusion
from reconciler.controller.fail_points import fail_points
from reconciler.controller.perform import Performer
from reconciler.controller.recorder import Books
from reconciler.core.action import Action
from reconciler.core.audit import NOWHERE, account_of
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import Executor, Progress
from reconciler.core.observation import DeliveryReading, Observation
from reconciler.core.outcome import Outcome, Verdict
from reconciler.core.plan import Plan
from reconciler.core.planning import make_plan, orphan_plan
from reconciler.core.pruning import prune_plan
from reconciler.core.record import Event
from reconciler.core.situation import Situation, unmet_dependencies
from reconciler.core.sticker import judge
from reconciler.core.subject import subject
from reconciler.executors.delivery import DeliveryExecutor
from reconciler.executors.docker import DockerExecutor
from reconciler.executors.record import RecordExecutor
from tests.simulator.world import Killed, World

KEY = b"k" * 32
HELPER = "helper"

Hook = Callable[[Action], None]


class NoMeters:
    """Nothing is measured."""

    def action(self, kind: str, outcome: str, *, seconds: float) -> None:
        """Forget it."""


class Hooked:
    """An executor with something of the test's before and after each Action."""

    def __init__(self, executor: Executor, before: Hook, after: Hook) -> None:
        self._executor, self._before, self._after = executor, before, after

    def handles(self, action: Action) -> bool:
        return self._executor.handles(action)

    def perform(self, action: Action, *, progress: Progress) -> Outcome:
        self._before(action)
        outcome = self._executor.perform(action, progress=progress)
        self._after(action)
        return outcome


class KillAt:
    """Dies before or after the n-th Action (from 1) that the controller carries out."""

    def __init__(self, number: int, edge: str) -> None:
        self._number, self._edge = number, edge
        self.seen = 0

    def before(self, action: Action) -> None:
        self.seen += 1
        if self._edge == "before" and self.seen == self._number:
            raise Killed(f"before {action.kind}")

    def after(self, action: Action) -> None:
        if self._edge == "after" and self.seen == self._number:
            raise Killed(f"after {action.kind}")


class Player:
    """``documents`` is the folder: change it to edit files."""

    before: Hook = staticmethod(lambda _: None)
    after: Hook = staticmethod(lambda _: None)

    def __init__(self, world: World, *documents: DesiredState) -> None:
        self.world = world
        self.documents: dict[str, DesiredState] = {item.name: item for item in documents}
        self.events: list[Event] = []
        self.progress: list[str] = []
        self.chance = 0.5

    def want(self, *documents: DesiredState) -> None:
        """Write these documents into the folder."""
        self.documents |= {item.name: item for item in documents}

    def observe(self) -> Observation:
        engine, wanted = self.world.engine, self._everything().values()
        rows = engine.list_containers()
        details = {row.id: found for row in rows if (found := engine.inspect_container(row.id))}
        images = [engine.inspect_image(item.image_id) for item in details.values()]
        wanted_images = (str(image) for item in wanted for image in item.all_images)
        references = {image: engine.inspect_image(image) for image in wanted_images}
        known = [item for item in (*images, *references.values()) if item]
        return Observation(
            engine=engine.facts(),
            containers=rows,
            details=details,
            images={item.id: item for item in known},
            references={key: item.id if item else None for key, item in references.items()},
            networks=engine.list_networks(),
            stickers={item.name: self.world.stickers.read(item.sticker, helper=HELPER) for item in wanted},
            deliveries={item.name: self._delivered(item) for item in wanted},
        )

    def _delivered(self, desired: DesiredState) -> DeliveryReading:
        asked = subject(desired, self.world.journal.record(desired.name))
        return self.world.deliveries.read(desired.name, asked.deliveries, asked.variables)

    def situation(self, name: str, observation: Observation | None = None) -> Situation:
        seen = observation or self.observe()
        journal, desired = self.world.journal, self._everything()[name]
        record = journal.record(name)
        return Situation(
            desired=desired,
            observation=seen,
            record=record,
            sticker=judge(seen.stickers.get(name), record, desired, KEY),
            now=self.world.clock.time(),
            unmet=unmet_dependencies(desired, seen, journal.records()),
            needed_by=self._needed_by(),
            places=self.world.deliveries.places,
        )

    def plan(self, name: str = "web") -> Plan:
        situation = self.situation(name)
        if name not in self.documents and situation.record.open is None:
            return orphan_plan(situation)
        return make_plan(situation)

    def one_pass(self, name: str = "web", *, prune: bool = False) -> tuple[Plan, tuple[Outcome, ...], Verdict]:
        situation = self.situation(name)
        plan = prune_plan(situation) if prune else self.plan(name)
        account = account_of(situation, plan, actor="user:test", origin=NOWHERE)
        outcomes = self._performer().perform(plan, progress=self.progress.append, account=account)
        return plan, outcomes, self._conclusion().conclude(situation, plan, outcomes)

    def settle(self, name: str = "web", *, most: int = 12) -> Verdict:
        """Pass after pass until there is nothing more to do at once."""
        for _ in range(most):
            _, _, verdict = self.one_pass(name)
            if verdict.kind != "progressing":
                return verdict
        raise AssertionError(f"{name} is not settled after {most} passes")

    def settle_killed_at(self, number: int, edge: str, name: str = "web") -> bool:
        """Settle, but die at this point; False when it was over before. A new controller is then in its place."""
        point = KillAt(number, edge)
        self.before, self.after = point.before, point.after
        try:
            self.settle(name)
        except Killed:
            return True
        finally:
            del self.before, self.after
        return False

    def idle(self, name: str = "web") -> bool:
        """Whether another pass would change nothing."""
        return not self.plan(name).actions

    def _everything(self) -> Mapping[str, DesiredState]:
        gone = {
            name: record.committed_revision.desired
            for name, record in self.world.journal.records().items()
            if record.committed_revision
        }
        return {**gone, **self.documents}

    def _needed_by(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for name, record in self.world.journal.records().items():
            for image in (image for revision in record.revisions for image in revision.all_images):
                found.setdefault(str(image), set()).add(name)
        return {key: frozenset(names) for key, names in found.items()}

    def _performer(self) -> Performer:
        world = self.world
        docker = DockerExecutor(
            world.engine,
            world.journal,
            clock=world.clock.monotonic,
            sleep=world.clock.sleep,
            pull_deadline_s=60.0,
            wall_clock=world.clock.time,
            deliveries=world.deliveries,
        )
        deliveries = DeliveryExecutor(world.deliveries)
        record = RecordExecutor(world.journal, world.stickers, key=KEY, actor=lambda _: "test")
        return Performer(
            tuple(Hooked(item, self.before, self.after) for item in (docker, deliveries, record)),
            books=Books(record_event=self.events.append, audit=world.audit, clock=world.clock.time),
            meters=NoMeters(),
            fail_points=fail_points({}),
            monotonic=world.clock.monotonic,
        )

    def _conclusion(self) -> Conclusion:
        return Conclusion(journal=self.world.journal, clock=self.world.clock.time, chance=lambda: self.chance)


def edited(desired: DesiredState, **changes: object) -> DesiredState:
    """The document with other values."""
    return replace(desired, **changes)  # type: ignore[arg-type]
