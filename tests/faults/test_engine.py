"""The engine crashes, hangs, restarts, goes deaf, or is tidied up by hand, while we run containers on it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import SOON_S, Controller, Stage, eventually
from tests.e2e.stories import STORIES, Story
from tests.parts.engine import PrivateEngine
from tests.parts.engine_fault import EngineFault, asks
from tests.parts.socket_proxy import SocketProxy
from tests.parts.standard_images import WEB_PORT

TIMEOUT_S = 2
RESYNC_S = 2
HANGS_S = 6.0
ANSWERS_WITHIN_S = 1.0
KILLED = 128 + signal.SIGKILL
EVENTS = asks("GET", "/events")


@pytest.fixture
def fresh_engine(request: pytest.FixtureRequest) -> Iterator[PrivateEngine]:
    """As everywhere, with the arguments that a test asks for."""
    with PrivateEngine(arguments=getattr(request, "param", ())) as started:
        yield started


def _rows() -> Iterator[object]:
    for story in STORIES:
        for number, action in enumerate(story.actions, start=1):
            yield pytest.param(story, f"after:{number}", id=f"{story.name}: after {number} {action}")


@pytest.mark.thorough
@pytest.mark.fault("E1")
@pytest.mark.parametrize(("story", "point"), tuple(_rows()))
def test_program_and_engine_killed_after_any_action(
    story: Story, point: str, fresh_stage: Stage, fresh_oracle: Oracle
) -> None:
    """One whole release after the next start."""
    story.begin(fresh_stage)
    assert fresh_stage.reconciler("apply", RECONCILER_FAIL_AT=point).returncode == -signal.SIGKILL
    fresh_stage.engine.kill()
    fresh_stage.engine.start()
    story.settle(fresh_stage)
    assert fresh_stage.page() == f"web {story.release}"
    fresh_oracle.holds(story.release, previous=story.kept(fresh_stage))


@pytest.mark.every_run("on-failure")
@pytest.mark.fault("E3")
@pytest.mark.parametrize("policy", ["always", "on-failure"])
def test_a_kept_previous_container_stays_down_when_the_engine_starts_again(
    policy: str, fresh_stage: Stage, fresh_oracle: Oracle
) -> None:
    """Whatever its restart policy was, and although it had to be killed; the new one serves."""
    deaf = {"command": ["httpd", "-f", "-p", str(WEB_PORT), "-h", "/www"], "stopTimeout": "1s"}
    fresh_stage.deploy_here("v1", config={"cleanupPrevious": False, "restartPolicy": policy, **deaf})
    fresh_stage.deploy_here("v2", config={"cleanupPrevious": False})
    previous = f"{fresh_stage.name}-previous-g1"
    before = fresh_stage.identity(previous)
    assert fresh_stage.inspect(previous)["State"]["ExitCode"] == KILLED
    fresh_stage.engine.kill()
    fresh_stage.engine.start()
    fresh_stage.apply()
    eventually("it serves", lambda: fresh_stage.page() == "web v2")
    assert fresh_stage.identity(previous) == before
    fresh_oracle.holds("v2", previous=previous)


@pytest.mark.fault("E4")
@pytest.mark.parametrize("fresh_engine", [("--live-restore",)], indirect=True, ids=["live-restore"])
def test_a_container_that_died_while_a_live_restoring_engine_was_away_is_noticed(
    fresh_stage: Stage, fresh_oracle: Oracle
) -> None:
    """The engine's end alone ends no container; what died meanwhile is started again."""
    stage = fresh_stage
    stage.deploy_here("v1", config={"restartPolicy": "no"})
    container, process = stage.inspect()["Id"], stage.inspect()["State"]["Pid"]
    with stage.controller(RECONCILER_RESYNC=str(RESYNC_S)) as controller:
        stage.engine.kill()
        os.kill(process, signal.SIGKILL)
        eventually("it has ended", lambda: not Path(f"/proc/{process}").exists())
        stage.engine.start()
        converged(stage, controller, "web v1")
    assert stage.inspect()["Id"] == container
    fresh_oracle.holds("v1")


