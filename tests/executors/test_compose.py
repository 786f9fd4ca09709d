"""Every Action on a project, on a simulated host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core import action as actions
from reconciler.core import names
from reconciler.core.action import Action, ProjectAction
from reconciler.core.container import ContainerConfig, NetworkAttachment, PortBinding
from reconciler.core.deployment import HOST_NAME
from reconciler.core.project import CONFIG_HASH_LABEL, DIRECTORY_LABEL, ONE_OFF_LABEL, SERVICE_LABEL
from reconciler.errors import (
    ComposeFailed,
    ComposeMissing,
    ContainerGone,
    EngineRefused,
    NotFound,
    PortTaken,
    ReconcilerError,
    VerificationFailed,
)
from tests.executors.project_stage import DIRECTORY, ProjectStage
from tests.simulator.behaviour import exits


def ready(**options: Any) -> ProjectStage:
    """The revision's files are there, and the containers, not started."""
    stage = ProjectStage(**options)
    assert stage.do(actions.WriteRevision).kind == "done"
    assert stage.do(actions.ComposeUp).kind == "done"
    stage.compose.calls.clear()
    return stage


def started(**options: Any) -> ProjectStage:
    stage = ready(**options)
    for service in stage.project.services:
        outcome = stage.do(actions.StartService, service=service.name)
        assert outcome.kind == "done", outcome.error
    stage.clock.advance(2.0)
    return stage


def refused(stage: ProjectStage, kind: type[Action], error: type[ReconcilerError], **fields: Any) -> str:
    outcome = stage.do(kind, **fields)
    assert outcome.kind == "failed"
    assert type(outcome.error) is error, outcome.error
    assert outcome.error.outside == (error is ContainerGone)
    return str(outcome.error)


def test_every_action_on_a_project_is_handled_and_no_other() -> None:
    executor = ProjectStage().executor
    known = [item for item in vars(actions).values() if isinstance(item, type) and issubclass(item, Action)]
    for kind in (item for item in known if item.kind):
        assert executor.handles(object.__new__(kind)) == issubclass(kind, ProjectAction), kind


# Files.


def test_a_revision_is_written_once() -> None:
    stage = ProjectStage()
    assert stage.do(actions.WriteRevision).kind == "done"
    assert stage.deployments.directories[DIRECTORY].files == stage.files
    assert stage.do(actions.WriteRevision).kind == "already"


def test_a_revision_that_does_not_read_back_as_it_was_written_is_refused() -> None:
    stage = ProjectStage()
    stage.deployments.problems[DIRECTORY] = "input/output error"
    assert "input/output error" in refused(stage, actions.WriteRevision, VerificationFailed)


def test_a_revision_is_activated_once_it_is_written() -> None:
    stage = ProjectStage()
    refused(stage, actions.ActivateRevision, NotFound)
    stage.do(actions.WriteRevision)
    assert stage.do(actions.ActivateRevision).kind == "done"
    assert stage.deployments.directories[DIRECTORY].active == stage.desired.fingerprint
    assert stage.do(actions.ActivateRevision).kind == "already"


def test_a_revision_and_a_deployment_are_removed_once() -> None:
    stage = ready()
    stage.do(actions.ActivateRevision)
    refused(stage, actions.RemoveRevision, EngineRefused)
    stage.deployments.directories[DIRECTORY].active = ""
    assert stage.do(actions.RemoveRevision).kind == "done"
    assert stage.do(actions.RemoveRevision).kind == "already"
    assert stage.do(actions.RemoveDeployment).kind == "done"
    assert stage.do(actions.RemoveDeployment).kind == "already"
    assert stage.deployments.directories == {}


