"""Containers that die, flap, hang, flood or are tampered with: taken back with the reason, or told as drift."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage, eventually
from tests.parts.images import PublishedImage, Recipe, publish
from tests.parts.ports import free_port
from tests.parts.standard_images import web

OFTEN = {"RECONCILER_RESYNC": "1"}
SERVES = "httpd -f -p 8080 -h /www & wait $!"
KEPT_BYTES = 64 * 1024
"""More than whatever is kept of what a container says."""


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A release that must not stay: what its container does, and what is told of it."""

    script: str = ""
    command: tuple[str, ...] = ()
    probe: dict[str, Any] | None = field(default_factory=dict)
    """The health check's own keys; None: none."""
    spec: dict[str, Any] = field(default_factory=dict)
    told: tuple[str, ...]


FLIPS = Bad(
    script=f"( sleep 3; kill $$ ) & {SERVES}",
    spec={"strategy": {"minHealthy": "5s"}},
    told=("it ended",),
)
BAD = {
    "flips": FLIPS,
    "exits with 0": Bad(script="exit 0", told=("exit code 0",)),
    "exits with 1": Bad(script="exit 1", told=("exit code 1",)),
    "no such command": Bad(command=("/nowhere",), told=("/nowhere",)),
    # Its exit code is known while it lies still; it may be seen when it runs again.
    "crash loop": Bad(
        script="sleep 0.3; exit 7", spec={"config": {"restartPolicy": "always"}}, told=("it ended", "restart")
    ),
    "out of memory": Bad(
        script="sleep 0.5; exec tail -c 64m /dev/zero",
        probe=None,
        spec={"config": {"memoryLimit": "16Mi", "restartPolicy": "no"}, "strategy": {"minHealthy": "4s"}},
        told=("memory",),
    ),
    "probe program missing": Bad(
        script=SERVES,
        probe={"Test": ["CMD", "/no/probe"]},
        spec={"config": {"healthCheck": {"timeout": "4s"}}},
        told=("/no/probe",),
    ),
    "probe longer than the deadline": Bad(
        script=SERVES,
        probe={"Test": ["CMD", "sleep", "60"], "Timeout": 60_000_000_000},
        spec={"config": {"healthCheck": {"timeout": "2s"}}},
        told=("2s",),
    ),
    "log flood": Bad(
        script="yes flood-of-words | head -c 2m; exit 3",
        probe=None,
        spec={"strategy": {"minHealthy": "9s"}},
        told=("flood-of-words",),
    ),
}


def release(stage: Stage, bad: Bad) -> PublishedImage:
    """An image that does it."""
    recipe = web("bad")
    config = dict(recipe.config)
    if bad.probe is None:
        del config["Healthcheck"]
    elif bad.probe:
        config["Healthcheck"] = {**config["Healthcheck"], **bad.probe}
    if bad.command:
        config["Cmd"] = list(bad.command)
    script = f"#!/bin/sh\ntrap 'exit 0' TERM\n{bad.script}\n"
    made = Recipe(files={**recipe.files, "app/serve": script}, config=config)
    return publish(stage.images.web_v1.repository.partition("/")[0], "bad", "b1", made)


@pytest.mark.every_run(
    "flips", "exits with 1", "crash loop", "out of memory", "probe program missing", "log flood"
)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("flips", marks=pytest.mark.fault("K2")),
        pytest.param("exits with 0", marks=pytest.mark.fault("K3")),
        pytest.param("exits with 1", marks=pytest.mark.fault("K3")),
        pytest.param("no such command", marks=pytest.mark.fault("K3")),
        pytest.param("crash loop", marks=pytest.mark.fault("K4")),
        pytest.param("out of memory", marks=pytest.mark.fault("K5")),
        pytest.param("probe program missing", marks=pytest.mark.fault("K9")),
        pytest.param("probe longer than the deadline", marks=pytest.mark.fault("K9")),
        pytest.param("log flood", marks=pytest.mark.fault("K10")),
    ],
)
def test_a_bad_release_is_taken_back_with_its_reason_and_not_tried_again(
    kind: str, stage: Stage, oracle: Oracle
) -> None:
    bad = BAD[kind]
    stage.deploy_here("v1")
    identity = stage.inspect()["Id"]
    image = release(stage, bad)
    spec = {"image": image.repository, "digest": image.digest, **bad.spec}
    stage.write(stage.web("v2", **spec))
    with stage.users() as users:
        failed = stage.apply(expect=3)
    assert users.answers <= {"web v1", "web bad"}
    for words in bad.told:
        assert words in failed.stdout, f"{words!r} is not in {failed.stdout}"
    assert len(failed.stdout) < KEPT_BYTES
    assert stage.inspect()["Id"] == identity
    assert stage.page() == "web v1"
    assert stage.reconciler("apply").returncode == 5
    assert len(json.dumps(stage.history())) < KEPT_BYTES
    oracle.holds()


