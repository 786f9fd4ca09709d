"""The engine killed too: SIGKILL of program and engine at the dangerous points, and of the engine alone.

A killed engine comes back with survivors stopped, and `unless-stopped` does not start them; the next pass must
end with one healthy container all the same. Each row has an engine of its own.
"""

from __future__ import annotations

import signal

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually

BACK_WITHIN_S = 40.0


@pytest.mark.every_run("after:stop-container", "after:start-container")
@pytest.mark.fault("E1")
@pytest.mark.parametrize(
    "point",
    [
        "after:create-container",
        "after:rename-container",
        "after:stop-container",
        "after:start-container",
        "after:commit",
    ],
)
def test_program_and_engine_killed_in_a_deploy(point: str, fresh_stage: Stage, fresh_oracle: Oracle) -> None:
    fresh_stage.deploy_here("v1")
    fresh_stage.write(fresh_stage.web("v2"))
    killed = fresh_stage.reconciler("apply", RECONCILER_FAIL_AT=point)
    assert killed.returncode == -signal.SIGKILL
    fresh_stage.engine.kill()
    fresh_stage.engine.start()
    fresh_stage.apply()
    assert fresh_stage.page() == "web v2"
    fresh_oracle.holds("v2")


@pytest.mark.fault("E1")
def test_program_and_engine_killed_while_a_failed_release_is_taken_back(
    fresh_stage: Stage, fresh_oracle: Oracle
) -> None:
    fresh_stage.deploy_here("v1")
    fresh_stage.write(fresh_stage.web("v3"))
    killed = fresh_stage.reconciler("apply", RECONCILER_FAIL_AT="after:record-undone")
    assert killed.returncode == -signal.SIGKILL
    fresh_stage.engine.kill()
    fresh_stage.engine.start()
    fresh_stage.apply(expect=5)
    assert fresh_stage.page() == "web v1"
    fresh_oracle.holds("v1")


@pytest.mark.fault("E1")
def test_an_engine_killed_under_a_deploy_of_the_running_controller(
    fresh_stage: Stage, fresh_oracle: Oracle
) -> None:
    fresh_stage.deploy_here("v1")
    with fresh_stage.controller(RECONCILER_RESYNC="5"):
        fresh_stage.write(fresh_stage.web("v2", strategy={"minHealthy": "3s"}))
        eventually("v2 is being waited for", lambda: fresh_stage.page() == "web v2")
        fresh_stage.engine.kill()
        fresh_stage.engine.start()
        eventually(
            "the release is committed",
            lambda: (
                fresh_stage.history()["generations"][-1]["state"] == "committed" and fresh_stage.page() == "web v2"
            ),
            within_s=BACK_WITHIN_S,
        )
    fresh_stage.apply()
    fresh_oracle.holds("v2")
