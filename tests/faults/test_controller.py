"""The controller is killed, stopped, continued: what it keeps running runs on, and what it began ends well."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Controller, Stage, eventually
from tests.e2e.stories import STORIES, Story
from tests.parts.control_group import MemoryLimit
from tests.parts.images import publish
from tests.parts.registry_proxy import Answer, Lie, RegistryProxy, blobs
from tests.parts.standard_images import web

STORY = {story.name: story for story in STORIES}
SHARP = (
    ("a deploy", "after:create-container", "after:rename-container"),
    ("a deploy", "after:stop-container", "after:start-container"),
    ("a deploy", "after:start-container", "before:record-undone"),
    ("a deploy", "after:commit", "after:write-sticker"),
    ("a deploy that fails", "after:wait-healthy", "after:stop-container"),
    ("a deploy that fails", "before:record-undone", "after:record-undone"),
    ("a rollback to a kept container", "after:start-container", "after:set-restart-policy"),
)
LONGEST_RECOVERY = 40
"""Actions: a second kill that was never reached by then means that the program goes round in circles."""

KILLS = 50 if os.environ.get("THOROUGH") else 10
SEED = int(os.environ.get("CONTROLLER_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
LIVES_AT_MOST_S = 1.5
SLEEPS_S = 4.0
MUCH = 900_000
"""Bytes of a file: to read it takes memory."""
PULLED = "stopped before verify-image"


def killed_at(stage: Stage, point: str) -> bool:
    """Apply, to be killed at this point; whether it was reached."""
    done = stage.reconciler("apply", RECONCILER_FAIL_AT=point)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode == -signal.SIGKILL


def ends_well(story: Story, stage: Stage, oracle: Oracle) -> None:
    """Started once more it does not stop before all is as the story says."""
    story.settle(stage)
    assert stage.page() == f"web {story.release}"
    kept = next((name for name in stage.ours() if "-previous-g" in name), "") if story.previous else ""
    oracle.holds(story.release, previous=kept)


@pytest.mark.every_run(
    "a deploy-after:stop-container*", "a deploy that fails-before:record-undone*", "a rollback*"
)
@pytest.mark.fault("C14")
@pytest.mark.parametrize(("name", "first", "second"), SHARP, ids=lambda part: part)
def test_killed_again_while_the_first_kill_is_recovered_from(
    name: str, first: str, second: str, stage: Stage, oracle: Oracle
) -> None:
    """As after one kill: one whole release, and nothing left over."""
    story = STORY[name]
    story.begin(stage)
    assert killed_at(stage, first)
    assert killed_at(stage, second), "the recovery never came to its second kill"
    ends_well(story, stage, oracle)


def _first_kills() -> Iterator[object]:
    for story in STORIES:
        for number, action in enumerate(story.actions, start=1):
            yield pytest.param(story, f"after:{number}", id=f"{story.name}: after {number} {action}")


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.fault("C14")
@pytest.mark.parametrize(("story", "first"), tuple(_first_kills()))
def test_killed_at_any_action_and_again_at_any_action_of_the_recovery(
    story: Story, first: str, stage: Stage, oracle: Oracle
) -> None:
    """All pairs: as after one kill."""
    for number in range(1, LONGEST_RECOVERY):
        stage.here("clear", stage.name)
        story.begin(stage)
        assert killed_at(stage, first)
        reached = killed_at(stage, f"after:{number}")
        ends_well(story, stage, oracle)
        if not reached:
            return
    raise AssertionError(f"after {first} the recovery has more than {LONGEST_RECOVERY} Actions")


@pytest.mark.timeout(300)
@pytest.mark.fault("C15")
def test_killed_again_and_again_while_there_is_nothing_to_do(stage: Stage, oracle: Oracle) -> None:
    """The container is never touched, and nobody who uses it notices."""
    stage.deploy_here("v1")
    before = identity(stage)
    moments = random.Random(SEED)  # noqa: S311
    print(f"CONTROLLER_KILL_SEED={SEED}")  # noqa: T201
    with stage.users() as users:
        for _ in range(KILLS):
            with stage.started(RECONCILER_RESYNC="1") as controller:
                time.sleep(moments.uniform(0, LIVES_AT_MOST_S))
                controller.process.kill()
                controller.process.wait()
    assert identity(stage) == before
    assert (users.answers, users.failed) == ({"web v1"}, [])
    oracle.holds("v1")


@pytest.mark.fault("C20")
def test_killed_by_the_kernel_for_want_of_memory(stage: Stage, oracle: Oracle) -> None:
    """As with any SIGKILL: the container is not touched; started again, it goes on."""
    stage.deploy_here("v1")
    before = identity(stage)
    with MemoryLimit() as limit, stage.users() as users:
        with stage.controller(RECONCILER_RESYNC="1") as controller:
            limit.hold(controller.process.pid)
            stage.write(f"kind: [{'x' * MUCH}", file="much.yaml")
            assert controller.process.wait(20) == -signal.SIGKILL
        assert limit.kills == 1
        (stage.desired / "much.yaml").unlink()
        with stage.controller() as controller:
            controller.settles(stage.name)
    assert identity(stage) == before
    assert (users.answers, users.failed) == ({"web v1"}, [])
    oracle.holds("v1")


@pytest.mark.fault("C17")
def test_what_was_edited_while_it_slept_in_a_deploy_is_what_runs(stage: Stage, oracle: Oracle) -> None:
    """Asleep for longer than the wait for health: it looks again, and ends with what the document says now."""
    stage.deploy_here("v1")
    with stage.controller(RECONCILER_RESYNC="600") as controller:
        stage.write(stage.web("v2", config={"healthCheck": {"timeout": "3s"}}, strategy={"minHealthy": "2s"}))
        eventually("v2 is being waited for", lambda: stage.page() == "web v2")
        with asleep(controller):
            stage.write(stage.web("v1", config={"environment": {"GREETING": "again"}}))
            time.sleep(SLEEPS_S)
        eventually("the edit serves", lambda: greeting(stage) == "again" and stage.page() == "web v1")
        controller.settles(stage.name)
    oracle.holds("v1")


@pytest.mark.fault("C17")
def test_what_died_while_it_slept_is_never_committed(stage: Stage, oracle: Oracle) -> None:
    """The new container is killed meanwhile: it is not taken for healthy by what was seen before, but taken back
    and, since somebody else killed it, tried once more.
    """
    stage.deploy_here("v1")
    with stage.controller(RECONCILER_RESYNC="600") as controller:
        stage.write(stage.web("v2", config={"restartPolicy": "no"}, strategy={"minHealthy": "2s"}))
        eventually("v2 is being waited for", lambda: stage.page() == "web v2")
        with asleep(controller):
            stage.docker("kill", stage.name)
            time.sleep(SLEEPS_S)
        eventually(
            "it is taken back and tried again", lambda: states(stage) == ["committed", "undone", "committed"]
        )
        controller.settles(stage.name)
    oracle.holds("v2")


@pytest.mark.fault("C17")
def test_asleep_in_a_pull_it_goes_on_with_what_the_document_says_then(stage: Stage, oracle: Oracle) -> None:
    """The old release serves all the time."""
    stage.deploy_here("v1")
    before = identity(stage)
    upstream = stage.images.web_v1.repository.partition("/")[0]
    came, go_on = threading.Event(), threading.Event()

    def late(answer: Answer) -> Answer:
        came.set()
        assert go_on.wait(60)
        return answer

    with RegistryProxy(upstream) as registry, stage.users() as users:
        registry.tell(Lie(blobs, late))
        with stage.controller(RECONCILER_RESYNC="600") as controller:
            new = publish(upstream, "web", "new", web(uuid.uuid4().hex))
            stage.write(stage.web("v2", image=f"{registry.address}/web", digest=new.digest))
            assert came.wait(20), "it never pulled"
            eventually("it shows what it pulls", lambda: wants(controller, stage, "v2"))
            with asleep(controller):
                stage.write(stage.web("v1"))
                time.sleep(SLEEPS_S)
            eventually("it has seen the edit", lambda: wants(controller, stage, "v1"))
            go_on.set()
            eventually("the pull has ended", lambda: PULLED in controller.text)
            controller.settles(stage.name)
    assert identity(stage) == before
    assert (users.answers, users.failed) == ({"web v1"}, [])
    oracle.holds("v1")


@contextmanager
def asleep(controller: Controller) -> Iterator[None]:
    """SIGSTOP, and SIGCONT afterwards."""
    os.kill(controller.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(controller.process.pid, signal.SIGCONT)


def wants(controller: Controller, stage: Stage, release: str) -> bool:
    """Whether that is the release which the controller shows as wanted."""
    return controller.metric("reconciler_release_info", document=stage.name, desired=release) == 1


def identity(stage: Stage) -> tuple[str, str, int, int]:
    """What changes when somebody touches the container or its process."""
    told = stage.inspect()
    return told["Id"], told["State"]["StartedAt"], told["State"]["Pid"], told["RestartCount"]


def states(stage: Stage) -> list[str]:
    """How each generation ended, the oldest first."""
    return [item["state"] for item in json.loads(stage.here("history", stage.name, "--json"))["generations"]]


def greeting(stage: Stage) -> str:
    """What the container's environment says; "" while there is none of its name."""
    names = {name.removeprefix("/") for row in stage.sdk.containers() for name in row["Names"] or ()}
    if stage.name not in names:
        return ""
    variables = stage.inspect()["Config"]["Env"]
    return next((item.partition("=")[2] for item in variables if item.startswith("GREETING=")), "")
