"""Projects under ``reconciler run``: edits are followed, harm is healed when it happens, people are obeyed."""

from __future__ import annotations

from functools import partial

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import ProjectStage
from tests.e2e.compose.shop import MOTD, edited
from tests.e2e.documents import document
from tests.e2e.stage import eventually

EVENTS_ONLY = {"RECONCILER_RESYNC": "600"}
"""What is healed sooner than this was heard of by the engine's events."""


def test_an_edit_of_lock_file_and_document_is_deployed_and_harm_is_healed_by_the_event(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.write(project.shop(), "r1")
    with project.stage.controller(**EVENTS_ONLY) as controller:
        eventually("it serves", lambda: project.page() == "web v1")
        controller.settles(project.name)
        project.files[MOTD] = "news\n"
        project.write(edited(project.shop(), "web", image=project.images["web v2"].tagged), "r2")
        eventually("the edit is followed", lambda: (project.page(), project.page(MOTD)) == ("web v2", "news"))
        controller.settles(project.name)
        project.stage.docker("rm", "-f", project.container("worker"))
        eventually(
            "the service is back",
            lambda: project.containers().get(project.container("worker"), {}).get("State", {}).get("Running"),
            within_s=10,
        )
        controller.settles(project.name)
        eventually(
            "it is counted",
            lambda: controller.metric("reconciler_heals_total", reason="compose-service-missing") == 1,
        )
    oracle.holds(runs=1)


@pytest.mark.both_engines
@pytest.mark.fault("E2")
def test_a_service_that_a_crashed_engine_can_never_start_again_is_made_anew(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    """And no other service with it."""
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "worker")
    name = project.container("worker")
    project.stage.docker("stop", "-t", "1", name)
    project.stage.engine.leave_behind(project.containers()[name]["Id"])
    with project.stage.controller() as controller:
        controller.settles(project.name)
        eventually("it runs again", lambda: project.containers()[name]["State"]["Running"])
    after = project.identities("web", "worker")
    assert (after["web"], after["worker"] != before["worker"]) == (before["web"], True)
    oracle.holds(runs=1)


@pytest.mark.thorough
def test_metrics_show_the_kinds_of_drift(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(project.shop(), "r1", drift={"mode": "warn"})
    with project.stage.controller(RECONCILER_RESYNC="1") as controller:
        controller.settles(project.name)
        project.stage.docker("rm", "-f", project.container("worker"))
        project.stage.docker("update", "--restart", "no", project.container("web"))
        for kind in ("compose-service-missing", "restart-policy"):
            eventually(f"{kind} is shown", partial(controller.metric, "reconciler_drift", kind=kind))
    project.write(project.model, "r1")
    project.apply()
    oracle.holds(runs=1)


@pytest.mark.thorough
def test_a_project_waits_for_a_container_and_a_container_for_a_project(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    stage = project.stage
    db, after = f"{stage.prefix}-db", f"{stage.prefix}-after"
    check = {"test": ["CMD", "test", "-f", "/tmp/open"], "interval": "200ms", "startPeriod": "60s"}
    plain = project.images["plain"]
    needed = document(db, plain, "d1", config={"healthCheck": check}, sticker={"path": str(stage.sticker(db))})
    dependant = document(
        after,
        plain,
        "a1",
        dependsOn=[{"name": project.name, "condition": "healthy"}],
        sticker={"path": str(stage.sticker(after))},
    )
    stage.write(needed, dependant, file="around.yaml")
    project.write(project.shop(), "r1", dependsOn=[{"name": db, "condition": "healthy"}])
    with stage.controller() as controller:
        eventually("the database runs", lambda: stage.ours(db).get(db) == "running")
        assert "waiting" in project.here("plan", project.name)[1]
        assert project.containers() == {}
        stage.docker("exec", db, "touch", "/tmp/open")
        eventually("the project follows", lambda: project.page() == "web v1")
        eventually("the dependant follows", lambda: stage.ours(after).get(after) == "running")
        for name in (db, project.name, after):
            controller.settles(name)
    worker = project.stage.inspect(project.container("worker"))["State"]["StartedAt"]
    assert worker < stage.inspect(after)["State"]["StartedAt"]
    oracle.holds(runs=1)


@pytest.mark.thorough
def test_a_suspended_project_is_left_alone_until_it_is_resumed(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    with project.stage.controller(**EVENTS_ONLY) as controller:
        controller.settles(project.name)
        done = project.stage.reconciler("suspend", project.name, "--reason", "incident 42")
        assert done.returncode == 0, done.stderr
        project.stage.docker("rm", "-f", project.container("worker"))
        status = project.told("status")
        assert (status["health"], status["sync"]) == ("Suspended", "OutOfSync")
        assert project.container("worker") not in project.containers()
        assert project.stage.reconciler("resume", project.name).returncode == 0
        eventually("the service is back", lambda: project.container("worker") in project.containers())
        controller.settles(project.name)
    oracle.holds(runs=1)


def test_a_project_whose_document_is_gone_is_pruned_and_its_volumes_stay(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    for number in range(5):
        project.write_bystander(number)
    with project.stage.controller(RECONCILER_PRUNE="true", **EVENTS_ONLY) as controller:
        controller.settles(project.name)
        project.document_file.unlink()
        eventually("it is taken down", lambda: project.containers() == {})
        eventually("its folder is removed", lambda: not project.directory.exists())
    assert project.runs() == 1, "the volume stays"
    networks = {item["Name"] for item in project.stage.sdk.networks()}
    assert f"{project.name}_front" not in networks
    oracle.strangers_are_untouched()


def test_a_service_that_keeps_dying_is_held_and_says_so(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(project.shop(), "r1")
    for _ in range(5):
        project.stage.docker("kill", project.container("worker"))
        project.apply_here()
    project.stage.docker("kill", project.container("worker"))
    held = project.apply(expect=5)
    assert "healed 5 times" in held.stdout
    assert project.stage.inspect(project.container("worker"))["State"]["Status"] == "exited"
    assert project.told("status")["phase"] == "Held"
    assert project.here("clear", project.name)[0] == 0
    project.apply()
    oracle.holds(runs=1)
