"""Zero false positives: what was just applied differs in nothing, whatever document and image say."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.spec.schema import config_keys
from tests.e2e.documents import document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage
from tests.parts.images import Recipe, publish
from tests.parts.ports import free_port
from tests.parts.standard_images import PLAIN

pytestmark = pytest.mark.both_engines

FULL: dict[str, Any] = {
    "containerName": "NAME",
    "command": ["/app/sleep", "a b", ""],
    "entrypoint": ["/bin/sh"],
    "user": "1000:1000",
    "workingDir": "/tmp",
    "hostname": "front.example.com",
    "environment": {
        "EMPTY": "",
        "EQUALS": "a=b",
        "TEXT": "zwölf\tkeys",
        "NUMBER": "007",
        "APP_PASSWORD": "CANARY",
    },
    "labels": {"team": "shop", "empty": "", "com.example/x": "a=b"},
    "ports": ["127.0.0.1:PORT:8080", "8081/udp", {"hostIp": "127.0.0.1", "containerPort": 8082}],
    "volumes": ["VOLUME:/data", "/usr/share:/host/share:ro"],
    "tmpfs": ["/scratch:size=1m,mode=1777", "/run"],
    "networks": [{"name": "NET", "aliases": ["b", "a"]}, "NET2"],
    "restartPolicy": "on-failure:3",
    "memoryLimit": "64Mi",
    "cpuLimit": 0.25,
    "pidsLimit": 128,
    "ulimits": {"nofile": {"soft": 1024, "hard": 4096}, "core": 0},
    "shmSize": "16Mi",
    "capAdd": ["net_admin", "CAP_SYS_TIME"],
    "capDrop": ["MKNOD", "CHOWN"],
    "readOnlyRootFilesystem": True,
    "noNewPrivileges": True,
    "init": True,
    "stopSignal": "INT",
    "stopTimeout": "2s",
    "logging": {"driver": "json-file", "options": {"max-size": "1m", "max-file": "2"}},
    "extraHosts": ["db:10.0.0.5", "cache:10.0.0.6"],
    "dns": ["10.0.0.2", "10.0.0.1"],
    "sysctls": {"net.ipv4.ip_unprivileged_port_start": "80"},
    "devices": ["/dev/null:/dev/hole:rw"],
    "healthCheck": {
        "test": ["CMD", "true"],
        "interval": "300ms",
        "probeTimeout": "2s",
        "startPeriod": "1s",
        "retries": 4,
    },
}

PERMITTED: dict[str, Any] = {
    "hostPaths": ["/usr/share:ro"],
    "capabilities": ["NET_ADMIN", "SYS_TIME"],
    "devices": ["/dev/null:rw"],
    "hostNamespaces": ["network"],
}
"""What the host's policy has to permit of all that."""

SPARE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "empty lists": {"ports": [], "volumes": [], "tmpfs": [], "labels": {}, "environment": {}},
    "no network": {"networks": ["none"]},
    "the host's network": {"networks": ["host"]},
    "a check of the shell": {"healthCheck": {"test": "true", "interval": "1s"}},
    "no check": {"healthCheck": {"test": ["NONE"]}},
    "all capabilities dropped": {"capDrop": ["ALL"]},
    "always": {"restartPolicy": "always"},
    "an empty entrypoint": {"entrypoint": [], "command": ["/app/sleep"]},
    "a port of the engine's choice": {"ports": ["8080"]},
    "a number as signal": {"stopSignal": "15"},
}

RICH = Recipe(
    files=PLAIN.files,
    config={
        "Cmd": ["/app/sleep"],
        "Entrypoint": ["/bin/sh"],
        "Env": ["PATH=/bin", "EMPTY=", "BASE=image", "MODE=image"],
        "User": "web",
        "WorkingDir": "/tmp",
        "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
        "Volumes": {"/var/lib/app": {}},
        "Labels": {"maintainer": "somebody", "team": "image"},
        "StopSignal": "SIGQUIT",
        "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 300_000_000, "Timeout": 1_000_000_000},
    },
)