@pytest.mark.fault("K9")
def test_without_a_health_check_it_must_run_for_a_while(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1")
    image = release(stage, Bad(script="sleep 1; exit 4", probe=None, told=()))
    document = stage.web("v2", image=image.repository, digest=image.digest, strategy={"minHealthy": "3s"})
    stage.write(document)
    failed = stage.apply(expect=3)
    assert "it ended" in failed.stdout
    assert stage.page() == "web v1"
    oracle.holds()


@pytest.mark.fault("K6")
def test_what_gets_ill_long_after_its_commit_is_told_and_no_release_is_deployed_for_it(
    stage: Stage, oracle: Oracle
) -> None:
    stage.deploy_here("v1")
    identity = stage.identity()
    with stage.controller(**OFTEN) as controller:
        controller.settles(stage.name)
        stage.docker("exec", stage.name, "mv", "/www/healthz", "/www/gone")
        eventually(
            "the drift is told",
            lambda: controller.metric("reconciler_drift", document=stage.name, kind="unhealthy") == 1,
        )
        assert stage.status()["health"] == "Degraded"
        stage.docker("exec", stage.name, "mv", "/www/gone", "/www/healthz")
        eventually(
            "it is over",
            lambda: controller.metric("reconciler_drift", document=stage.name, kind="unhealthy") == 0,
        )
        controller.settles(stage.name)
    assert stage.identity() == identity
    assert len(stage.history()["generations"]) == 1
    oracle.holds("v1")


@pytest.mark.fault("K7")
def test_what_ignores_sigterm_is_killed_at_its_own_timeout(stage: Stage, oracle: Oracle) -> None:
    stubborn = web("v1")
    script = "#!/bin/sh\ntrap '' TERM\nhttpd -f -p 8080 -h /www & while :; do wait; done\n"
    recipe = replace(stubborn, files={**stubborn.files, "app/serve": script})
    image = publish(stage.images.web_v1.repository.partition("/")[0], "stubborn", "s1", recipe)
    stage.deploy("v1", image=image.repository, digest=image.digest, config={"stopTimeout": "2s"})
    stage.docker("pull", "-q", stage.image("v2").reference)
    stage.write(stage.web("v2"))
    began = time.monotonic()
    with stage.users() as users:
        stage.apply()
    assert 2.0 <= time.monotonic() - began < 15.0
    assert users.answers == {"web v1", "web v2"}
    oracle.holds("v2")


@contextlib.contextmanager
def held_by_a_process(_: Stage, port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


@contextlib.contextmanager
def held_by_a_container(stage: Stage, port: int) -> Iterator[None]:
    name = f"{stage.prefix}-neighbour"
    stage.docker("run", "-d", "--name", name, "-p", f"127.0.0.1:{port}:80", stage.images.plain.reference)
    yield
    stage.docker("rm", "-f", name)


@pytest.mark.fault("K8")
@pytest.mark.parametrize(
    ("holder", "status"), [(held_by_a_container, 5), (held_by_a_process, 3)], ids=["a container", "a process"]
)
def test_a_port_that_somebody_else_has_leaves_the_old_one_serving(
    holder: Any, status: int, stage: Stage, oracle: Oracle
) -> None:
    """A container's is seen before anything is touched; a process's by the start, and the old one comes back."""
    stage.deploy_here("v1")
    identity, old = stage.inspect()["Id"], stage.port
    taken = _another_port(stage)
    with holder(stage, taken):
        stage.write(stage.web("v2", config={"ports": [f"127.0.0.1:{taken}:8080"]}))
        with stage.users() as users:
            refused = stage.apply(expect=status)
        assert str(taken) in refused.stdout
        assert users.answers == {"web v1"}
        assert status == 3 or not users.failed
    assert (stage.inspect()["Id"], stage.port) == (identity, old)
    stage.write(stage.web("v1"))
    stage.apply()
    oracle.holds("v1")


def _another_port(stage: Stage) -> int:
    while (port := free_port()) in {stage.port, stage.metrics_port}:
        pass
    return port


@pytest.mark.fault("K12")
def test_an_image_removed_by_hand_is_pulled_again_when_it_is_needed(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1")
    identity = stage.identity()
    stage.sdk.remove_image(stage.image("v1").reference, force=True)
    assert stage.plan()["actions"] == []
    stage.apply()
    assert stage.identity() == identity
    stage.docker("rm", "-f", stage.name)
    stage.docker("image", "prune", "-af")
    stage.apply()
    assert stage.page() == "web v1"
    oracle.holds("v1")
