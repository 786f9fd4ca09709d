from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.controller.fail_points import FailPoint, FailPoints
from reconciler.controller.perform import Performer
from reconciler.controller.recorder import Books
from reconciler.core.action import (
    Action,
    CheckProject,
    Commit,
    ComposeUp,
    ContainerRef,
    CreateNetwork,
    EngineAction,
    ProjectAction,
    RecordAction,
    StartContainer,
    StopContainer,
    VerifyProject,
    WaitHealthy,
    WaitProject,
    WaitService,
)
from reconciler.core.desired import DesiredState, Release
from reconciler.core.interfaces import Progress
from reconciler.core.outcome import Outcome, OutcomeKind
from reconciler.core.plan import Plan, Purpose
from reconciler.core.project import Project, artifact
from reconciler.core.record import Event
from reconciler.errors import (
    EngineRefused,
    EngineUnavailable,
    Interrupted,
    ReconcilerError,
    StateUnwritable,
    TerminalError,
)
from tests.simulator.audit import MemoryAudit

WEB = ContainerRef("web", "id1")
NETWORK = CreateNetwork(document="web", cause="the network does not exist", network="front")
STOP = StopContainer(document="web", cause="web is being replaced", container=WEB)
START = StartContainer(document="web", cause="a new release", container=WEB)
WAIT = WaitHealthy(document="web", cause="a new release", container=WEB, timeout_ms=1, min_healthy_ms=1)
COMMIT = Commit(document="web", cause="it is healthy", generation=7)


@dataclass
class Actor:
    """An executor of one family: ``results`` by kind of Action, else done."""

    family: type[Action] = EngineAction
    results: dict[str, OutcomeKind | ReconcilerError] = field(default_factory=dict)
    carried_out: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def handles(self, action: Action) -> bool:
        return isinstance(action, self.family)

    def perform(self, action: Action, *, progress: Progress) -> Outcome:
        self.carried_out.append(action.kind)
        self.meanwhile()
        progress("half-way")
        result = self.results.get(action.kind, "done")
        if isinstance(result, ReconcilerError):
            return Outcome(kind="failed", action=action, error=result)
        return Outcome(kind=result, action=action, detail="fine", container_id="id1")


@dataclass
class Meters:
    seen: list[tuple[str, str, float]] = field(default_factory=list)

    def action(self, kind: str, outcome: str, *, seconds: float) -> None:
        self.seen.append((kind, outcome, seconds))


class Scene:
    """A performer whose monotonic clock goes on by 0.25 s with every look at it."""

    def __init__(self, fail_points: FailPoints | None = None) -> None:
        self.engine = Actor()
        self.history = Actor(RecordAction)
        self.events: list[Event] = []
        self.meters = Meters()
        self.lines: list[str] = []
        self.audit = MemoryAudit()
        self.records = True
        self._ticks: Iterator[float] = (tick * 0.25 for tick in range(1_000))
        self.performer = Performer(
            (self.engine, self.history),
            books=Books(record_event=self._record_event, audit=self.audit, clock=lambda: 1_750_000_000.0),
            meters=self.meters,
            fail_points=fail_points or FailPoints(),
            monotonic=lambda: next(self._ticks),
        )

    def _record_event(self, event: Event) -> None:
        if not self.records:
            raise StateUnwritable("the disk is full")
        self.events.append(event)

    def perform(
        self,
        *actions: Action,
        may_continue: Callable[[Action], bool] = lambda _: True,
        purpose: Purpose = "deploy",
    ) -> tuple[Outcome, ...]:
        plan = Plan(document="web", purpose=purpose, actions=actions)
        return self.performer.perform(plan, progress=self.lines.append, actor="ana", may_continue=may_continue)


def test_an_empty_plan_does_nothing() -> None:
    scene = Scene()
    assert scene.perform() == ()
    assert scene.lines == []


def test_actions_are_carried_out_in_order_by_whoever_handles_them() -> None:
    scene = Scene()
    outcomes = scene.perform(STOP, START, COMMIT)
    assert [outcome.action for outcome in outcomes] == [STOP, START, COMMIT]
    assert scene.engine.carried_out == ["stop-container", "start-container"]
    assert scene.history.carried_out == ["commit"]
    assert outcomes[0].container_id == "id1"


def test_nothing_is_carried_out_after_a_failure() -> None:
    scene = Scene()
    scene.engine.results["start-container"] = EngineRefused("no")
    outcomes = scene.perform(STOP, START, COMMIT)
    assert [outcome.kind for outcome in outcomes] == ["done", "failed"]
    assert scene.history.carried_out == []


def test_a_plan_that_nobody_can_carry_out_whole_is_not_begun() -> None:
    scene = Scene()
    scene.history.family = StartContainer
    (outcome,) = scene.perform(STOP, COMMIT)
    assert (outcome.kind, outcome.action) == ("failed", COMMIT)
    assert isinstance(outcome.error, TerminalError)
    assert scene.engine.carried_out == []


def test_durations_are_monotonic_and_measured() -> None:
    scene = Scene()
    (outcome,) = scene.perform(STOP)
    assert outcome.duration_ms == 250
    assert scene.meters.seen == [("stop-container", "done", 0.25)]