@pytest.mark.parametrize("kind", [actions.CheckProject, actions.ComposeUp])
def test_a_file_that_changed_since_it_was_verified_is_refused_before_compose_reads_it(kind: type[Action]) -> None:
    stage = ready()
    for path in stage.files:
        kept = stage.deployments.directories[DIRECTORY].files[path]
        stage.deployments.directories[DIRECTORY].files[path] = kept + b" "
        assert path in refused(stage, kind, VerificationFailed)
        del stage.deployments.directories[DIRECTORY].files[path]
        assert path in refused(stage, kind, VerificationFailed)
        stage.deployments.directories[DIRECTORY].files[path] = kept
    assert stage.compose.calls == []
    assert stage.do(kind).error is None


def test_no_error_about_a_file_shows_what_is_in_it() -> None:
    stage = ready()
    path = next(path for path in stage.files if path.endswith(HOST_NAME))
    stage.deployments.directories[DIRECTORY].files[path] = b"password: hunter2"
    assert "hunter2" not in refused(stage, actions.ComposeUp, VerificationFailed)


# What Compose understands.


def test_a_model_with_the_verified_services_and_images_is_right() -> None:
    stage = ready()
    assert stage.do(actions.CheckProject).kind == "done"
    assert stage.compose.calls == ["config"]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"name": "other"}, "its name is other"),
        ({"services": {}}, "service web is missing"),
        ({"services": {"spy": {"image": "spy"}}}, "service spy is not in the lock file"),
        ({"services": {"web": {"build": "."}}}, "service web is built"),
        ({"services": {"web": {"image": "evil.example.com/web@sha256:1"}}}, "service web has image evil"),
        ({"services": None}, "service db is missing"),
    ],
)
def test_a_model_that_says_anything_else_is_refused(model: dict[str, Any], told: str) -> None:
    stage = ready()
    stage.compose.model = model
    assert told in refused(stage, actions.CheckProject, VerificationFailed)


def test_the_same_digest_in_another_repository_is_another_image() -> None:
    stage = ready()
    images = {item.name: {"image": str(item.image)} for item in stage.project.services}
    images["web"] = {"image": f"evil.example.com/web@{stage.project.services[2].image.digest}"}
    stage.compose.model = {"services": images}
    assert "service web has image evil" in refused(stage, actions.CheckProject, VerificationFailed)


# Up.


def test_containers_are_created_and_not_started() -> None:
    stage = ProjectStage()
    stage.do(actions.WriteRevision)
    outcome = stage.do(actions.ComposeUp)
    assert outcome.detail == "created db, job, web"
    assert [stage.status(f"shop-{name}-1") for name in ("db", "job", "web")] == ["created"] * 3
    assert "shop at work" in stage.lines


def test_nothing_that_changed_is_no_change() -> None:
    assert ready().do(actions.ComposeUp).kind == "already"


def test_what_came_of_the_containers_is_told() -> None:
    stage = started()
    assert stage.do(actions.ComposeUp, recreate=("web",)).detail == "recreated web"
    stage.project = replace(stage.project, services=stage.project.services[:2])
    stage.do(actions.WriteRevision)
    assert stage.do(actions.ComposeUp).detail == "removed web"


def test_a_container_that_got_its_name_back_is_a_change() -> None:
    stage = ready()
    real = stage.compose.up

    def up(*arguments: Any, **options: Any) -> None:
        real(*arguments, **options)
        stage.engine.by_hand.rename("shop-web-1", "shop-web-x")

    stage.compose.up = up  # type: ignore[method-assign]  # a Compose that renames
    assert stage.do(actions.ComposeUp).detail == "changed shop-web-x"


@pytest.mark.parametrize(
    "labels", [{DIRECTORY_LABEL: "/srv/other"}, {names.OWNER: "another"}, {DIRECTORY_LABEL: ""}]
)
@pytest.mark.parametrize(
    "kind", [actions.ComposeUp, actions.ComposeDown, actions.CheckProject, actions.VerifyProject]
)
def test_nothing_is_touched_while_a_stranger_is_in_the_project(labels: dict[str, str], kind: type[Action]) -> None:
    stage = ready()
    stage.compose.make("theirs", stage.project.services[0], labels=labels)
    fields = {"generation": 1} if kind is actions.VerifyProject else {}
    assert "theirs" in refused(stage, kind, EngineRefused, **fields)
    assert stage.compose.calls == []
    assert stage.status("theirs") == "created"


