"""Every kind of difference, made by hand on a real project: shown with kind and path, then put right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import LOCK, ProjectStage
from tests.e2e.compose.shop import MOTD, Model
from tests.e2e.stage import eventually
from tests.parts.ports import free_port

Shown = tuple[str, str]
HARMLESS = frozenset({"web", "worker", "migrate"})


@dataclass(frozen=True, kw_only=True)
class Harm:
    """What is done by hand, what is shown of it (kind and path, S stands for the services' prefix), and which
    services' containers must survive the correction as they are, process and all.
    """

    act: Callable[[ProjectStage], None]
    shown: Shown
    kept: frozenset[str]


def _docker(*words: str) -> Callable[[ProjectStage], None]:
    """The docker command; WEB, WORKER, NET and NAME stand for the stage's."""

    def act(project: ProjectStage) -> None:
        names = {
            "WEB": project.container("web"),
            "WORKER": project.container("worker"),
            "NET": f"{project.name}_front",
            "NAME": project.name,
        }
        project.stage.docker(*(names.get(word, word) for word in words))

    return act


def _by_compose(model: Model, *services: str) -> Callable[[ProjectStage], None]:
    """Docker Compose by hand, as our own, with a file laid over the active ones."""

    def act(project: ProjectStage) -> None:
        active = project.active()
        override = yaml.safe_dump(model).replace("PORT", str(free_port()))
        override = override.replace("IMAGE", project.images["worker v1"].reference)
        project.compose(
            *("-p", project.name, "-f", str(active / LOCK), "-f", str(active / "compose.stella.host.yml")),
            *("-f", "edit.yml", "--project-directory", str(project.directory), "--env-file", "/dev/null"),
            *("up", "-d", "--no-deps", *services),
            files={"edit.yml": override},
            cwd=project.stage.folder / "by-hand",
        )

    return act


def _fall_ill(project: ProjectStage) -> None:
    worker = project.container("worker")
    project.stage.docker("exec", worker, "rm", "/app/healthy")
    eventually(
        "it is unhealthy", lambda: project.stage.inspect(worker)["State"]["Health"]["Status"] == "unhealthy"
    )


def _other_image(project: ProjectStage) -> None:
    """A container with everything of the worker's but its image."""
    worker = project.container("worker")
    labels = project.stage.inspect(worker)["Config"]["Labels"]
    network, volume = f"{project.name}_front", f"{project.name}_data:/data"
    project.stage.docker("rm", "-f", worker)
    project.stage.docker(
        *("run", "-d", "--name", worker, "--restart", "unless-stopped", "--stop-timeout", "2", "-v", volume),
        *("--network", network, "--network-alias", "worker"),
        *(f"--label={key}={value}" for key, value in labels.items()),
        project.images["worker v2"].reference,
    )


def _labelled(project: ProjectStage) -> None:
    """A container that Compose, and we, must take for one more of the project."""
    labels = project.stage.inspect(project.container("worker"))["Config"]["Labels"]
    project.stage.docker(
        *("run", "-d", "--name", f"{project.name}-worker-7"),
        *(f"--label={key}={value}" for key, value in labels.items()),
        "--label=com.docker.compose.container-number=7",
        project.images["worker v1"].reference,
    )


def _artifact(project: ProjectStage) -> Path:
    (found,) = (project.directory / "files").rglob(MOTD)
    return found


def _edit_in_place(project: ProjectStage) -> None:
    file = _artifact(project)
    file.chmod(0o644)
    with file.open("r+") as opened:
        opened.write("WELCOME, EVERYTHING IS FREE\n")
    eventually("the service sees it", lambda: "FREE" in project.page(MOTD))


def _edit_by_rename(project: ProjectStage) -> None:
    file = _artifact(project)
    draft = file.with_name("draft")
    draft.write_text("other\n")
    draft.replace(file)


def _edit_lock(project: ProjectStage) -> None:
    file = project.active() / LOCK
    file.chmod(0o644)
    file.write_text(file.read_text().replace("unless-stopped", "always"))


def _drop_current(project: ProjectStage) -> None:
    (project.directory / "current").unlink()


def _drop_revision(project: ProjectStage) -> None:
    shutil.rmtree(project.active())


def _drop_sticker(project: ProjectStage) -> None:
    project.stage.sticker(project.name).unlink()


ALL = HARMLESS
BUT_WORKER = HARMLESS - {"worker"}
BUT_WEB = HARMLESS - {"web"}

HARM: dict[str, dict[str, Harm]] = {
    "state": {
        "missing": Harm(
            act=_docker("rm", "-f", "WORKER"),
            shown=("compose-service-missing", "services.worker"),
            kept=BUT_WORKER,
        ),
        "stopped": Harm(act=_docker("stop", "WEB"), shown=("stopped", "services.web.state"), kept=BUT_WEB),
        "paused": Harm(act=_docker("pause", "WORKER"), shown=("paused", "services.worker.state"), kept=ALL),
        "renamed": Harm(
            act=_docker("rename", "WORKER", "NAME"),
            shown=("name", "services.worker.config.containerName"),
            kept=ALL,
        ),
    },
    "in place": {
        "restart policy": Harm(
            act=_docker("update", "--restart", "no", "WEB"),
            shown=("restart-policy", "services.web.config.restartPolicy"),
            kept=ALL,
        ),
        "memory": Harm(
            act=_docker("update", "--memory", "128m", "--memory-swap", "128m", "WEB"),
            shown=("limits", "services.web.config.memoryLimit"),
            kept=ALL,
        ),
        "sticker": Harm(act=_drop_sticker, shown=("sticker", "sticker"), kept=ALL),
    },
    "networks": {
        "disconnected": Harm(
            act=_docker("network", "disconnect", "NET", "WORKER"),
            shown=("networks", "services.worker.config.networks"),
            kept=BUT_WORKER,
        ),
        "connected": Harm(
            act=_docker("network", "connect", "bridge", "WORKER"),
            shown=("networks", "services.worker.config.networks"),
            kept=BUT_WORKER,
        ),
    },
    "made anew by hand": {
        "image": Harm(act=_other_image, shown=("image", "services.worker.digest"), kept=BUT_WORKER),
        "environment": Harm(
            act=_by_compose({"services": {"worker": {"environment": {"LEVEL": "debug"}}}}, "worker"),
            shown=("environment", "services.worker.config.environment.LEVEL"),
            kept=BUT_WORKER,
        ),
        "hash": Harm(
            act=_by_compose({"services": {"worker": {"labels": {"stella.component.id": "x"}}}}, "worker"),
            shown=("compose-config-hash", "services.worker.configHash"),
            kept=BUT_WORKER,
        ),
        "ports": Harm(
            act=_by_compose({"services": {"worker": {"ports": ["127.0.0.1:PORT:9"]}}}, "worker"),
            shown=("ports", "services.worker.config.ports"),
            kept=BUT_WORKER,
        ),
    },
    "extra": {
        "service": Harm(
            act=_by_compose(
                {"services": {"extra": {"image": "IMAGE", "network_mode": "none", "command": ["/app/work"]}}},
                "extra",
            ),
            shown=("compose-service-extra", "containers.NAME-extra-1"),
            kept=ALL,
        ),
        "labels": Harm(act=_labelled, shown=("compose-service-extra", "containers.NAME-worker-7"), kept=ALL),
    },
    "on disk": {
        "file in place": Harm(act=_edit_in_place, shown=("files", f"config.configFiles.{MOTD}"), kept=BUT_WEB),
        "file by rename": Harm(act=_edit_by_rename, shown=("files", f"config.configFiles.{MOTD}"), kept=BUT_WEB),
        "lock": Harm(act=_edit_lock, shown=("compose-lock", f"config.deploymentDirectory.{LOCK}"), kept=ALL),
        "pointer": Harm(act=_drop_current, shown=("compose-lock", "config.deploymentDirectory.current"), kept=ALL),
        "revision": Harm(
            act=_drop_revision, shown=("compose-lock", f"config.deploymentDirectory.{LOCK}"), kept=ALL
        ),
    },
}


@pytest.mark.every_run("in place", "state", "on disk")
@pytest.mark.fault("K11")
@pytest.mark.parametrize("group", HARM)
def test_what_is_changed_by_hand_is_shown_and_put_right(
    group: str, project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    for kind, harm in HARM[group].items():
        before = project.identities(*sorted(harm.kept))
        harm.act(project)
        kind_shown, path = harm.shown
        shown = kind_shown, path.replace("NAME", project.name)
        assert shown in project.drift("plan"), (kind, project.drift("plan"))
        assert shown in project.drift("status"), kind
        assert project.told("status")["sync"] == "OutOfSync", kind
        project.apply_here()
        assert project.drift() == set(), kind
        assert project.identities(*sorted(harm.kept)) == before, kind
        assert project.page(MOTD) == "welcome", kind
    oracle.holds(runs=1)


@pytest.mark.fault("K6")
def test_an_ill_service_is_shown_and_left_to_its_owner(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "worker")
    _fall_ill(project)
    assert project.drift("status") == {("unhealthy", "services.worker.health")}
    assert project.told("status")["health"] == "Degraded"
    project.stage.reconciler("apply", project.name)
    assert project.identities("web", "worker") == before
    project.stage.docker("exec", project.container("worker"), "touch", "/app/healthy")
    eventually("it is healthy again", lambda: project.told("status")["health"] == "Healthy")
    oracle.holds(runs=1)


@pytest.mark.thorough
def test_in_mode_warn_differences_are_shown_and_stay(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(project.shop(), "r1", drift={"mode": "warn"})
    _docker("rm", "-f", "WORKER")(project)
    _docker("update", "--restart", "no", "WEB")(project)
    done = project.apply("--json")
    assert json.loads(done.stdout)["documents"][0]["actions"] == []
    assert project.drift() == {
        ("compose-service-missing", "services.worker"),
        ("restart-policy", "services.web.config.restartPolicy"),
    }
    assert project.container("worker") not in project.containers()
    project.write(project.model, "r1", drift={"mode": "correct"})
    project.apply()
    oracle.holds(runs=1)


@pytest.mark.thorough
def test_several_harms_at_once_are_put_right_in_one_pass(project: ProjectStage, oracle: ProjectOracle) -> None:
    project.deploy(project.shop(), "r1")
    for act in (_docker("rm", "-f", "WEB"), _edit_by_rename, _docker("stop", "WORKER"), _edit_lock, _drop_sticker):
        act(project)
    project.apply()
    assert project.page(MOTD) == "welcome"
    oracle.holds(runs=1)


def test_a_shell_that_somebody_opened_with_compose_run_is_left_alone(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    project.deploy(project.shop(), "r1")
    active = project.active()
    name = f"{project.stage.prefix}-shell"
    project.compose(
        *("-p", project.name, "-f", str(active / LOCK), "-f", str(active / "compose.stella.host.yml")),
        *("--project-directory", str(project.directory), "run", "-d", "--no-deps", "--name", name, "worker"),
        cwd=project.stage.folder / "by-hand",
    )
    before = project.stage.identity(name)
    assert project.drift() == set()
    project.write(project.model, "r2")
    project.apply()
    assert project.stage.identity(name) == before
    project.stage.docker("rm", "-f", name)
    oracle.holds(runs=1)