def test_progress_says_what_is_begun_and_how_it_goes_on() -> None:
    scene = Scene()
    scene.perform(STOP)
    assert scene.lines == ["stop-container web", "stop-container web: half-way"]


def test_what_was_changed_is_an_event_with_cause_actor_and_generation() -> None:
    scene = Scene()
    scene.perform(STOP, COMMIT)
    assert scene.events == [
        Event(
            at=1_750_000_000.0,
            document="web",
            action="stop-container",
            target="web",
            cause="web is being replaced",
            outcome="done",
            detail="fine",
            actor="ana",
            generation=7,
        ),
        Event(
            at=1_750_000_000.0,
            document="web",
            action="commit",
            target="web generation 7",
            cause="it is healthy",
            outcome="done",
            detail="fine",
            actor="ana",
            generation=7,
        ),
    ]


def test_what_was_so_already_and_what_only_looked_is_no_event() -> None:
    scene = Scene()
    scene.engine.results["create-network"] = "already"
    outcomes = scene.perform(NETWORK, WAIT)
    assert [outcome.kind for outcome in outcomes] == ["already", "done"]
    assert scene.events == []


def test_looks_at_a_project_are_no_events() -> None:
    project = Project(name="shop", directory="/srv/shop", lock=artifact("lock.yml", b""), services=())
    desired = DesiredState(name="shop", release=Release("1", "Shop"), project=project)
    who: dict[str, Any] = {"document": "shop", "cause": "a new release", "desired": desired}
    looks = (
        CheckProject(**who),
        WaitService(**who, service="web", condition="healthy", timeout_ms=1),
        WaitProject(**who, timeout_ms=1, min_healthy_ms=1),
        VerifyProject(**who, generation=1),
    )
    scene = Scene()
    scene.engine.family = ProjectAction
    scene.perform(*looks, ComposeUp(**who))
    assert [event.action for event in scene.events] == ["compose-up"]


def test_a_failure_is_an_event_also_of_what_only_looks() -> None:
    scene = Scene()
    scene.engine.results["wait-healthy"] = EngineUnavailable("no answer", hint="is it running?")
    scene.perform(WAIT)
    (event,) = scene.events
    assert (event.outcome, event.detail, event.generation) == ("failed", "no answer (is it running?)", 0)


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_a_stop_request_ends_the_plan_between_two_actions(allowed: int) -> None:
    scene = Scene()
    answers = iter([True] * allowed + [False])
    outcomes = scene.perform(STOP, START, COMMIT, may_continue=lambda _: next(answers))
    assert len(outcomes) == allowed + 1
    assert isinstance(outcomes[-1].error, Interrupted)
    assert outcomes[-1].action == (STOP, START, COMMIT)[allowed]
    assert len(scene.engine.carried_out) + len(scene.history.carried_out) == allowed
    assert len(scene.events) == allowed


def test_an_interrupted_wait_is_no_event() -> None:
    scene = Scene()
    scene.engine.results["wait-healthy"] = Interrupted("stopped while waiting")
    (outcome,) = scene.perform(WAIT)
    assert outcome.kind == "failed"
    assert scene.events == []


def test_what_cannot_be_recorded_ends_the_plan() -> None:
    scene = Scene()
    scene.records = False
    outcomes = scene.perform(STOP, START)
    assert [outcome.kind for outcome in outcomes] == ["done", "failed"]
    assert isinstance(outcomes[-1].error, StateUnwritable)
    assert scene.engine.carried_out == ["stop-container"]
    assert noted(scene)[2:] == [("intent", "start-container", ""), ("outcome", "start-container", "failed")]


def test_what_cannot_be_recorded_of_the_last_action_is_told_as_its_failure() -> None:
    scene = Scene()
    scene.records = False
    (outcome,) = scene.perform(STOP)
    assert isinstance(outcome.error, StateUnwritable)


def test_a_failure_that_cannot_be_recorded_keeps_its_own_error() -> None:
    scene = Scene()
    scene.records = False
    scene.engine.results["stop-container"] = EngineRefused("no")
    (outcome,) = scene.perform(STOP)
    assert isinstance(outcome.error, EngineRefused)


def test_taking_back_goes_on_unrecorded_and_its_events_are_written_at_the_end_in_their_order() -> None:
    scene = Scene()
    scene.records = False

    def healed(_: Action) -> bool:
        scene.records = len(scene.engine.carried_out) == 2
        return True

    outcomes = scene.perform(STOP, START, COMMIT, may_continue=healed, purpose="undo")
    assert [outcome.kind for outcome in outcomes] == ["done", "done", "done"]
    assert [event.action for event in scene.events] == ["stop-container", "start-container", "commit"]


def test_taking_back_that_cannot_be_recorded_to_its_end_says_so_in_the_last_outcome() -> None:
    scene = Scene()
    scene.records = False
    outcomes = scene.perform(STOP, START, purpose="undo")
    assert [outcome.kind for outcome in outcomes] == ["done", "failed"]
    assert isinstance(outcomes[-1].error, StateUnwritable)
    assert scene.engine.carried_out == ["stop-container", "start-container"]


