"""What differs between a project and its host: in every way there is, and in none that is Compose's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.action import ComposeUp
from reconciler.core.container import Mount, NetworkAttachment, RestartPolicy
from reconciler.core.desired import DriftPolicy
from reconciler.core.image import ImageReference
from reconciler.core.planning import make_plan
from reconciler.core.project import (
    CONFIG_HASH_LABEL,
    DIRECTORY_LABEL,
    ONE_OFF_LABEL,
    PROJECT_LABEL,
    SERVICE_LABEL,
    Need,
    artifact,
)
from tests.core.compose.host import Host, document, reference, service
from tests.core.compose.test_never_worse import CONF

LABELS = {PROJECT_LABEL: "shop", DIRECTORY_LABEL: "/srv/shop"}


def shop(**fields: Any) -> Host:
    """A project of a web with a file, a worker and a job, deployed."""
    host = Host(behaviours={"job": "done"})
    config = {"memory_bytes": 1 << 28, "environment": {"TOKEN": "a", "LEVEL": "b"}}
    web = service("web", files=(CONF,), config=config)
    services = (web, service("worker"), service("job", completes=True))
    host.settle(document("1", *services, files=(artifact("nginx.conf", b"x"),), **fields))
    return host


def drift(host: Host) -> list[tuple[str, str, str, str]]:
    return [(item.kind, item.path, item.wanted, item.found) for item in host.plan().drift]


def edit(host: Host, **fields: Any) -> None:
    box = host.box("shop-web-1")
    box.config = replace(box.config, **fields)


def touch(host: Host, word: str, content: str | None) -> None:
    files = host.files["/srv/shop"]
    path = next(path for path in files if word in path)
    if content is None:
        del files[path]
    else:
        files[path] = content


def state(word: Any) -> Callable[[Host], None]:
    return lambda host: setattr(host.box("shop-web-1"), "status", word)


DAMAGES: list[tuple[Callable[[Host], Any], str, str, str, str]] = [
    (
        lambda host: host.boxes.remove(host.box("shop-web-1")),
        "compose-service-missing",
        "services.web",
        "shop-web-1",
        "no container",
    ),
    (state("exited"), "stopped", "services.web.state", "running", "exited, exit code 0"),
    (state("paused"), "paused", "services.web.state", "running", "paused"),
    (state("dead"), "stopped", "services.web.state", "running", "dead"),
    (lambda host: edit(host, memory_bytes=1), "limits", "services.web.config.memoryLimit", "256Mi", "1"),
    (
        lambda host: edit(host, restart_policy=RestartPolicy("always")),
        "restart-policy",
        "services.web.config.restartPolicy",
        "unless-stopped",
        "always",
    ),
    (
        lambda host: edit(host, environment={"TOKEN": "hidden", "LEVEL": "b"}),
        "environment",
        "services.web.config.environment.TOKEN",
        "***",
        "***",
    ),
    (
        lambda host: edit(host, networks=(NetworkAttachment("shop_default"),)),
        "networks",
        "services.web.config.networks",
        "[shop_default (shop-web-1, web)]",
        "[shop_default]",
    ),
    (
        lambda host: setattr(host.box("shop-web-1"), "image", reference("other")),
        "image",
        "services.web.digest",
        reference("web").short,
        f"image {reference('other').digest[7:19]}",
    ),
    (
        lambda host: host.box("shop-web-1").labels.update({CONFIG_HASH_LABEL: "else"}),
        "compose-config-hash",
        "services.web.configHash",
        "",
        "else",
    ),
    (
        lambda host: setattr(host.box("shop-web-1"), "name", "mine"),
        "name",
        "services.web.config.containerName",
        "shop-web-1",
        "mine",
    ),
    (
        lambda host: host.add("by-hand", {**LABELS, SERVICE_LABEL: "web"}),
        "compose-service-extra",
        "containers.by-hand",
        "no container",
        "running",
    ),
    (
        lambda host: touch(host, "nginx.conf", "0" * 64),
        "files",
        "config.configFiles.nginx.conf",
        artifact("", b"x").sha256[:12],
        "0" * 12,
    ),
    (
        lambda host: touch(host, "nginx.conf", None),
        "files",
        "config.configFiles.nginx.conf",
        artifact("", b"x").sha256[:12],
        "no file",
    ),
    (
        lambda host: touch(host, "compose.stella.lock.yml", "0" * 64),
        "compose-lock",
        "config.deploymentDirectory.compose.stella.lock.yml",
        "",
        "0" * 12,
    ),
    (
        lambda host: host.active.clear(),
        "compose-lock",
        "config.deploymentDirectory.current",
        "",
        "none",
    ),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda item: "")
def test_every_difference_is_seen_and_put_right(
    damage: tuple[Callable[[Host], Any], str, str, str, str],
) -> None:
    host = shop()
    hurt, *expected = damage
    hurt(host)
    (found,) = [item for item in drift(host) if item[0] == expected[0]]
    assert [told or seen for told, seen in zip(expected, found, strict=True)] == list(found)
    host.settle()
    assert drift(host) == []


def test_nothing_differs_after_a_deploy_although_compose_adds_labels_and_aliases() -> None:
    assert drift(shop()) == []


def test_a_volume_without_a_name_that_compose_handed_on_is_no_difference() -> None:
    host = shop()
    edit(host, mounts=(Mount("/kept", "ab" * 32),))
    assert drift(host) == []


@pytest.mark.parametrize(
    "mount", [Mount("/kept", "ab" * 32, "bind"), Mount("/kept", "ab" * 31), Mount("/kept", "data")], ids=str
)
def test_any_other_mount_that_nobody_wants_is_a_difference(mount: Mount) -> None:
    host = shop()
    edit(host, mounts=(mount,))
    assert [item[:2] for item in drift(host)] == [("mounts", "services.web.config.volumes")]


def test_a_job_that_ended_well_is_as_it_should_be_and_one_that_failed_is_not() -> None:
    host = shop()
    assert host.box("shop-job-1").status == "exited"
    host.box("shop-job-1").exit_code = 3
    assert [item[1] for item in drift(host)] == ["services.job.state"]


def test_a_strangers_one_off_container_in_the_project_is_a_stranger_too() -> None:
    host = shop()
    box = host.add("theirs", {PROJECT_LABEL: "shop", DIRECTORY_LABEL: "/home/ana/shop", ONE_OFF_LABEL: "True"})
    assert [item[0] for item in drift(host)] == ["foreign"]
    assert "which is not ours" in host.plan().blocked
    box.labels[DIRECTORY_LABEL] = "/srv/shop"
    assert (drift(host), host.plan().actions) == ([], ())


def test_one_off_containers_are_nobodys_matter() -> None:
    host = shop()
    host.add("shop-web-run", {**LABELS, SERVICE_LABEL: "web", ONE_OFF_LABEL: "True"})
    assert drift(host) == []


@pytest.mark.parametrize("ignored", ["services.web", "services.web.config.memoryLimit"])
def test_what_the_document_says_to_ignore_is_neither_shown_nor_put_right(ignored: str) -> None:
    host = shop(drift=DriftPolicy(ignore=(ignored,)))
    edit(host, memory_bytes=1)
    plan = host.plan()
    assert (plan.drift, plan.actions) == ((), ())


def test_a_missing_service_that_is_to_be_ignored_stays_missing() -> None:
    host = shop(drift=DriftPolicy(ignore=("services.web",)))
    host.boxes.remove(host.box("shop-web-1"))
    assert host.plan().actions == ()


def test_drift_off_looks_for_nothing_but_what_keeps_from_deploying() -> None:
    host = shop(drift=DriftPolicy(mode="off"))
    edit(host, memory_bytes=1)
    assert drift(host) == []


def test_warn_shows_and_leaves_alone() -> None:
    host = shop(drift=DriftPolicy(mode="warn"))
    edit(host, memory_bytes=1)
    plan = host.plan()
    assert (len(plan.drift), plan.actions) == (1, ())


def test_an_unreadable_deployment_directory_is_told() -> None:
    host = shop()
    situation = host.situation()
    reading = replace(situation.observation.deployments["shop"], problem="permission denied")
    seen = replace(situation.observation, deployments={"shop": reading})
    plan = make_plan(replace(situation, observation=seen))
    assert [item.found for item in plan.drift] == ["permission denied"]
    assert [action.kind for action in plan.actions] == ["write-revision", "activate-revision"]


def test_a_directory_that_was_not_read_says_nothing() -> None:
    host = shop()
    situation = host.situation()
    plan = make_plan(replace(situation, observation=replace(situation.observation, deployments={})))
    assert (plan.drift, plan.actions) == ((), ())


def test_a_container_that_could_not_be_inspected_is_judged_by_its_row() -> None:
    host = shop()
    situation = host.situation()
    bare = replace(situation, observation=replace(situation.observation, details={}))
    assert [item.kind for item in make_plan(bare).drift] == ["stopped"]  # the job: how it ended is not known


def test_an_image_is_recognised_by_what_the_engine_calls_it() -> None:
    image = ImageReference("docker.io/library/nginx", "sha256:" + "a" * 64)
    host = Host()
    host.settle(document("1", replace(service("web"), image=image)))
    host.box("shop-web-1").image = replace(image, repository="nginx")
    assert drift(host) == []


def sharing(**config: Any) -> Host:
    """``side`` is in the network of ``web``, ``deep`` in that of ``side``; ``other`` in none."""
    host = Host()
    services = [service("web"), service("other", config={"networks": (NetworkAttachment("none"),)})]
    for name, of in (("side", "web"), ("deep", "side")):
        networks = (NetworkAttachment(f"service:{of}"),)
        services.append(
            service(
                name,
                namespaces={"network": f"service:{of}"},
                follows=(of,),
                needs=(Need(of),),
                config={"networks": networks, **config},
            )
        )
    host.settle(document("1", *services))
    return host


def test_who_lives_in_another_services_network_is_recognised_by_its_container() -> None:
    host = sharing()
    live = host.box("shop-side-1").config.networks
    assert live == (NetworkAttachment(f"container:{host.box('shop-web-1').id}"),)
    assert drift(host) == []


def test_who_lives_in_the_network_of_a_container_that_is_gone_is_made_anew_with_its_own_followers() -> None:
    host = sharing()
    web = host.box("shop-web-1")
    gone, web.id = web.id, "f" * 64
    assert drift(host) == [
        ("networks", "services.side.config.networks", "[service:web]", f"[container:{gone[:12]}]")
    ]
    (up,) = [action for action in host.plan().actions if isinstance(action, ComposeUp)]
    assert (up.changes, up.restarts) == (("deep", "side"), ("deep", "side"))
    host.settle()
    assert drift(host) == []


def test_who_lives_in_the_network_of_a_service_that_is_started_anew_is_started_after_it() -> None:
    host = sharing(stop_timeout_s=3)
    host.box("shop-web-1").status = "exited"
    told = [(action.kind, action.target) for action in host.plan().actions][:6]
    assert told == [
        ("record-heal", "shop"),
        ("stop-container", "shop-deep-1"),
        ("stop-container", "shop-side-1"),
        ("start-service", "shop/web"),
        ("start-service", "shop/side"),
        ("start-service", "shop/deep"),
    ]
    host.settle()
    assert {box.status for box in host.boxes} == {"running"}


def test_a_lifted_limit_needs_a_new_container_and_a_changed_one_does_not() -> None:
    host = shop()
    edit(host, memory_bytes=1)
    assert [action.kind for action in host.plan().actions] == ["update-limits"]
    host = Host()
    host.settle(document("1", service("web")))
    edit(host, memory_bytes=1 << 28)
    assert "compose-up" in [action.kind for action in host.plan().actions]
