"""The main story of a project: locked, deployed, upgraded one service at a time, taken back, pruned."""

from __future__ import annotations

import json

import pytest

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import ProjectStage, Saved
from tests.e2e.compose.shop import MOTD, edited
from tests.parts.registry import PrivateRegistry


@pytest.mark.both_engines
def test_a_document_and_its_lock_file_become_a_project_that_serves(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.write(project.shop(), "r1")
    done = project.apply()
    assert "converged" in done.stdout
    assert project.page() == "web v1"
    assert project.page(MOTD) == "welcome"
    status = project.told("status")
    assert (status["kind"], status["sync"], status["health"]) == ("ComposeProject", "Synced", "Healthy")
    oracle.holds(runs=1)


def test_services_are_started_in_the_order_of_what_they_need(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(project.shop(), "r1")
    told = {service: project.stage.inspect(project.container(service)) for service in ("migrate", "web", "worker")}
    assert told["migrate"]["State"]["FinishedAt"] < told["web"]["State"]["StartedAt"]
    healthy = next(probe["End"] for probe in told["web"]["State"]["Health"]["Log"] if probe["ExitCode"] == 0)
    assert told["web"]["State"]["StartedAt"] < told["worker"]["State"]["StartedAt"]
    assert healthy[:19] <= told["worker"]["State"]["StartedAt"][:19]
    oracle.holds(runs=1)


@pytest.mark.fault("P7")
@pytest.mark.both_engines
def test_an_upgrade_of_one_service_leaves_the_others_alone_and_runs_no_job_again(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "worker", "migrate")
    with project.stage.users() as users:
        project.write(edited(project.model, "worker", image=project.images["worker v2"].tagged), "r2")
        project.apply()
    after = project.identities("web", "worker", "migrate")
    assert (after["web"], after["migrate"]) == (before["web"], before["migrate"])
    assert after["worker"] != before["worker"]
    assert users.asked > 5
    assert users.failed == []
    sticker = json.loads(project.stage.sticker(project.name).read_text())
    assert sticker["release"]["id"] == "r2"
    oracle.holds(runs=1)


def test_a_changed_config_file_recreates_only_the_service_that_mounts_it(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "worker", "migrate")
    project.files[MOTD] = "closed on Mondays\n"
    project.write(project.model, "r2")
    project.apply()
    after = project.identities("web", "worker", "migrate")
    assert project.page(MOTD) == "closed on Mondays"
    assert after["web"] != before["web"]
    assert (after["worker"], after["migrate"]) == (before["worker"], before["migrate"])
    oracle.holds(runs=1)


@pytest.mark.thorough
def test_a_changed_job_is_run_once_more(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "worker")
    project.write(edited(project.model, "migrate", environment={"STEP": "2"}), "r2")
    project.apply()
    assert project.identities("web", "worker") == before
    oracle.holds(runs=2)


def test_services_come_and_go_with_the_lock_file(project: ProjectStage, oracle: ProjectOracle) -> None:
    whole = project.shop()
    small = {**whole, "services": {key: whole["services"][key] for key in ("web", "migrate")}}
    project.deploy(small, "r1")
    before = project.identities("web", "migrate")
    project.write(whole, "r2")
    project.apply()
    oracle.holds(runs=1)
    project.write(small, "r3")
    project.apply()
    assert project.identities("web", "migrate") == before
    oracle.holds(runs=1)


@pytest.mark.thorough
def test_replicas_are_counted(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(edited(project.shop(), "worker", scale=2), "r1")
    project.stage.docker("rm", "-f", project.container("worker", 2))
    assert ("compose-service-missing", "services.worker") in {
        (kind, path[: len("services.worker")]) for kind, path in project.drift()
    }
    project.apply()
    oracle.holds(runs=1)
    project.write(edited(project.model, "worker", scale=1), "r2")
    project.apply()
    oracle.holds(runs=1)


@pytest.mark.thorough
def test_force_recreate_makes_everything_anew_once_in_a_release(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "worker")
    project.write(project.model, "r2", config={"forceRecreate": True})
    project.apply()
    after = project.identities("web", "worker")
    assert not set(before.values()) & set(after.values())
    oracle.holds()
    assert project.identities("web", "worker") == after


@pytest.fixture
def first_release(project: ProjectStage, oracle: ProjectOracle) -> Saved:
    """The desired folder of r1; meanwhile r2 runs, with another web app and another config file."""
    project.deploy(project.shop(), "r1")
    saved = project.saved()
    project.files[MOTD] = "second\n"
    project.deploy(edited(project.model, "web", image=project.images["web v2"].tagged), "r2")
    assert (project.page(), project.page(MOTD)) == ("web v2", "second")
    return saved


@pytest.mark.thorough
def test_rollback_by_edit_needs_no_registry(
    first_release: Saved, project: ProjectStage, oracle: ProjectOracle, registry: PrivateRegistry
) -> None:
    before = project.identities("worker", "migrate")
    registry.stop()
    try:
        project.restore(first_release)
        project.apply()
    finally:
        registry.start()
    assert (project.page(), project.page(MOTD)) == ("web v1", "welcome")
    assert project.history()[-1]["kind"] == "rollback"
    assert project.identities("worker", "migrate") == before
    oracle.holds(runs=1)


def test_rollback_by_command_brings_the_files_back_and_needs_no_registry(
    first_release: Saved, project: ProjectStage, oracle: ProjectOracle, registry: PrivateRegistry
) -> None:
    now = project.saved()
    dry = project.stage.reconciler("rollback", project.name, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert project.saved() == now
    registry.stop()
    try:
        done = project.stage.reconciler("rollback", project.name)
        assert done.returncode == 0, done.stdout + done.stderr
        project.apply()
    finally:
        registry.start()
    assert (project.page(), project.page(MOTD)) == ("web v1", "welcome")
    assert project.told("status")["running"]["release"] == "r1"
    project.model = first_release.model
    oracle.holds(runs=1)


def test_pruning_takes_the_project_down_and_keeps_its_volumes(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    project.write_bystander()
    project.document_file.unlink()
    assert {kind for kind, _ in project.drift()} == {"orphan"}
    done = project.stage.reconciler("prune", "--confirm")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not project.stage.sticker(project.name).exists()
    assert not project.directory.exists()
    oracle.nothing_is_left()
    assert project.runs() == 1


@pytest.mark.parametrize("word", ["status", "plan"])
def test_a_project_in_order_is_looked_at_without_starting_compose(
    word: str, project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    assert project.told(word)["drift"] == []
    oracle.holds(runs=1)