def test_a_failure_of_taking_back_is_told_before_one_of_recording_it() -> None:
    scene = Scene()
    scene.records = False
    scene.engine.results["start-container"] = EngineRefused("no")
    outcomes = scene.perform(STOP, START, COMMIT, purpose="undo")
    assert [outcome.kind for outcome in outcomes] == ["done", "failed"]
    assert isinstance(outcomes[-1].error, EngineRefused)


class Killed(BaseException):
    """Plays the death of the process."""


def die() -> None:
    raise Killed


@pytest.mark.parametrize(
    ("point", "carried_out", "events"),
    [
        (FailPoint("before", 2), ["stop-container"], 1),
        (FailPoint("after", 2), ["stop-container", "start-container"], 1),
        (FailPoint("before", kind="start-container"), ["stop-container"], 1),
        (FailPoint("after", kind="stop-container"), ["stop-container"], 0),
    ],
)
def test_fail_points_lie_between_the_executors_answer_and_everything_else(
    point: FailPoint, carried_out: list[str], events: int
) -> None:
    scene = Scene(FailPoints(point, die))
    with pytest.raises(Killed):
        scene.perform(STOP, START)
    assert scene.engine.carried_out == carried_out
    assert len(scene.events) == events


def test_actions_are_numbered_over_all_plans_of_the_process() -> None:
    scene = Scene(FailPoints(FailPoint("before", 3), die))
    scene.perform(STOP, START)
    with pytest.raises(Killed):
        scene.perform(STOP)


def test_without_being_told_otherwise_a_performer_goes_on_and_reads_the_real_clocks() -> None:
    events: list[Event] = []
    books = Books(record_event=events.append, audit=MemoryAudit())
    performer = Performer([Actor()], books=books, meters=Meters(), fail_points=FailPoints())
    (outcome,) = performer.perform(Plan(document="web", actions=(STOP,)), progress=lambda line: None)
    assert outcome.kind == "done"
    assert events[0].at > 1_750_000_000


def noted(scene: Scene) -> list[tuple[str, str, str]]:
    return [(line.kind, line.deed.action, line.outcome) for line in scene.audit.lines]


def test_every_action_has_its_intent_before_it_and_its_outcome_after_it() -> None:
    scene = Scene()
    scene.engine.results |= {"create-network": "already", "wait-healthy": EngineRefused("no")}
    scene.perform(NETWORK, STOP, WAIT)
    assert noted(scene) == [
        ("intent", "create-network", ""),
        ("outcome", "create-network", "already"),
        ("intent", "stop-container", ""),
        ("outcome", "stop-container", "done"),
        ("intent", "wait-healthy", ""),
        ("outcome", "wait-healthy", "failed"),
    ]
    assert scene.audit.open == []


def test_an_action_whose_intent_cannot_be_written_is_not_carried_out() -> None:
    scene = Scene()
    scene.audit.full = True
    (outcome,) = scene.perform(STOP, START)
    assert isinstance(outcome.error, StateUnwritable)
    assert scene.engine.carried_out == []
    assert scene.events == []


def test_an_action_that_is_killed_leaves_its_intent_open() -> None:
    for edge in ("before", "after"):
        scene = Scene(FailPoints(FailPoint(edge, 2), die))
        with pytest.raises(Killed):
            scene.perform(STOP, START)
        assert [item.action for item in scene.audit.open] == ["start-container"]


def test_an_outcome_that_cannot_be_written_ends_the_plan_and_is_owed() -> None:
    scene = Scene()
    scene.engine.meanwhile = lambda: setattr(scene.audit, "full", True)
    outcomes = scene.perform(STOP, START)
    assert [outcome.kind for outcome in outcomes] == ["done", "failed"]
    assert (scene.engine.carried_out, scene.events) == (["stop-container"], [])
    scene.audit.full = False
    scene.audit.settle()
    assert noted(scene) == [("intent", "stop-container", ""), ("outcome", "stop-container", "done")]


def test_taking_back_goes_on_although_nothing_can_be_noted_and_is_noted_late() -> None:
    scene = Scene()
    scene.audit.full = True

    def healed(_: Action) -> bool:
        scene.audit.full = len(scene.engine.carried_out) < 2
        return True

    outcomes = scene.perform(STOP, START, COMMIT, may_continue=healed, purpose="undo")
    assert [outcome.kind for outcome in outcomes] == ["done", "done", "done"]
    assert noted(scene) == [
        ("late", "stop-container", "done"),
        ("late", "start-container", "done"),
        ("intent", "commit", ""),
        ("outcome", "commit", "done"),
    ]


def test_taking_back_whose_last_outcome_finds_no_room_says_so() -> None:
    scene = Scene()
    scene.audit.full = True
    outcomes = scene.perform(STOP, purpose="undo")
    assert (outcomes[0].kind, scene.engine.carried_out) == ("failed", ["stop-container"])
    assert [event.action for event in scene.events] == ["stop-container"]
