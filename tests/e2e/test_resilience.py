"""What comes from outside: signals, other controllers, an engine that goes away, files that break."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually

EVENTS_ONLY = {"RECONCILER_RESYNC": "600"}
STOP_WITHIN_S = 10.0
PICKED_UP_S = 5.0
"""About one second, first Actions of the deploy included, where a machine has nothing else to do."""


@pytest.mark.fault("M1")
def test_a_second_program_on_the_state_directory_says_who_holds_it(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1")
    with stage.controller() as controller:
        for words in (("apply",), ("run",), ("prune", "--confirm")):
            second = stage.reconciler(*words)
            assert second.returncode == 1
            assert f"process {controller.process.pid} since" in second.stderr
        assert stage.status()["sync"] == "Synced", "looking needs no lock"
    oracle.holds("v1")


@pytest.mark.fault("M2", "O4")
def test_a_second_controller_on_the_engine_leaves_ours_alone(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1")
    identity = stage.identity()
    stranger = {"RECONCILER_STATE_DIR": str(stage.folder / "another-state")}
    refused = stage.apply(expect=5, **stranger)
    assert "is held by a container that is not ours" in refused.stdout
    planned = stage.reconciler("plan", stage.name, **stranger)
    assert "foreign" in planned.stdout
    assert stage.identity() == identity
    oracle.holds("v1")


@pytest.mark.fault("C16")
def test_sigterm_in_a_deploy_leaves_the_old_container_serving(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1")
    identity = stage.inspect()["Id"]
    with stage.controller(**EVENTS_ONLY) as controller:
        stage.write(stage.web("v2", strategy={"minHealthy": "60s"}))
        eventually("v2 is being waited for", lambda: stage.page() == "web v2")
        assert controller.stop() < STOP_WITHIN_S
    assert stage.page() == "web v1"
    assert stage.inspect()["Id"] == identity
    assert stage.history()["generations"][-1]["state"] == "undone"
    assert stage.history()["quarantined"] == []
    stage.write(stage.web("v1"))
    stage.apply()
    oracle.holds("v1")


def test_a_controller_killed_in_a_deploy_leaves_what_the_next_pass_understands(
    stage: Stage, oracle: Oracle
) -> None:
    stage.deploy("v1")
    with stage.started() as controller:
        stage.write(stage.web("v2", strategy={"minHealthy": "60s"}))
        eventually("v2 is being waited for", lambda: stage.page() == "web v2")
        os.kill(controller.process.pid, signal.SIGKILL)
        controller.process.wait()
    stage.write(stage.web("v2"))
    stage.apply()
    oracle.holds("v2")


@pytest.mark.fault("E5")
def test_an_engine_that_is_away_at_the_start_is_waited_for(fresh_stage: Stage, fresh_oracle: Oracle) -> None:
    fresh_stage.engine.stop()
    fresh_stage.write(fresh_stage.web("v1"))
    with fresh_stage.started() as controller:
        eventually("it says so", lambda: "nothing is changed until it is back" in controller.text)
        assert controller.metric("reconciler_engine_up") == 0
        assert controller.page("healthz")
        assert controller.page("readyz") == ""
        status = fresh_stage.json("status", expect=(0, 1, 2))["documents"][0]
        assert status["sync"] == "Unknown"
        fresh_stage.engine.start()
        eventually("the document is followed", lambda: fresh_stage.page() == "web v1")
        eventually("it is ready", controller.ready)
        controller.settles(fresh_stage.name)
    fresh_oracle.holds("v1")


def test_a_plan_without_an_engine_is_an_error_that_names_it(stage: Stage) -> None:
    stage.write(stage.web("v1"))
    done = stage.reconciler("plan", engine=f"unix://{stage.folder}/none.sock")
    assert done.returncode == 1
    assert "none.sock" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.fault("E2")
def test_what_a_crashed_engine_left_stopped_is_started_again(fresh_stage: Stage, fresh_oracle: Oracle) -> None:
    fresh_stage.deploy("v1")
    container = fresh_stage.inspect()["Id"]
    with fresh_stage.controller() as controller:
        fresh_stage.engine.kill()
        eventually("it notices", lambda: controller.metric("reconciler_engine_up") == 0, within_s=40)
        fresh_stage.engine.start()
        eventually("it serves again", lambda: fresh_stage.page() == "web v1", within_s=40)
        controller.settles(fresh_stage.name)
    assert fresh_stage.inspect()["Id"] == container
    fresh_oracle.holds("v1")


@pytest.mark.both_engines
@pytest.mark.fault("E2")
def test_what_a_crashed_engine_can_never_start_again_is_replaced(stage: Stage, oracle: Oracle) -> None:
    """The engine refuses every start of it, also after its own restart: to try again would never serve."""
    stage.deploy("v1")
    container = stage.inspect()["Id"]
    stage.docker("stop", "-t", "1", stage.name)
    stage.engine.leave_behind(container)
    with stage.controller() as controller:
        eventually("a new one serves", lambda: stage.page() == "web v1")
        controller.settles(stage.name)
    assert stage.inspect()["Id"] != container
    oracle.holds("v1")


@pytest.mark.fault("F2")
def test_a_broken_file_keeps_its_last_good_state_also_over_a_restart(stage: Stage, oracle: Oracle) -> None:
    good = stage.web("v1")
    stage.write(good)
    with stage.controller(**EVENTS_ONLY) as controller:
        controller.settles(stage.name)
        stage.write("kind: [Container\n")
        eventually("it says so", lambda: controller.metric("reconciler_invalid_documents") == 1)
        stage.docker("rm", "-f", stage.name)
        eventually("it is healed all the same", lambda: stage.page() == "web v1")
        controller.settles(stage.name)
    stage.docker("rm", "-f", stage.name)
    done = stage.apply(expect=1)
    assert "web.yaml:" in done.stderr
    assert stage.page() == "web v1"
    stage.write(good)
    stage.apply()
    oracle.holds("v1")


def test_an_edit_is_picked_up_at_once(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1")
    stage.docker("pull", "-q", stage.image("v2").reference)
    with stage.controller(**EVENTS_ONLY) as controller:
        stage.write(stage.web("v2"))
        eventually("the new container is there", lambda: len(stage.ours()) == 2, within_s=PICKED_UP_S)
        eventually("v2 serves", lambda: stage.page() == "web v2")
        controller.settles(stage.name)
    oracle.holds("v2")


def test_a_new_file_in_a_folder_that_was_not_there_is_followed(stage: Stage, oracle: Oracle) -> None:
    stage.desired.rmdir()
    with stage.controller(**EVENTS_ONLY) as controller:
        stage.desired.mkdir()
        stage.write(stage.web("v1"))
        eventually("it serves", lambda: stage.page() == "web v1")
        controller.settles(stage.name)
    oracle.holds("v1")


@pytest.mark.fault("K4")
def test_a_container_that_keeps_dying_is_held_and_says_so(stage: Stage, oracle: Oracle) -> None:
    stage.deploy("v1")
    for _ in range(5):
        stage.docker("kill", stage.name)
        stage.apply()
    stage.docker("kill", stage.name)
    held = stage.apply(expect=5)
    assert "healed 5 times" in held.stdout
    assert stage.ours() == {stage.name: "exited"}
    assert stage.status()["phase"] == "Held"
    assert stage.reconciler("clear", stage.name).returncode == 0
    stage.apply()
    oracle.holds("v1")
