"""The program that stays: it wakes, looks for itself, acts, and stops as it should."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from reconciler.controller import controller as module
from reconciler.controller.controller import Controller
from reconciler.controller.stop import StopRequest
from reconciler.core.desired import Suspension
from reconciler.core.interfaces import EngineEvent
from reconciler.errors import StateUnwritable
from reconciler.history import History
from reconciler.spec.build import build
from tests.controller.stage import Stage
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


@pytest.mark.parametrize("error", [StateUnwritable("the disk is full"), RuntimeError("a bug")])
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