ON_RICH: dict[str, dict[str, Any]] = {
    "everything from the image": {},
    "over the image": {
        "environment": {"MODE": "document", "MORE": "x"},
        "labels": {"team": "document"},
        "user": "1000",
        "stopSignal": "SIGTERM",
        "healthCheck": {"retries": 2},
        "volumes": ["VOLUME:/var/lib/app"],
    },
    "another command": {"command": ["/app/sleep", "x"]},
    "another entrypoint": {"entrypoint": ["/app/sleep"]},
    "the check taken away": {"healthCheck": {"test": ["NONE"]}},
    "only the interval of the check": {"healthCheck": {"interval": "400ms"}},
}


def _filled(stage: Stage, value: Any) -> Any:
    """The placeholders of a configuration replaced by this stage's names."""
    if isinstance(value, dict):
        return {key: _filled(stage, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(stage, item) for item in value]
    words = {
        "NAME": stage.name,
        "NET2": f"{stage.prefix}-net2",
        "NET": f"{stage.prefix}-net",
        "VOLUME": f"{stage.prefix}-data",
        "CANARY": stage.canary,
    }
    if isinstance(value, str) and "PORT" in value:
        return value.replace("PORT", str(free_port()))
    return words.get(value, value.replace("VOLUME", words["VOLUME"])) if isinstance(value, str) else value


def test_a_document_with_every_field_differs_in_nothing(stage: Stage, oracle: Oracle) -> None:
    stage.permit(**PERMITTED)
    config = _filled(stage, FULL)
    full = document(stage.name, stage.images.plain, "r1", config=config, sticker={"path": str(stage.sticker())})
    stage.write(full)
    stage.apply()
    _differs_in_nothing(stage)
    with stage.controller(RECONCILER_RESYNC="1") as controller:
        assert controller.metric("reconciler_drift_fields", document=stage.name) == 0
    _differs_in_nothing(stage)
    oracle.holds()


def test_a_document_with_every_field_covers_every_field() -> None:
    assert set(FULL) == set(config_keys()) - {"secrets", "files", "cleanupPrevious"}


def test_sparing_documents_differ_in_nothing(stage: Stage, oracle: Oracle) -> None:
    _apply_all(stage, SPARE, stage.images.plain)
    _differs_in_nothing(stage)
    oracle.strangers_are_untouched()


def test_documents_on_an_image_that_declares_everything_differ_in_nothing(stage: Stage, oracle: Oracle) -> None:
    rich = publish(stage.images.plain.repository.partition("/")[0], "rich", "v1", RICH)
    _apply_all(stage, ON_RICH, rich)
    _differs_in_nothing(stage)
    oracle.strangers_are_untouched()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_what_was_restarted_by_hand_differs_in_nothing(version: str, stage: Stage, oracle: Oracle) -> None:
    stage.deploy(version)
    stage.docker("restart", stage.name)
    _differs_in_nothing(stage)
    oracle.holds(version)


def test_what_an_engine_restart_left_differs_in_nothing_but_its_state(
    fresh_stage: Stage, fresh_oracle: Oracle
) -> None:
    fresh_stage.deploy("v1", config={"restartPolicy": "always"})
    fresh_stage.engine.restart()
    _differs_in_nothing(fresh_stage)
    fresh_oracle.holds("v1")


def _apply_all(stage: Stage, configs: dict[str, dict[str, Any]], image: Any) -> None:
    """One document for each configuration."""
    stage.permit(**PERMITTED)
    for number, config in enumerate(configs.values()):
        name = f"{stage.prefix}-{number}"
        wish = document(
            name, image, "r1", config=_filled(stage, config), sticker={"path": str(stage.sticker(name))}
        )
        stage.write(wish, file=f"{name}.yaml")
    stage.apply()


def _differs_in_nothing(stage: Stage) -> None:
    """``plan`` exits 0 and shows no difference in any document."""
    told = stage.json("plan", expect=(0, 2))
    differences = {item["name"]: item["drift"] for item in told["documents"] if item["drift"] or item["actions"]}
    assert differences == {}
    assert told["changes"] is False
