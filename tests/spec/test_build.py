from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.container import (
    ContainerConfig,
    Device,
    HealthProbe,
    Logging,
    Mount,
    NetworkAttachment,
    PortBinding,
    RestartPolicy,
    Ulimit,
)
from reconciler.core.desired import (
    Dependency,
    DriftPolicy,
    ImageReference,
    Release,
    SourceLocation,
    StickerPlace,
    Strategy,
    Suspension,
)
from reconciler.errors import InvalidDocuments
from reconciler.spec.build import build, build_checked, check_defaults
from reconciler.spec.findings import Finding
from reconciler.spec.problem import Problem
from tests.spec.texts import DIGEST, desired, document


def said(config: dict[str, Any] | None = None, name: str = "web", **spec: Any) -> list[str]:
    result, findings = build_checked(document(config, name, **spec))
    assert result is None
    return [message for _, message in in_the_document(findings)]


def in_the_document(findings: Iterable[Finding | Problem]) -> list[Finding]:
    """All of them: only a lock file has Problems of its own."""
    return [item for item in findings if not isinstance(item, Problem)]


def test_the_least_document_has_the_documented_defaults() -> None:
    state = desired()
    assert state.release == Release("rel-1", "rel-1")
    assert state.image == ImageReference("registry.example.com/shop/web", DIGEST)
    assert (state.name, state.container_name, state.target) == ("web", "web", None)
    assert state.config == ContainerConfig()
    assert state.strategy == Strategy()
    assert state.sticker == StickerPlace(path="/var/stella/web/version.json")
    assert state.health_timeout_ms == 60_000
    assert state.cleanup_previous
    assert not state.adopt
    assert state.deletion_policy == "orphan"
    assert state.suspend is None


def test_every_field_of_the_configuration_reaches_its_place_in_canonical_form() -> None:
    config = {
        "containerName": "shop-web",
        "command": ["serve", "--port", "80"],
        "entrypoint": [],
        "user": "1000:1000",
        "workingDir": "/srv/",
        "hostname": "web",
        "environment": {"B": "2", "A": "1"},
        "ports": ["9:9", {"containerPort": 80, "hostPort": 8080}],
        "volumes": ["zz:/z", "/srv/www:/a:ro"],
        "tmpfs": ["/tmp", "/run:size=1m"],
        "networks": ["z", {"name": "a", "aliases": ["y", "x"]}],
        "restartPolicy": "on-failure:3",
        "memoryLimit": "256Mi",
        "cpuLimit": "1.5",
        "pidsLimit": 200,
        "ulimits": {"nofile": {"soft": 1, "hard": 2}, "core": 0},
        "capAdd": ["NET_RAW", "cap_net_admin", "NET_RAW"],
        "capDrop": ["all"],
        "readOnlyRootFilesystem": True,
        "noNewPrivileges": False,
        "init": True,
        "stopSignal": "QUIT",
        "stopTimeout": "30s",
        "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
        "extraHosts": ["b:10.0.0.2", "a:10.0.0.1"],
        "dns": ["10.0.0.2", "10.0.0.1"],
        "sysctls": {"net.core.somaxconn": 1024},
        "devices": ["/dev/b", "/dev/a:rw"],
        "shmSize": 1024,
        "labels": {"a": "b"},
        "healthCheck": {
            "test": "curl localhost",
            "interval": "5s",
            "probeTimeout": "2s",
            "retries": 3,
            "startPeriod": "10s",
            "timeout": "90s",
        },
        "cleanupPrevious": False,
    }
    state = desired(config)
    assert state.container_name == "shop-web"
    assert state.health_timeout_ms == 90_000
    assert not state.cleanup_previous
    assert state.config == ContainerConfig(
        command=("serve", "--port", "80"),
        entrypoint=(),
        user="1000:1000",
        working_dir="/srv",
        hostname="web",
        environment={"A": "1", "B": "2"},
        labels={"a": "b"},
        ports=(PortBinding(9, host_port=9), PortBinding(80, host_port=8080)),
        mounts=(Mount("/a", "/srv/www", "bind", read_only=True), Mount("/z", "zz")),
        tmpfs={"/tmp": "", "/run": "size=1m"},
        networks=(NetworkAttachment("a", ("x", "y")), NetworkAttachment("z")),
        restart_policy=RestartPolicy("on-failure", 3),
        memory_bytes=256 * 2**20,
        nano_cpus=1_500_000_000,
        pids_limit=200,
        ulimits={"nofile": Ulimit(1, 2), "core": Ulimit(0, 0)},
        cap_add=("NET_ADMIN", "NET_RAW"),
        cap_drop=("ALL",),
        read_only_root=True,
        no_new_privileges=False,
        init=True,
        stop_signal="SIGQUIT",
        stop_timeout_s=30,
        logging=Logging("json-file", {"max-size": "10m"}),
        extra_hosts=("a:10.0.0.1", "b:10.0.0.2"),
        dns=("10.0.0.2", "10.0.0.1"),
        sysctls={"net.core.somaxconn": "1024"},
        devices=(Device("/dev/a", "/dev/a", "rw"), Device("/dev/b", "/dev/b")),
        shm_bytes=1024,
        health=HealthProbe(
            test=("CMD-SHELL", "curl localhost"),
            interval_ms=5_000,
            timeout_ms=2_000,
            start_period_ms=10_000,
            retries=3,
        ),
    )


