"""Somebody runs docker compose on a project of ours: drift like any other, put right, and no fight without end."""

from __future__ import annotations

import contextlib

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import LOCK, ProjectStage
from tests.e2e.compose.shop import pair
from tests.e2e.stage import Controller, eventually

OFTEN = {"RECONCILER_RESYNC": "2"}
HELD = 5
STUBBORN = 8
"""More often than a project is healed in a row."""


def by_hand(project: ProjectStage, *words: str) -> None:
    """With the files that are active, as ours is."""
    active = project.active()
    files = (str(active / LOCK), str(active / "compose.stella.host.yml"))
    project.compose(
        *("-p", project.name, "--project-directory", str(project.directory), "--env-file", "/dev/null"),
        *(word for file in files for word in ("-f", file)),
        *words,
        cwd=project.stage.folder / "by-hand",
    )


def in_order(project: ProjectStage, controller: Controller) -> None:
    """Wait until it is as its document says, and the controller has seen it."""
    eventually(
        "it is in order",
        lambda: project.told("status")["sync"] == "Synced" and controller.phase(project.name) == "Converged",
        within_s=40,
    )


@pytest.mark.fault("M5")
def test_compose_by_hand_is_drift_that_is_put_right(project: ProjectStage, oracle: ProjectOracle) -> None:
    """Down, stop, restart, up and a forced up: told, put right where it has to be, left alone where not."""
    project.deploy(pair(project.images), "r1")
    with project.stage.controller(**OFTEN) as controller:
        controller.settles(project.name)
        by_hand(project, "down", "-t", "1")
        in_order(project, controller)
        by_hand(project, "stop", "-t", "1", "first")
        in_order(project, controller)
        before = project.identities("second")
        by_hand(project, "restart", "-t", "1", "first")
        by_hand(project, "up", "-d")
        in_order(project, controller)
        assert project.identities("second") == before
        with contextlib.suppress(
            AssertionError
        ):  # the controller may put right what this Compose is about to change
            by_hand(project, "up", "-d", "--force-recreate", "-t", "1", "first")
        in_order(project, controller)
    oracle.holds()


@pytest.mark.thorough
@pytest.mark.fault("M5")
def test_somebody_who_takes_a_project_down_again_and_again_wins_for_a_while(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    """After some heals in a row it is left as they want it, which is told, until somebody clears it."""
    project.deploy(pair(project.images), "r1")
    for _ in range(STUBBORN):
        by_hand(project, "stop", "-t", "1", "first")
        status, _ = project.here("apply", project.name)
        if status == HELD:
            break
    assert project.told("status")["phase"] == "Held"
    assert project.containers()[project.container("first")]["State"]["Status"] == "exited"
    assert project.here("clear", project.name)[0] == 0
    project.apply()
    oracle.holds()