def test_a_container_that_was_made_by_hand_in_our_folder_is_no_strangers() -> None:
    stage = ready()
    stage.compose.make("byhand", stage.project.services[0], labels={names.OWNER: ""})
    assert stage.do(actions.ComposeUp).kind == "done"
    assert stage.engine.host.named("byhand") is None


@pytest.mark.parametrize("error", [ComposeMissing("no compose"), ComposeFailed("it says no")])
@pytest.mark.parametrize("kind", [actions.ComposeUp, actions.ComposeDown, actions.CheckProject])
def test_what_compose_says_no_to_is_the_outcome(error: ReconcilerError, kind: type[Action]) -> None:
    stage = ready()
    stage.compose.error = error
    assert stage.do(kind).error is error


# Down.


def test_a_project_is_taken_down_once_without_its_files() -> None:
    stage = started()
    stage.deployments.directories.clear()
    assert stage.do(actions.ComposeDown).kind == "done"
    assert not stage.engine.host.containers
    assert stage.do(actions.ComposeDown).kind == "already"
    assert stage.compose.calls == ["down"]


def test_a_network_alone_is_taken_down_too() -> None:
    stage = ProjectStage()
    stage.engine.host.networks.add("shop_default")
    assert stage.do(actions.ComposeDown).kind == "done"


def test_containers_that_stay_after_down_are_named() -> None:
    stage = ready()
    stage.compose.leaves = True
    assert "shop-db-1, shop-job-1, shop-web-1" in refused(stage, actions.ComposeDown, EngineRefused)


# Start.


def test_a_service_is_started_once() -> None:
    stage = ready()
    outcome = stage.do(actions.StartService, service="web")
    assert (outcome.kind, outcome.detail) == ("done", "shop-web-1")
    assert stage.do(actions.StartService, service="web").kind == "already"
    assert stage.status("shop-db-1") == "created"


def test_all_replicas_are_started_in_the_order_of_their_numbers() -> None:
    stage = ready(replicas=11)
    names_told = [f"shop-web-{number}" for number in range(1, 12)]
    assert stage.do(actions.StartService, service="web").detail == ", ".join(names_told)


def test_a_job_that_ended_with_0_is_not_run_again() -> None:
    stage = started()
    assert stage.status("shop-job-1") == "exited"
    assert stage.do(actions.StartService, service="job").kind == "already"


def test_a_job_that_failed_and_a_service_that_ended_are_started_again() -> None:
    stage = started(job=exits(3))
    assert stage.do(actions.StartService, service="job").kind == "done"
    stage.engine.by_hand.stop("shop-web-1")
    assert stage.do(actions.StartService, service="web").kind == "done"
    assert stage.status("shop-web-1") == "running"


def test_a_paused_container_is_unpaused() -> None:
    stage = started()
    stage.engine.by_hand.pause("shop-web-1")
    assert stage.do(actions.StartService, service="web").kind == "done"
    assert stage.status("shop-web-1") == "running"


def test_one_offs_are_left_alone() -> None:
    stage = ready()
    stage.compose.make("shop-web-run-1", stage.project.services[2], labels={ONE_OFF_LABEL: "True"})
    stage.do(actions.StartService, service="web")
    assert stage.status("shop-web-run-1") == "created"


def test_a_missing_container_and_an_unknown_service_cannot_be_started() -> None:
    stage = ready()
    stage.engine.by_hand.remove("shop-web-1")
    assert "0 of 1" in refused(stage, actions.StartService, ContainerGone, service="web")
    assert "no service nginx" in refused(stage, actions.StartService, NotFound, service="nginx")


