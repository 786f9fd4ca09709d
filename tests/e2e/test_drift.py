"""Every kind of difference, made by hand on real containers: shown field by field, then put right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.documents import document
from tests.e2e.oracle import Oracle
from tests.e2e.stage import Stage
from tests.parts.images import PublishedImage
from tests.parts.ports import free_port

Shown = tuple[str, str, str, str]
LIMITS = {"memoryLimit": "64Mi", "cpuLimit": 0.5, "pidsLimit": 64}


@pytest.mark.every_run("missing", "stopped", "cpu", "network lost")
@dataclass(frozen=True, kw_only=True)
class Harm:
    """``docker`` words do it (NAME and NET stand for the stage's); ``kept``: what must survive the correction."""

    words: tuple[str, ...]
    shown: Shown
    kept: str


HARM = {
    "missing": Harm(
        words=("rm", "-f", "NAME"), shown=("missing", "container", "NAME", "no container"), kept="nothing"
    ),
    "stopped": Harm(
        words=("stop", "NAME"), shown=("stopped", "state", "running", "exited, exit code 0"), kept="container"
    ),
    "paused": Harm(words=("pause", "NAME"), shown=("paused", "state", "running", "paused"), kept="process"),
    "renamed": Harm(
        words=("rename", "NAME", "NAME-x"),
        shown=("name", "config.containerName", "NAME", "NAME-x"),
        kept="process",
    ),
    "memory": Harm(
        words=("update", "--memory", "128m", "--memory-swap", "128m", "NAME"),
        shown=("limits", "config.memoryLimit", "64Mi", "128Mi"),
        kept="process",
    ),
    "cpu": Harm(
        words=("update", "--cpus", "1", "NAME"), shown=("limits", "config.cpuLimit", "0.5", "1"), kept="process"
    ),
    "pids": Harm(
        words=("update", "--pids-limit", "100", "NAME"),
        shown=("limits", "config.pidsLimit", "64", "100"),
        kept="process",
    ),
    "restart policy": Harm(
        words=("update", "--restart", "no", "NAME"),
        shown=("restart-policy", "config.restartPolicy", "unless-stopped", "no"),
        kept="process",
    ),
    "network lost": Harm(
        words=("network", "disconnect", "NET", "NAME"),
        shown=("networks", "config.networks", "[NET (front)]", "none"),
        kept="process",
    ),
    "network added": Harm(
        words=("network", "connect", "bridge", "NAME"),
        shown=("networks", "config.networks", "[NET (front)]", "[bridge, NET (front)]"),
        kept="process",
    ),
}


@pytest.mark.both_engines
@pytest.mark.fault("K11")
@pytest.mark.parametrize("kind", HARM)
def test_what_is_changed_by_hand_is_shown_and_put_right(kind: str, stage: Stage, oracle: Oracle) -> None:
    harm = HARM[kind]
    network = f"{stage.prefix}-net"
    stage.deploy_here(
        "v1", config={**LIMITS, "ports": None, "networks": [{"name": network, "aliases": ["front"]}]}
    )
    before = stage.identity()

    def here(text: str) -> str:
        return text.replace("NAME", stage.name).replace("NET", network)

    stage.docker(*map(here, harm.words))
    drift = [tuple(item.values()) for item in stage.plan()["drift"]]
    assert tuple(map(here, harm.shown)) in drift
    stage.apply()
    after = stage.identity()
    assert (after == before) == (harm.kept == "process")
    assert (after[0] == before[0]) == (harm.kept in {"process", "container"})
    oracle.holds("v1")


@pytest.mark.fault("O1")
def test_a_stranger_on_our_name_stops_everything_and_is_left_alone(stage: Stage, oracle: Oracle) -> None:
    stage.docker("run", "-d", "--name", stage.name, stage.images.plain.reference)
    identity = stage.identity()
    stage.write(stage.web("v1"))
    assert "foreign" in stage.apply(expect=5).stdout + stage.reconciler("plan").stdout
    (drift, *_) = stage.plan()["drift"]
    assert (drift["kind"], drift["path"], drift["wanted"]) == ("foreign", "containerName", "ours")
    assert stage.identity() == identity
    stage.docker("rm", "-f", stage.name)
    stage.apply()
    oracle.holds("v1")


@pytest.mark.fault("O1")
def test_a_stranger_that_takes_the_name_of_a_lost_container_is_left_alone(stage: Stage, oracle: Oracle) -> None:
    stage.deploy_here("v1")
    stage.docker("rm", "-f", stage.name)
    stage.docker("run", "-d", "--name", stage.name, stage.images.plain.reference)
    identity = stage.identity()
    stage.apply(expect=5)
    assert stage.identity() == identity
    stage.docker("rm", "-f", stage.name)
    stage.apply()
    oracle.holds("v1")


@pytest.mark.fault("O2", "O3")
def test_a_stranger_with_all_our_labels_is_shown_and_left_alone(stage: Stage, oracle: Oracle) -> None:
    ours = stage.deploy("v1")
    copied = [f"--label={key}={value}" for key, value in ours["Config"]["Labels"].items()]
    spoof = f"{stage.name}-copy"
    stage.docker("run", "-d", "--name", spoof, *copied, stage.images.plain.reference)
    before = stage.identity(), stage.identity(spoof)
    drift = [(item["kind"], item["path"]) for item in stage.plan()["drift"]]
    assert drift == [("foreign", "labels")]
    stage.apply()
    assert (stage.identity(), stage.identity(spoof)) == before
    stage.deploy("v2")
    assert stage.identity(spoof) == before[1]
    stage.docker("rm", "-f", spoof)
    oracle.holds("v2")


@pytest.mark.fault("O1")
def test_a_stranger_on_the_name_that_a_deploy_needs_for_a_moment_is_left_alone(
    stage: Stage, oracle: Oracle
) -> None:
    stage.deploy_here("v1")
    serving, spoof = stage.identity(), f"{stage.name}-next-g2"
    stage.docker("run", "-d", "--name", spoof, stage.images.plain.reference)
    before = stage.identity(spoof)
    stage.write(stage.web("v2"))
    refused = stage.apply(expect=3)
    assert f"{spoof}" in refused.stdout
    assert (stage.identity(), stage.identity(spoof)) == (serving, before)
    stage.docker("rm", "-f", spoof)
    assert stage.reconciler("clear", stage.name).returncode == 0
    stage.apply()
    oracle.holds("v2")


@dataclass(frozen=True, kw_only=True)
class Made:
    """A container made by hand that differs from its document in one thing, and perhaps in not running."""

    options: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    config: dict[str, Any] | None = None
    image: Callable[[Stage], PublishedImage] = lambda stage: stage.images.plain
    wanted_image: Callable[[Stage], PublishedImage] = lambda stage: stage.images.plain
    run: bool = True
    shown: tuple[Shown, ...]


def _one(kind: str, path: str, wanted: str, found: str) -> tuple[Shown, ...]:
    return ((kind, f"config.{path}", wanted, found),)


PORT = str(free_port())
ADOPTED: dict[str, dict[str, Made]] = {
    "process": {
        "command": Made(
            command=("/app/sleep", "x"), shown=_one("command", "command", "[/app/sleep]", "[/app/sleep, x]")
        ),
        "entrypoint": Made(
            options=("--entrypoint", "/app/sleep"),
            shown=(
                ("command", "config.command", "[/app/sleep]", "none"),
                ("command", "config.entrypoint", "none", "[/app/sleep]"),
            ),
        ),
        "directory": Made(options=("-w", "/tmp"), shown=_one("command", "workingDir", "none", "/tmp")),
        "init": Made(options=("--init",), shown=_one("command", "init", "false", "true")),
        "signal": Made(options=("--stop-signal", "SIGINT"), shown=_one("command", "stopSignal", "none", "SIGINT")),
        "timeout": Made(options=("--stop-timeout", "9"), shown=_one("command", "stopTimeout", "3", "9")),
        "added-env": Made(options=("-e", "EXTRA=1"), shown=_one("environment", "environment.EXTRA", "unset", "1")),
        "changed-env": Made(
            options=("-e", "LEVEL=debug"),
            config={"environment": {"LEVEL": "info"}},
            shown=_one("environment", "environment.LEVEL", "info", "debug"),
        ),
        "secret-env": Made(
            options=("-e", "DB_PASSWORD=hunter2"),
            config={"environment": {"DB_PASSWORD": "correct horse"}},
            shown=_one("environment", "environment.DB_PASSWORD", "***", "***"),
        ),
        "user": Made(options=("--user", "1000"), shown=_one("user", "user", "none", "1000")),
        "image": Made(
            options=("--no-healthcheck",),
            config={"healthCheck": {"test": ["NONE"]}},
            image=lambda stage: stage.images.web_v1,
            wanted_image=lambda stage: stage.images.web_v2,
            shown=(
                ("image", "digest", "WANTED", "FOUND"),
                ("environment", "config.environment.VERSION", "v2", "v1"),
                ("labels", "config.labels.org.opencontainers.image.version", "v2", "v1"),
                # no sticker may say that the release is there while another image runs
                ("sticker", "sticker", "current", "absent"),
            ),
        ),
    },
    "world": {
        "ulimits": Made(
            options=("--ulimit", "nofile=512:512"),
            config={"ulimits": {"nofile": {"soft": 1024, "hard": 2048}}},
            shown=_one("limits", "ulimits.nofile", "1024:2048", "512:512"),
        ),
        "shm": Made(
            options=("--shm-size", "16m"),
            config={"shmSize": "32Mi"},
            shown=_one("limits", "shmSize", "32Mi", "16Mi"),
        ),
        "ports": Made(
            options=("-p", f"127.0.0.1:{PORT}:8080"),
            shown=_one("ports", "ports", "none", f"[127.0.0.1:{PORT}:8080/tcp]"),
        ),
        "mounts": Made(
            options=("-v", "/etc/hostname:/name:ro"),
            shown=_one("mounts", "volumes", "none", "[/etc/hostname:/name:ro]"),
        ),
        "tmpfs": Made(options=("--tmpfs", "/scratch"), shown=_one("mounts", "tmpfs./scratch", "unset", "none")),
        "hostname": Made(options=("--hostname", "other"), shown=_one("networks", "hostname", "none", "other")),
        "hosts": Made(
            options=("--add-host", "db:10.0.0.1"), shown=_one("networks", "extraHosts", "none", "[db:10.0.0.1]")
        ),
        "dns": Made(options=("--dns", "10.0.0.2"), shown=_one("networks", "dns", "none", "[10.0.0.2]")),
        "labels": Made(options=("--label", "team=x"), shown=_one("labels", "labels.team", "unset", "x")),
        "logging": Made(
            options=("--log-opt", "max-size=2m"),
            config={"logging": {"driver": "json-file", "options": {"max-size": "1m"}}},
            shown=_one("logging", "logging.max-size", "1m", "2m"),
        ),
    },
    "confinement": {
        "health": Made(
            options=("--health-cmd", "true", "--health-interval", "1s"),
            config={"healthCheck": {"test": "false || true", "interval": "1s"}},
            shown=_one("healthcheck", "healthCheck.test", "[CMD-SHELL, false || true]", "[CMD-SHELL, true]"),
        ),
        "added-cap": Made(
            options=("--cap-add", "NET_ADMIN"), shown=_one("security", "capAdd", "none", "[NET_ADMIN]")
        ),
        "dropped-cap": Made(options=("--cap-drop", "CHOWN"), shown=_one("security", "capDrop", "none", "[CHOWN]")),
        "writable": Made(
            config={"readOnlyRootFilesystem": True},
            shown=_one("security", "readOnlyRootFilesystem", "true", "false"),
        ),
        "privileges": Made(
            config={"noNewPrivileges": True}, shown=_one("security", "noNewPrivileges", "true", "false")
        ),
        "privileged": Made(  # not every machine may start one
            options=("--privileged",),
            run=False,
            shown=(
                ("stopped", "state", "running", "created"),
                ("security", "config.privileged", "false", "true"),
            ),
        ),
        "sysctls": Made(
            options=("--sysctl", "net.ipv4.ip_unprivileged_port_start=80"),
            shown=_one("security", "sysctls.net.ipv4.ip_unprivileged_port_start", "unset", "80"),
        ),
        "devices": Made(
            options=("--device", "/dev/null:/dev/hole"),
            shown=_one("security", "devices", "none", "[/dev/null:/dev/hole:rwm]"),
        ),
    },
}


@pytest.mark.every_run("confinement")
@pytest.mark.fault("O5")
@pytest.mark.parametrize("group", ADOPTED)
@pytest.mark.timeout(300)
def test_a_container_made_by_hand_is_adopted_and_its_one_difference_corrected(
    group: str, stage: Stage, oracle: Oracle
) -> None:
    kinds = ADOPTED[group]
    before = {kind: _run_by_hand(stage, kind, made) for kind, made in kinds.items()}
    _write_all(stage, kinds, mode="warn")
    stage.apply()
    told = {item["name"]: item for item in stage.json("plan", expect=(0, 2))["documents"]}
    drift = {kind: [tuple(item.values()) for item in told[_name(stage, kind)]["drift"]] for kind in kinds}
    assert drift == {kind: _expected(stage, made) for kind, made in kinds.items()}
    assert {kind: stage.inspect(_name(stage, kind))["Id"] for kind in kinds} == before, "adopting keeps them"
    _write_all(stage, kinds, mode="correct")
    stage.apply()
    assert stage.reconciler("plan").returncode == 0
    after = {kind: stage.inspect(_name(stage, kind))["Id"] for kind in kinds}
    assert not set(after.values()) & set(before.values())
    oracle.strangers_are_untouched()


@pytest.mark.fault("O5")
def test_a_container_made_by_hand_that_matches_is_adopted_as_it_is(stage: Stage, oracle: Oracle) -> None:
    made = Made(shown=())
    _run_by_hand(stage, "web", made)
    identity = stage.identity()
    _write_all(stage, {"web": made}, mode="correct")
    stage.apply()
    assert stage.identity() == identity
    assert stage.history()["generations"][0]["kind"] == "adopt"
    oracle.holds()


def _name(stage: Stage, kind: str) -> str:
    return f"{stage.prefix}-{kind}"


def _run_by_hand(stage: Stage, kind: str, made: Made) -> str:
    usual = ("--restart", "unless-stopped", "--stop-timeout", "3", "--name", _name(stage, kind))
    verb = ("run", "-d") if made.run else ("create",)
    return stage.docker(*verb, *usual, *made.options, made.image(stage).reference, *made.command)


def _write_all(stage: Stage, kinds: dict[str, Made], *, mode: str) -> None:
    for kind, made in kinds.items():
        name = _name(stage, kind)
        wish = document(
            name,
            made.wanted_image(stage),
            "r1",
            config=made.config or {},
            adopt=True,
            drift={"mode": mode},
            sticker={"path": str(stage.sticker(name))},
        )
        stage.write(wish, file=f"{name}.yaml")


def _expected(stage: Stage, made: Made) -> list[Shown]:
    wanted = made.wanted_image(stage)
    words = {
        "WANTED": f"{wanted.repository.rsplit('/', 1)[0]}/web@{wanted.digest[7:19]}",
        "FOUND": f"image {made.image(stage).image_id[7:19]}",
    }
    return [(kind, path, words.get(left, left), words.get(right, right)) for kind, path, left, right in made.shown]