def test_how_to_deploy_reaches_its_place() -> None:
    state = desired(
        release={"id": "rel-2", "name": "Web 2"},
        strategy={"order": "start-first", "minHealthy": "0s", "retries": 2},
        sticker={"location": "volume", "volume": "data", "path": "a/b.json"},
        drift={"mode": "warn", "ignore": ["config.environment.BUILD_ID", "state", "config"]},
        dependsOn=[{"name": "db"}, {"name": "job", "condition": "completed"}],
        suspend={"by": "ana", "reason": "incident 42", "until": "1970-01-01T00:01:00Z"},
        adopt=True,
        deletionPolicy="delete",
    )
    assert state.release == Release("rel-2", "Web 2")
    assert state.strategy == Strategy(order="start-first", min_healthy_ms=0, retries=2)
    assert state.sticker == StickerPlace(location="volume", path="a/b.json", volume="data")
    assert state.drift == DriftPolicy(mode="warn", ignore=("config.environment.BUILD_ID", "state", "config"))
    assert state.depends_on == (Dependency("db"), Dependency("job", "completed"))
    assert state.suspend == Suspension("ana", "incident 42", 60.0)
    assert state.adopt
    assert state.deletion_policy == "delete"


def test_metadata_reaches_its_place() -> None:
    whole = document()
    whole["metadata"] |= {"target": "host-a", "labels": {"team": "shop"}}
    state = build(whole, source=SourceLocation("web.yaml", 3))
    assert (state.target, state.labels, str(state.source)) == ("host-a", {"team": "shop"}, "web.yaml:3")


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ({"path": "/srv/stickers/"}, "/srv/stickers/web/version.json"),
        ({"location": "volume", "volume": "data", "path": "stickers/"}, "stickers/web/version.json"),
    ],
)
def test_a_folder_of_stickers_has_a_place_for_each_document(place: dict[str, str], path: str) -> None:
    assert desired(sticker=place).sticker.path == path


def test_a_sticker_in_a_volume_lies_at_its_root_by_default() -> None:
    place = desired(sticker={"location": "volume", "volume": "data"}).sticker
    assert place == StickerPlace(location="volume", path="version.json", volume="data")


def test_a_suspension_may_be_open_ended() -> None:
    assert desired(suspend={"by": "ana", "reason": "x"}).suspend == Suspension("ana", "x", None)


@pytest.mark.parametrize(
    ("check", "probe"),
    [
        ({"timeout": "5s"}, None),
        ({}, None),
        ({"test": ["NONE"]}, HealthProbe(test=("NONE",))),
        ({"test": ["CMD-SHELL", "a b"]}, HealthProbe(test=("CMD-SHELL", "a b"))),
        ({"interval": "1s"}, HealthProbe(interval_ms=1_000)),
    ],
)
def test_a_health_check_declares_what_it_says_and_no_more(
    check: dict[str, Any], probe: HealthProbe | None
) -> None:
    assert desired({"healthCheck": check}).config.health == probe


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (["wget", "x"], 'must begin with CMD, CMD-SHELL or NONE, not "wget"'),
        (["NONE", "x"], "NONE takes no command"),
        (["CMD"], "CMD needs a command"),
        (["CMD-SHELL"], "CMD-SHELL needs a command"),
        (["CMD-SHELL", "a", "b"], "CMD-SHELL takes one line"),
    ],
)
def test_a_health_check_command_has_the_engine_s_form(test: list[str], words: str) -> None:
    (message,) = said({"healthCheck": {"test": test}})
    assert words in message


def test_all_that_is_wrong_is_told_at_once_with_its_path() -> None:
    _, findings = build_checked(
        document(
            {"memoryLimit": "1Mi", "ports": ["8080:80", "x", "y"], "ulimits": {"core": {"soft": 2, "hard": 1}}}
        )
    )
    assert [path for path, _ in in_the_document(findings)] == [
        ("spec", "config", "ports", 1),
        ("spec", "config", "ports", 2),
        ("spec", "config", "memoryLimit"),
        ("spec", "config", "ulimits", "core"),
    ]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"ports": ["8080:80", "8080:81"]}, "host port *:8080/tcp is given twice"),
        ({"volumes": ["a1:/x", "b1:/x"]}, "the path in the container /x is given twice"),
        ({"tmpfs": ["/x", "/x"]}, "the path in the container /x is given twice"),
        ({"networks": ["a", "a"]}, "the network a is given twice"),
        ({"networks": ["a", "host"]}, 'the network "host" excludes all others'),
        ({"devices": ["/dev/a", "/dev/b:/dev/a"]}, "the device /dev/a is given twice"),
        ({"labels": {"stella.owner": "me"}}, 'label names that begin with "stella." are reserved'),
        ({"healthCheck": {"test": ["NONE"], "retries": 1}}, "a disabled health check has no"),
        ({"containerName": "web-next-g7"}, "are reserved"),
    ],
)
def test_contradictions_within_a_configuration_are_refused(config: dict[str, Any], words: str) -> None:
    assert [message for message in said(config) if words in message]