@pytest.mark.fault("E6")
def test_while_the_engine_hangs_the_health_page_answers_and_nothing_is_done_twice(
    fresh_stage: Stage, fresh_oracle: Oracle
) -> None:
    """It hangs in the middle of a deploy: calls to it time out, and when it goes on, one release stands, whole."""
    stage = fresh_stage
    stage.deploy_here("v1")
    timing = {"RECONCILER_ENGINE_TIMEOUT": str(TIMEOUT_S), "RECONCILER_RESYNC": str(RESYNC_S)}
    with stage.controller(**timing) as controller:
        stage.write(stage.web("v2", strategy={"minHealthy": "1s"}))
        eventually("the deploy is under way", lambda: len(stage.ours()) > 1)
        with hanging(stage.engine):
            eventually("it is told", lambda: controller.metric("reconciler_engine_up") == 0)
            began = time.monotonic()
            assert controller.page("healthz")
            assert time.monotonic() - began < ANSWERS_WITHIN_S
            assert controller.page("readyz") == ""
            time.sleep(HANGS_S)  # calls that nobody waits for any more lie in the engine's queue: it will do them
        converged(stage, controller, "web v2")
    assert stage.ours() == {stage.name: "running"}
    fresh_oracle.holds("v2")


@pytest.mark.every_run("mute")
@pytest.mark.fault("E7")
@pytest.mark.parametrize("how", ["mute", "ended"])
def test_without_the_engines_events_the_next_timed_look_sees_a_change(
    how: str, stage: Stage, oracle: Oracle, proxy: SocketProxy
) -> None:
    """The stream never says a word, or ends as soon as it begins: what a person removes is put back."""
    stage.deploy_here("v1")
    proxy.fault(EngineFault(EVENTS, "hang" if how == "mute" else "reset", times=0))
    try:
        with stage.controller(RECONCILER_ENGINE=proxy.url, RECONCILER_RESYNC=str(RESYNC_S)) as controller:
            eventually("it listens to nothing", lambda: proxy.broken)
            stage.docker("rm", "-f", stage.name)
            converged(stage, controller, "web v1")
            proxy.heal()
            eventually("it listens again", lambda: controller.metric("reconciler_event_stream_up") == 1)
    finally:
        proxy.heal()
    oracle.holds("v1")


@pytest.mark.fault("E10")
def test_what_was_pruned_by_hand_is_rebuilt_and_a_way_back_stays(fresh_stage: Stage, fresh_oracle: Oracle) -> None:
    """The kept previous container and its image are gone; then the serving one is stopped and pruned too."""
    stage = fresh_stage
    stage.deploy_here("v1", "v2", config={"cleanupPrevious": False})
    prune(stage)
    assert stage.ours() == {stage.name: "running"}
    stage.apply()
    fresh_oracle.holds("v2")
    stage.docker("stop", "-t", "1", stage.name)
    prune(stage)
    stage.apply()
    assert stage.page() == "web v2"
    fresh_oracle.holds("v2")
    done = stage.reconciler("rollback", stage.name)
    assert done.returncode == 0, done.stdout + done.stderr
    stage.apply()
    assert stage.page() == "web v1"
    fresh_oracle.holds("v1", previous=f"{stage.name}-previous-g3")


def prune(stage: Stage) -> None:
    """As somebody who needs room on the disk."""
    stage.docker("container", "prune", "-f")
    stage.docker("image", "prune", "-a", "-f")


def converged(stage: Stage, controller: Controller, page: str) -> None:
    """Wait until it serves and is in order; how long that took is told."""
    began = time.monotonic()
    eventually(f"{page} serves", lambda: stage.page() == page, within_s=2 * SOON_S)
    controller.settles(stage.name)
    stage.showed("converged_s", time.monotonic() - began)


@contextlib.contextmanager
def hanging(engine: PrivateEngine) -> Iterator[None]:
    """SIGSTOP, and SIGCONT afterwards: connections are taken, and nobody answers."""
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(engine.pid, signal.SIGCONT)