def test_a_port_that_is_taken_or_not_published_fails_the_start() -> None:
    port = PortBinding(80, "tcp", "", 8080)
    stage = ready(config=ContainerConfig(ports=(port,)))
    stage.engine.host.occupied.add(port)
    assert "service web (shop-web-1): " in refused(stage, actions.StartService, PortTaken, service="web")
    stage.engine.host.occupied.clear()
    stage.do(actions.StartService, service="web")
    stage.engine.container("shop-web-1").published = ()
    assert stage.do(actions.StartService, service="web").kind == "already"


def test_a_container_that_vanishes_while_it_is_looked_for_is_told() -> None:
    for kind, fields in ((actions.StartService, {"service": "web"}), (actions.VerifyProject, {"generation": 1})):
        stage = started()
        stage.engine.inspect_container = lambda container_id: None  # type: ignore[method-assign]  # just gone
        assert "gone" in refused(stage, kind, ContainerGone, **fields)


# Verify.


def begun() -> ProjectStage:
    stage = started()
    stage.journal.begin(stage.desired, generation=1, kind="deploy", container_id="", cause="test", actor="test")
    return stage


def verify(stage: ProjectStage) -> str:
    return refused(stage, actions.VerifyProject, VerificationFailed, generation=1)


def test_what_runs_is_compared_with_the_digests_and_its_hashes_are_noted() -> None:
    stage = begun()
    assert stage.do(actions.VerifyProject, generation=1).kind == "done"
    noted = stage.journal.record("shop").operations[0].config_hashes
    labels = {name: stage.engine.container(f"shop-{name}-1").config.labels or {} for name in ("db", "job", "web")}
    assert noted == {name: found[CONFIG_HASH_LABEL] for name, found in labels.items()}


def test_a_container_of_another_image_is_refused() -> None:
    stage = begun()
    other = stage.engine.container("shop-db-1")
    found = stage.engine.container("shop-web-1")
    found.image_id = other.image_id
    assert "shop-web-1 runs image" in verify(stage)


def test_a_container_that_names_its_image_by_another_reference_is_refused() -> None:
    stage = begun()
    stage.engine.container("shop-web-1").image_reference = "shop/web:latest"
    assert "as shop/web:latest" in verify(stage)


def test_an_image_that_is_not_on_the_host_any_more_cannot_be_compared() -> None:
    stage = begun()
    stage.engine.host.images.clear()
    assert "is not on the host" in verify(stage)


def test_too_many_containers_of_a_service_are_refused() -> None:
    stage = begun()
    stage.compose.make("shop-web-2", stage.project.services[2], number=2)
    assert "2 containers instead of 1" in verify(stage)


def test_too_few_containers_of_a_service_are_refused() -> None:
    stage = begun()
    stage.change("web", replicas=2)
    assert "1 of 2 containers" in refused(stage, actions.VerifyProject, ContainerGone, generation=1)


def test_containers_of_no_service_are_refused() -> None:
    stage = begun()
    stage.compose.make("shop-old-1", stage.project.services[2], labels={SERVICE_LABEL: "old"})
    assert "of no service: shop-old-1" in verify(stage)


def test_containers_of_one_service_that_compose_made_differently_are_refused() -> None:
    stage = begun()
    stage.change("web", replicas=2)
    stage.compose.make("shop-web-2", stage.project.services[2], number=2, labels={CONFIG_HASH_LABEL: "other"})
    assert "different configurations: web" in verify(stage)


def test_a_port_that_the_engine_did_not_publish_is_told() -> None:
    config = ContainerConfig(
        ports=(PortBinding(80, "tcp", "", 8080),), networks=(NetworkAttachment("shop_default"),)
    )
    stage = ready(config=config)
    real = stage.engine.start

    def start(container_id: str) -> None:
        real(container_id)
        stage.engine.host.get(container_id).published = ()

    stage.engine.start = start  # type: ignore[method-assign]  # an internal network publishes nothing
    assert "did not publish 8080:80/tcp" in refused(stage, actions.StartService, VerificationFailed, service="web")
