"""Docker Compose killed in the middle of an upgrade, and the program killed beside it: the next pass heals it."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import Model
from tests.e2e.stage import COMMAND_S, eventually
from tests.parts.compose_hunt import compose_processes
from tests.parts.host import wait_until

KILLS = 10
SEED = int(os.environ.get("COMPOSE_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
UPGRADE_S = 2.4
"""How long Compose takes for it: two services, one after the other, that only end when their second is over."""


def _slow(project: ProjectStage, version: str) -> Model:
    """Two services that ignore SIGTERM, the second needs the first; the first has a volume without a name."""
    service = {
        "image": project.images[f"stubborn {version}"].tagged,
        "restart": "unless-stopped",
        "stop_grace_period": "1s",
    }
    return {
        "services": {
            "first": {**service, "volumes": [{"type": "volume", "target": "/kept"}]},
            "second": {**service, "depends_on": ["first"]},
        }
    }


def _compose_at_work(project: ProjectStage) -> int:
    found: list[int] = []

    def there() -> bool:
        found.extend(compose_processes(project.directory))
        return bool(found)

    assert wait_until(there, seconds=COMMAND_S), "Compose was never started"
    return found[0]


def _kill(pid: int) -> bool:
    """SIGKILL; whether there was anything to kill."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.fault("P2")
@pytest.mark.every_run("1")
@pytest.mark.parametrize("number", range(KILLS))
def test_compose_killed_in_an_upgrade_is_healed_by_the_next_pass(
    number: int, project: ProjectStage, oracle: ProjectOracle
) -> None:
    after_s = random.Random(SEED + number).uniform(0, UPGRADE_S)  # noqa: S311
    print(f"COMPOSE_KILL_SEED={SEED}: kill {number} comes after {after_s:.3f} s")  # noqa: T201
    project.deploy(_slow(project, "v1"), "r1")
    project.stage.docker("exec", project.container("first"), "touch", "/kept/data")
    project.write(_slow(project, "v2"), "r2")
    with project.stage.beside("apply", project.name) as program:
        compose = _compose_at_work(project)
        time.sleep(after_s)
        killed = _kill(compose)
        program.wait(COMMAND_S)
    assert program.returncode in ({0, 3, 4, 5} if killed else {0})
    project.apply()
    assert project.stage.docker("exec", project.container("first"), "ls", "/kept") == "data"
    oracle.holds()


@pytest.mark.every_run("0.7")
@pytest.mark.fault("P2")
@pytest.mark.parametrize("after_s", [0.1, 0.7, 1.3])
def test_compose_and_the_program_killed_together_are_healed_by_the_next_pass(
    after_s: float, project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(_slow(project, "v1"), "r1")
    project.write(_slow(project, "v2"), "r2")
    with project.stage.beside("apply", project.name) as program:
        compose = _compose_at_work(project)
        time.sleep(after_s)
        program.kill()
        _kill(compose)
    status, said = project.here("apply", project.name)
    if status != 0:
        # Compose had asked the engine to stop containers, which it does although nobody waits for it any more.
        assert (status, "exit code 137" in said) == (4, True), said
        project.apply()
    oracle.holds()


@pytest.mark.fault("P2")
def test_a_compose_that_outlives_the_program_is_waited_for(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(_slow(project, "v1"), "r1")
    project.write(_slow(project, "v2"), "r2")
    with project.stage.beside("apply", project.name) as program:
        compose = _compose_at_work(project)
        program.kill()
    assert compose in set(compose_processes(project.directory)), "it was to go on"
    project.apply()
    oracle.holds()


@pytest.mark.fault("P2")
def test_a_running_controller_heals_after_compose_was_killed(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(_slow(project, "v1"), "r1")
    with project.stage.controller(RECONCILER_RESYNC="600") as controller:
        project.write(_slow(project, "v2"), "r2")
        compose = _compose_at_work(project)
        time.sleep(0.5)
        assert _kill(compose)
        eventually(
            "it is whole",
            lambda: controller.phase(project.name) == "Converged" and project.told("status")["sync"] == "Synced",
            within_s=40,
        )
    oracle.holds()