def test_names_like_ours_are_fine_as_long_as_they_are_not_ours() -> None:
    for name in ("web-next-generation", "-next-g1"[1:], "web-failed-g", "previous-g3"):
        assert desired({"containerName": name}).container_name == name
    assert desired({"networks": ["host"], "ports": ["80", "80/udp"]}).config.networks


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"hooks": {"preDeploy": {"command": ["x"], "image": "a"}}}, "needs digest beside it"),
        ({"sticker": {"location": "volume"}}, "needs the name of the volume"),
        ({"sticker": {"volume": "data"}}, 'is only for location "volume"'),
        ({"sticker": {"path": "/"}}, "must name a file, or a folder"),
        ({"sticker": {"location": "volume", "volume": "data", "path": "./"}}, "must name a file, or a folder"),
        ({"sticker": {"path": "a"}}, "must be absolute"),
        ({"sticker": {"location": "volume", "volume": "data", "path": "/a"}}, 'did you mean "a"?'),
        ({"sticker": {"location": "volume", "volume": "data", "path": "a/../b"}}, 'must not contain ".."'),
        ({"drift": {"ignore": ["config.enviroment"]}}, 'did you mean "environment"?'),
        ({"drift": {"ignore": ["ports"]}}, 'did you mean "config.ports"?'),
        ({"suspend": {"by": "a", "reason": "b", "until": "now"}}, "is not a time"),
        ({"strategy": {"minHealthy": "soon"}}, "is not a duration"),
        ({"image": "shop/web:v1"}, "must be without the tag"),
    ],
)
def test_contradictions_in_how_to_deploy_are_refused(spec: dict[str, Any], words: str) -> None:
    assert [message for message in said(**spec) if words in message]


def test_a_name_of_one_letter_needs_a_longer_container_name() -> None:
    assert said(name="w") == [
        "the engine wants container names of at least 2 characters; set config.containerName"
    ]
    assert desired({"containerName": "ww"}, name="w").container_name == "ww"


def test_reserved_labels_of_the_document_are_refused() -> None:
    whole = document()
    whole["metadata"]["labels"] = {"stella.x": "y"}
    assert build_checked(whole)[1] == (
        (("metadata", "labels", "stella.x"), 'label names that begin with "stella." are reserved'),
    )


def test_a_stored_document_that_is_no_longer_right_raises_with_every_problem() -> None:
    with pytest.raises(InvalidDocuments) as caught:
        build(document({"memoryLimit": "1Mi", "shmSize": "x"}))
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].startswith("stored document: spec.config.memoryLimit: ")
    with pytest.raises(InvalidDocuments, match=r"^web\.yaml:3: "):
        build(document({"shmSize": "x"}), source=SourceLocation("web.yaml", 3))


def test_how_to_deploy_does_not_change_the_fingerprint_and_the_configuration_does() -> None:
    plain = desired().fingerprint
    assert desired(strategy={"retries": 3}, drift={"mode": "off"}, adopt=True).fingerprint == plain
    assert desired({"cleanupPrevious": False, "healthCheck": {"timeout": "5s"}}).fingerprint == plain
    assert desired({"user": "1"}).fingerprint != plain
    assert replace(desired(), container_name="other").fingerprint != plain


def test_equal_wishes_written_differently_have_one_fingerprint() -> None:
    one = {"memoryLimit": "1Gi", "cpuLimit": "1.50", "ports": ["80:80", "81:81"], "capAdd": ["CAP_NET_RAW"]}
    two = {
        "cpuLimit": "1.5",
        "ports": ["81:81", {"containerPort": 80, "hostPort": 80}],
        "memoryLimit": 2**30,
        "capAdd": ["net_raw"],
    }
    assert desired(one).fingerprint == desired(two).fingerprint


def test_defaults_are_checked_by_themselves_without_what_only_a_document_knows() -> None:
    assert check_defaults({"spec": {"sticker": {"location": "volume"}, "config": {"memoryLimit": "1Gi"}}}) == ()
    assert check_defaults({}) == ()
    found = check_defaults({"metadata": {"labels": {"stella.a": "b"}}, "spec": {"config": {"memoryLimit": "1Mi"}}})
    assert [path[-1] for path, _ in found] == ["stella.a", "memoryLimit"]
