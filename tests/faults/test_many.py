"""More than one controller, or more than one wish, at once."""

from __future__ import annotations

import json

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually

SLOWLY = {"RECONCILER_RESYNC": "600"}
TURNED_AWAY = 1


@pytest.mark.fault("M3")
def test_a_controller_whose_lock_file_is_removed_ends_and_leaves_the_host_to_the_next(
    stage: Stage, oracle: Oracle
) -> None:
    """Nobody acts beside another: the holder acts no more, says why, and ends; whoever starts then is alone."""
    stage.deploy_here("v1")
    with stage.controller(**SLOWLY) as holder:
        (stage.state / "lock").unlink()
        assert holder.process.wait(20) == 1
        assert "lock was removed or replaced while it was held" in holder.text
        assert "Traceback" not in holder.text
    with stage.controller(**SLOWLY) as successor:
        stage.write(stage.web("v2"))
        eventually("v2 serves", lambda: stage.page() == "web v2")
        successor.settles(stage.name)
    oracle.holds("v2")


@pytest.mark.fault("M3")
def test_a_controller_whose_lock_another_has_taken_takes_no_further_step(stage: Stage, oracle: Oracle) -> None:
    """In the middle of a deploy: what it has begun is the other's to take back or to do anew."""
    stage.deploy_here("v1")
    with stage.controller(**SLOWLY) as holder:
        stage.write(stage.web("v2", strategy={"minHealthy": "60s"}))
        eventually("v2 is being waited for", lambda: stage.page() == "web v2")
        (stage.state / "lock").unlink()
        stage.write(stage.web("v2", strategy={"minHealthy": "200ms"}))
        stage.apply()
        assert holder.process.wait(20) == 1
    assert stage.page() == "web v2"
    oracle.holds("v2")


@pytest.mark.fault("M4")
def test_two_commands_at_once_deploy_a_document_once(stage: Stage, oracle: Oracle) -> None:
    """One of them does it; the other is turned away, or finds it done."""
    stage.deploy_here("v1")
    stage.write(stage.web("v2", strategy={"minHealthy": "1s"}))
    with stage.beside("apply") as one, stage.beside("apply") as other:
        pass
    assert {one.returncode, other.returncode} in ({0}, {0, TURNED_AWAY})
    assert states(stage) == ["committed", "committed"]
    oracle.holds("v2")


@pytest.mark.fault("M4")
def test_an_edit_in_the_middle_of_a_deploy_waits_for_its_end(stage: Stage, oracle: Oracle) -> None:
    """And so does a command beside the controller: it is told who is at work. One generation after the other."""
    stage.deploy_here("v1")
    with stage.controller(**SLOWLY) as controller:
        stage.write(stage.web("v2", strategy={"minHealthy": "2s"}))
        eventually("v2 is being waited for", lambda: stage.page() == "web v2")
        stage.write(stage.web("v1", config={"environment": {"GREETING": "again"}}))
        beside = stage.reconciler("apply", stage.name)
        assert beside.returncode == TURNED_AWAY
        assert f"process {controller.process.pid} since" in beside.stderr
        eventually("both are committed", lambda: states(stage) == ["committed"] * 3)
        controller.settles(stage.name)
    assert stage.page() == "web v1"
    assert "GREETING=again" in stage.inspect()["Config"]["Env"]
    oracle.holds("v1")


def states(stage: Stage) -> list[str]:
    """How each generation ended, the oldest first."""
    return [item["state"] for item in json.loads(stage.here("history", stage.name, "--json"))["generations"]]
