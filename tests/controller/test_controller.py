"""The program that stays: it wakes, looks for itself, acts, and stops as it should."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from reconciler.controller import assess
from reconciler.controller import controller as module
from reconciler.controller.controller import Controller
from reconciler.controller.lookout import FORGETFUL, TIMELESS, UNWRITABLE
from reconciler.controller.stop import StopRequest
from reconciler.core.desired import DesiredState, Suspension
from reconciler.core.interfaces import EngineEvent
from reconciler.core.plan import Plan
from reconciler.core.planning import make_plan
from reconciler.core.record import Record
from reconciler.core.situation import Situation
from reconciler.errors import EngineUnavailable, StateLocked, StateUnwritable
from reconciler.history import History
from reconciler.sources.files import Loaded
from reconciler.spec.build import build
from tests.controller.stage import Stage
from tests.controller.told import told_lines
from tests.simulator.behaviour import exits, never_healthy

WITHIN_S = 10.0


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.history.close()


async def until(so: Callable[[], object]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(WITHIN_S):
        while not so():  # noqa: ASYNC110  (what is waited for has no event of its own)
            await asyncio.sleep(0.01)


def played(stage: Stage, story: Callable[[Controller, StopRequest], Awaitable[None]], **options: object) -> int:
    """Run the controller while the story goes on, then stop it; how many workers it left at work."""

    async def play() -> int:
        stop = StopRequest()
        controller = stage.controller(stop, **options)  # type: ignore[arg-type]  # Controller's own options
        running = asyncio.create_task(controller.run())
        try:
            await story(controller, stop)
        finally:
            stop.ask()
        async with asyncio.timeout(WITHIN_S + module.STOP_GRACE_S):
            return await running

    return asyncio.run(play())


def phase(stage: Stage, name: str = "web") -> str:
    return next((item.phase for item in stage.board.statuses if item.name == name), "")


def test_a_document_that_is_written_is_deployed_and_an_edit_follows(stage: Stage) -> None:
    async def story(controller: Controller, stop: StopRequest) -> None:
        stage.write("web")
        await until(lambda: phase(stage) == "Converged")
        stage.write("web", "v2")
        await until(lambda: stage.board.statuses[0].running_release == "v2")

    assert played(stage, story) == 0
    assert stage.board.ready() == (True, "ready")
    assert stage.board.healthy() == (True, "ok")
    assert set(stage.board.last_success) == {"web"}


def test_a_container_removed_by_hand_is_healed(stage: Stage) -> None:
    async def story(controller: Controller, stop: StopRequest) -> None:
        stage.write("web")
        await until(lambda: phase(stage) == "Converged")
        first = stage.world.engine.container("web").id
        stage.world.engine.by_hand.remove("web")
        await until(
            lambda: any(row.name == "web" and row.id != first for row in stage.world.engine.list_containers())
        )

    played(stage, story)


def test_a_failed_release_is_put_back_and_counted(stage: Stage) -> None:
    async def story(controller: Controller, stop: StopRequest) -> None:
        stage.write("web")
        await until(lambda: phase(stage) == "Converged")
        stage.images["bad"] = stage.world.publish("shop/bad", behaviour=exits(1))
        stage.write("web", "bad")
        await until(lambda: phase(stage) == "RolledBack")

    played(stage, story)
    counted = {(family.name, labels) for family, labels, _ in stage.meters.read()}
    assert ("reconciler_deploys_total", ("", "Container", "rolled-back")) in counted
    assert ("reconciler_rollbacks_total", ("", "Container", "restarting")) in counted


def test_a_dependent_document_follows_its_dependency(stage: Stage) -> None:
    async def story(controller: Controller, stop: StopRequest) -> None:
        stage.write("app", dependsOn=[{"name": "db", "condition": "healthy"}])
        stage.write("db")
        await until(lambda: phase(stage, "app") == "Converged")

    played(stage, story)


def test_a_controller_that_has_lost_its_lock_ends_without_acting(stage: Stage) -> None:
    lost: list[bool] = []

    def check_lock() -> None:
        if lost:
            raise StateLocked("the lock is gone")

    async def play() -> None:
        controller = stage.controller(StopRequest(), may_act=lambda: not lost)
        controller.check_lock = check_lock
        running = asyncio.create_task(controller.run())
        await until(lambda: phase(stage) == "Converged")
        lost.append(True)
        stage.world.engine.by_hand.remove("web")
        with pytest.raises(StateLocked, match="the lock is gone"):
            async with asyncio.timeout(WITHIN_S):
                await running

    stage.write("web")
    asyncio.run(play())
    assert [row.name for row in stage.world.engine.list_containers()] == []


def test_an_engine_that_is_away_is_waited_for_and_said(stage: Stage) -> None:
    stage.write("web")
    stage.world.engine.go_away()

    async def story(controller: Controller, stop: StopRequest) -> None:
        await until(lambda: stage.board.problem)
        assert stage.board.ready()[0] is False
        assert not controller.event_stream_up
        stage.world.engine.come_back()
        await until(lambda: phase(stage) == "Converged")

    played(stage, story)


def test_an_operator_beside_the_controller_is_heard(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPERATOR_POLL_S", 0.05)

    async def story(controller: Controller, stop: StopRequest) -> None:
        stage.write("web")
        await until(lambda: phase(stage) == "Converged")
        beside = History.open(stage.folder / "history.db", clock=stage.clock.time, rebuild=build)
        beside.suspend("web", Suspension("ana", "incident"))
        beside.close()
        await until(lambda: phase(stage) == "Held")

    played(stage, story)


def test_an_event_of_a_stranger_on_a_wanted_name_wakes_its_document(stage: Stage) -> None:
    stage.write("web")

    async def story(controller: Controller, stop: StopRequest) -> None:
        await until(lambda: phase(stage) == "Converged")
        adds = controller.queue.stats
        controller.on_event(EngineEvent("x", "web", "start", 1, {}))
        controller.on_event(EngineEvent("x", "nobody", "start", 1, {}))
        assert adds().depth <= 1

    played(stage, story)


def test_stopping_during_a_health_wait_takes_the_new_one_back(stage: Stage) -> None:
    stage.write("web")
    waiting = threading.Event()

    async def story(controller: Controller, stop: StopRequest) -> None:
        await until(lambda: phase(stage) == "Converged")
        stage.images["slow"] = stage.world.publish("shop/slow", behaviour=never_healthy())
        stage.write("web", "slow", config={"healthCheck": {"test": ["CMD", "x"]}})
        await until(waiting.is_set)

    stop_seen: list[StopRequest] = []

    def sleep(seconds: float) -> None:
        waiting.set()
        stop_seen[0].sleep(0.05)

    async def remember(controller: Controller, stop: StopRequest) -> None:
        stop_seen.append(stop)
        await story(controller, stop)

    first_sleep = stage.clock.sleep

    def paced(seconds: float) -> None:
        serving = any(row.name == "web" and row.labels.get("stella.release.id") == "slow" for row in rows())
        (sleep if serving else first_sleep)(seconds)

    rows = stage.world.engine.list_containers
    assert played(stage, remember, sleep=paced) == 0
    assert stage.world.engine.container("web").status == "running"
    assert stage.world.engine.container("web").config.labels["stella.release.id"] == "v1"  # type: ignore[index]
    assert stage.history.record("web").open is None


def test_work_that_does_not_end_is_left_to_the_next_start(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_GRACE_S", 0.1)
    stage.write("web")
    stuck, free = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        stuck.set()
        free.wait(WITHIN_S)
        stage.clock.sleep(seconds)

    async def story(controller: Controller, stop: StopRequest) -> None:
        await until(stuck.is_set)
        asyncio.get_running_loop().call_later(0.5, free.set)

    assert played(stage, story, sleep=sleep) == 1


def test_pruning_removes_what_said_so_and_respects_the_cap(stage: Stage) -> None:
    async def story(controller: Controller, stop: StopRequest) -> None:
        for name in ("aa", "bb", "cc", "dd"):
            stage.write(name, deletionPolicy="delete")
        await until(lambda: len(stage.board.last_success) == 4)
        stage.delete("aa")
        await until(lambda: "aa" not in {row.name for row in stage.world.engine.list_containers()})
        stage.delete("bb")
        stage.delete("cc")
        await until(lambda: {item.name for item in stage.board.statuses} == {"bb", "cc", "dd"})
        await asyncio.sleep(0.5)

    played(stage, story, prune=True)
    assert sorted(row.name for row in stage.world.engine.list_containers()) == ["bb", "cc", "dd"]


FULL = StateUnwritable("the disk is full")


@pytest.mark.parametrize("error", [FULL, RuntimeError("a bug")])
def test_a_look_that_fails_is_told_once_and_made_again(
    stage: Stage, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.write("web")
    real, failed = History.records, list[History]()

    def failing(self: History) -> Mapping[str, Record]:
        if len(failed) >= 2:
            return real(self)
        failed.append(self)
        raise error

    async def story(controller: Controller, stop: StopRequest) -> None:
        await until(lambda: len(failed) == 2)
        await until(lambda: phase(stage) == "Converged")

    monkeypatch.setattr(History, "records", failing)
    with told_lines() as lines:
        assert played(stage, story) == 0
    told = [line["event"] for line in lines if line["event"].startswith(("the documents can", module.BLIND))]
    assert told[0].startswith(module.BLIND)
    assert told[1:] == ["the documents can be looked at again"]
    assert stage.board.ready() == (True, "ready")


def test_while_looks_fail_the_board_is_not_ready_and_says_why_and_the_loop_lives(stage: Stage) -> None:
    stage.write("web")

    async def story(controller: Controller, stop: StopRequest) -> None:
        await until(lambda: phase(stage) == "Converged")
        stage.assessor.catalogue.reload = failing  # type: ignore[method-assign]
        stage.clock.advance(200)
        controller.resync()
        await until(lambda: not stage.board.ready()[0])

    def failing() -> Loaded:
        raise FULL

    played(stage, story)
    assert stage.board.ready() == (False, "the disk is full")
    assert stage.board.healthy() == (True, "ok")
    assert phase(stage) == "Converged"


def test_the_engine_and_the_history_may_be_away_together(stage: Stage) -> None:
    stage.write("web")
    errors, problems = [FULL, EngineUnavailable("no answer")], []
    real = stage.catalogue.choose

    def choose(names: Sequence[str], records: Mapping[str, Record]) -> dict[str, DesiredState]:
        if errors:
            raise errors.pop()
        problems.append(stage.board.problem)
        return real(names, records)

    async def story(controller: Controller, stop: StopRequest) -> None:
        await until(lambda: phase(stage) == "Converged")

    stage.catalogue.choose = choose  # type: ignore[method-assign]
    with told_lines() as lines:
        assert played(stage, story) == 0
    assert problems[0] == "the disk is full"
    told = [line["event"] for line in lines]
    assert {module.AWAY, module.BLIND, "the engine is back"} <= set(told)


@pytest.mark.parametrize("error", [FULL, RuntimeError("a bug")])
def test_operators_that_cannot_be_heard_for_a_while_are_heard_again(
    stage: Stage, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPERATOR_POLL_S", 0.05)
    real, broken = History.data_version, threading.Event()

    def version(self: History) -> int:
        if broken.is_set():
            raise error
        return real(self)

    async def story(controller: Controller, stop: StopRequest) -> None:
        stage.write("web")
        await until(lambda: phase(stage) == "Converged")
        broken.set()
        await until(lambda: any(line["event"].startswith(module.DEAF) for line in lines))
        broken.clear()
        beside = History.open(stage.folder / "history.db", clock=stage.clock.time, rebuild=build)
        beside.suspend("web", Suspension("ana", "incident"))
        beside.close()
        await until(lambda: phase(stage) == "Held")
        await until(lambda: "operators' commands are heard again" in [line["event"] for line in lines])

    monkeypatch.setattr(History, "data_version", version)
    with told_lines() as lines:
        assert played(stage, story) == 0


def test_what_cannot_be_kept_for_a_restart_stops_no_look_and_is_kept_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    full.set()

    def unless_full(real: Callable[..., None]) -> Callable[..., None]:
        def write(self: History, *arguments: object) -> None:
            if full.is_set():
                raise FULL
            real(self, *arguments)

        return write

    async def story(controller: Controller, stop: StopRequest) -> None:
        stage.write("web", suspend={"reason": "later", "by": "ana"})
        await until(lambda: phase(stage))
        assert stage.history.accepted() == {}
        await until(lambda: stage.board.trouble and stage.catalogue.trouble)
        since = stage.board.statuses[0].since
        stage.clock.advance(50)
        controller.resync()
        full.clear()
        await until(lambda: not (stage.board.trouble or stage.catalogue.trouble))
        assert stage.board.statuses[0].since == since == stage.history.drift_since("web")
        assert set(stage.history.accepted()) == {"web.yaml"}

    monkeypatch.setattr(History, "accept", unless_full(History.accept))
    monkeypatch.setattr(History, "note_sync", unless_full(History.note_sync))
    with told_lines() as lines:
        assert played(stage, story) == 0
    told = [line["event"] for line in lines]
    assert (told.count(FORGETFUL), told.count(TIMELESS)) == (1, 1)


def test_the_controller_outlives_a_history_that_cannot_be_written_and_works_on_afterwards(stage: Stage) -> None:
    def allow(writing: bool) -> None:
        with stage.history._database.read() as connection:
            connection.execute(f"PRAGMA query_only = {not writing:d}")

    async def story(controller: Controller, stop: StopRequest) -> None:
        stage.write("web")
        await until(lambda: phase(stage) == "Converged")
        allow(writing=False)
        stage.write("new")
        stage.world.engine.by_hand.remove("web")
        await until(lambda: stage.board.trouble and stage.catalogue.trouble and not stage.board.ready()[0])
        assert "could not write" in stage.board.ready()[1]
        assert stage.world.engine.list_containers() == (), "nothing is done that cannot be recorded"
        allow(writing=True)
        await until(lambda: phase(stage) == phase(stage, "new") == "Converged")
        await until(lambda: stage.board.ready() == (True, "ready"))

    with told_lines() as lines:
        assert played(stage, story) == 0
    told = [line["event"] for line in lines]
    assert (told.count(UNWRITABLE), told.count("what is done can be recorded again")) == (1, 1)


def test_a_bug_in_planning_one_document_blocks_that_one_and_is_told_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planner(situation: Situation) -> Plan:
        if situation.desired.name == "bad":
            raise KeyError("what")
        return make_plan(situation)

    async def story(controller: Controller, stop: StopRequest) -> None:
        stage.write("bad")
        stage.write("web")
        await until(lambda: phase(stage) == "Converged" and phase(stage, "bad") == "Blocked")
        monkeypatch.setattr(assess, "make_plan", make_plan)
        controller.resync()
        await until(lambda: phase(stage, "bad") == "Converged")

    monkeypatch.setattr(assess, "make_plan", planner)
    with told_lines() as lines:
        assert played(stage, story) == 0
    told = [line for line in lines if line["event"].startswith("bad can")]
    assert isinstance(told[0]["exc_info"], KeyError)
    assert [line["event"] for line in told[1:]] == ["bad can be planned again"]


def test_a_document_that_cannot_be_planned_says_why_and_asks_for_a_report(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planner(situation: Situation) -> Plan:
        raise error

    stage.write("web")
    monkeypatch.setattr(assess, "make_plan", planner)
    error: Exception = KeyError("what")
    (plan,) = stage.service().plans()
    assert (plan.document, plan.actions) == ("web", ())
    assert plan.blocked == "this document cannot be planned: KeyError: 'what'; please report it"
    error = FULL
    with pytest.raises(StateUnwritable):
        stage.service().plans()


def test_an_event_with_an_unknown_documents_label_wakes_nobody(stage: Stage) -> None:
    stage.write("web", deletionPolicy="orphan")

    async def story(controller: Controller, stop: StopRequest) -> None:
        await until(lambda: phase(stage) == "Converged")
        await until(lambda: not controller.queue.stats().working and not controller.queue.stats().depth)
        controller.on_event(EngineEvent("x", "other", "start", 1, {"stella.document": "nobody"}))
        assert controller.queue.stats().depth == 0
        stage.write("new")
        stage.delete("web")
        await until(lambda: phase(stage, "new") == "Converged" and phase(stage) != "Converged")
        await until(lambda: not controller.queue.stats().working and not controller.queue.stats().depth)
        controller.on_event(EngineEvent("x", "web", "die", 1, {"stella.document": "web"}))
        assert controller.queue.stats().depth == 1

    played(stage, story)


def test_a_queued_name_whose_document_is_gone_is_dropped_in_silence(stage: Stage) -> None:
    async def story(controller: Controller, stop: StopRequest) -> None:
        controller.queue.add("gone")
        await until(lambda: not controller.queue.stats().depth and not controller.queue.stats().working)
        assert controller.queue.stats().delayed == 0

    with told_lines() as lines:
        assert played(stage, story) == 0
    assert not [line for line in lines if line.get("document") == "gone"]


@pytest.mark.fault("T1")
def test_a_clock_that_was_set_back_does_not_put_a_document_off_for_long(stage: Stage) -> None:
    stage.write("web")
    stage.history.retry_later("web", error="earlier", retry_at=stage.clock.time() + 1e6)
    (found,) = stage.assessor.assess()

    async def story(controller: Controller, stop: StopRequest) -> None:
        later: list[tuple[str, float]] = []

        def put_off(key: str, delay_s: float) -> None:
            later.append((key, delay_s))

        controller.queue.add_after = put_off  # type: ignore[method-assign]
        controller._queue(found)
        assert later == [("web", 300.0)]

    played(stage, story)


@pytest.mark.parametrize("error", [FULL, RuntimeError("a bug")])
def test_an_error_in_one_document_does_not_stop_the_others(stage: Stage, error: Exception) -> None:
    stage.write("bad")
    stage.write("web")

    async def story(controller: Controller, stop: StopRequest) -> None:
        await until(lambda: phase(stage) == "Converged")

    real = stage.readings.assessed

    def failing(assessment: object) -> None:
        if assessment.plan.document == "bad":  # type: ignore[attr-defined]
            raise error
        real(assessment)  # type: ignore[arg-type]

    reconciler_of = stage.reconciler

    def reconciler(**options: object):  # type: ignore[no-untyped-def]
        made = reconciler_of(**options)  # type: ignore[arg-type]
        object.__setattr__(made, "assessed", failing)
        return made

    stage.reconciler = reconciler  # type: ignore[method-assign]
    played(stage, story)
    assert stage.world.engine.container("web").status == "running"


def test_a_background_job_that_dies_ends_the_controller_with_its_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Controller) -> None:
        raise RuntimeError("the timer broke")

    monkeypatch.setattr(Controller, "_timer", broken)

    async def story(controller: Controller, stop: StopRequest) -> None:
        await asyncio.sleep(0.2)

    with pytest.raises(RuntimeError, match="the timer broke"):
        played(stage, story)


def test_a_loop_that_looks_at_nothing_is_not_alive(stage: Stage) -> None:
    stage.clock.advance(200)
    alive, reason = stage.board.healthy()
    assert not alive
    assert "200 s" in reason


def test_before_the_first_look_it_is_not_ready(stage: Stage) -> None:
    assert stage.board.ready() == (False, "the first look at everything is not done")
