"""What must have no effect, and what is refused before anything on the host is touched."""

from __future__ import annotations

import copy
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.compose.project_oracle import ProjectOracle
from tests.e2e.compose.project_stage import LOCK, ProjectStage
from tests.e2e.compose.shop import MOTD, edited
from tests.parts.host import program
from tests.parts.socket_proxy import SocketProxy


def _applied(project: ProjectStage, variables: dict[str, str]) -> None:
    done = project.stage.reconciler("apply", project.name, engine="", **variables)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.fault("P4")
def test_env_files_override_files_and_variables_have_no_effect(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    """Fault P4."""
    traps = {
        ".env": "COMPOSE_PROJECT_NAME=trap\nCOMPOSE_FILE=trap.yaml\n",
        "docker-compose.override.yml": "services: {trap: {image: trap}}\n",
        "compose.override.yaml": "services: {trap: {image: trap}}\n",
        "trap.yaml": "services: {trap: {image: trap}}\n",
    }
    variables = {
        "COMPOSE_FILE": "trap.yaml",
        "COMPOSE_PROJECT_NAME": "trap",
        "COMPOSE_PROFILES": "*",
        "COMPOSE_ENV_FILES": ".env",
        "COMPOSE_REMOVE_ORPHANS": "0",
        "DOCKER_DEFAULT_PLATFORM": "linux/s390x",
    }
    project.write(project.shop(), "r1")
    project.directory.mkdir(parents=True)
    for folder in (project.directory, project.stage.folder):
        for name, text in traps.items():
            (folder / name).write_text(text)
    _applied(project, variables)
    project.write(edited(project.model, "worker", image=project.images["worker v2"].tagged), "r2")
    _applied(project, variables)
    assert {(project.directory / name).read_text() for name in traps} == set(traps.values())
    oracle.holds(runs=1)


ARTIFACTS: dict[str, tuple[dict[str, Any], str]] = {
    "absolute": ({"name": MOTD, "source": "/etc/hostname"}, "source"),
    "climbs": ({"name": MOTD, "source": "../outside.txt"}, "leads out of"),
    "climbs inside": ({"name": MOTD, "source": "shop/../../outside.txt"}, "leads out of"),
    "link out": ({"name": MOTD, "source": "shop/link.txt"}, "is a link"),
    "name with a folder": ({"name": "sub/motd.txt", "source": f"shop/{MOTD}"}, "name"),
    "name climbs": ({"name": "..", "source": f"shop/{MOTD}"}, "name"),
    "reserved .env": ({"name": ".env", "source": f"shop/{MOTD}"}, "name"),
    "reserved lock": ({"name": LOCK, "source": f"shop/{MOTD}"}, "reserved"),
    "reserved override": ({"name": "compose.override.yaml", "source": f"shop/{MOTD}"}, "reserved"),
    "another content": ({"name": MOTD, "source": f"shop/{MOTD}", "sha256": "0" * 64}, "has the digest"),
    "another size": ({"name": MOTD, "source": f"shop/{MOTD}", "size": 3}, "has 8 bytes, not 3"),
    "missing": ({"name": MOTD, "source": "shop/nothing.txt"}, "nothing.txt"),
    "device": ({"name": MOTD, "source": "shop/pipe"}, "not a regular file"),
}


@pytest.fixture
def standing(project: ProjectStage, oracle: ProjectOracle) -> ProjectStage:
    """The shop runs; the author's folder also has a link that leads out, and a pipe."""
    project.deploy(project.shop(), "r1")
    (project.stage.folder / "outside.txt").write_text("not yours\n")
    (project.author / "link.txt").symlink_to(project.stage.folder / "outside.txt")
    os.mkfifo(project.author / "pipe")
    return project


def _refused(project: ProjectStage, proxy: SocketProxy, *words: str) -> None:
    """``validate`` and ``apply`` both refuse, saying the words; no mutating call is made."""
    before = project.identities("web", "worker", "migrate")
    files = sorted(project.directory.rglob("*"))
    status, said = project.here("validate")
    assert status == 1, said
    for word in words:
        assert word in said, f"{word!r} is not in:\n{said}"
    proxy.forget()
    status, said = project.here("apply", engine=proxy.url)
    assert status == 1, said
    assert proxy.mutating() == ()
    assert project.identities("web", "worker", "migrate") == before
    assert sorted(project.directory.rglob("*")) == files


@pytest.mark.fault("P5")
def test_artifacts_that_are_not_what_they_must_be_are_refused(
    standing: ProjectStage, oracle: ProjectOracle, proxy: SocketProxy
) -> None:
    """Fault P5: absolute names, names that climb, links, reserved names, another content than declared."""
    good = standing.saved()
    for entry, word in ARTIFACTS.values():
        standing.write_document(
            config={"configFiles": [{"sha256": _sha(standing), **entry}]}, release={"id": "r2"}
        )
        _refused(standing, proxy, "shop.yaml:", word)
    standing.restore(good)
    standing.apply()
    oracle.holds(runs=1)


def _sha(project: ProjectStage) -> str:
    (reference,) = yaml.safe_load(project.document_file.read_text())["spec"]["config"]["configFiles"]
    found: str = reference["sha256"]
    return found if found != "0" * 64 else "1" * 64


Lock = dict[str, Any]


def _extra(lock: Lock) -> None:
    lock["services"]["extra"] = copy.deepcopy(lock["services"]["migrate"])
    lock["services"]["extra"]["labels"]["stella.component.id"] = "extra"


def _missing(lock: Lock) -> None:
    del lock["services"]["migrate"]
    del lock["services"]["web"]["depends_on"]


def _set(service: str, **keys: Any) -> Callable[[Lock], None]:
    def change(lock: Lock) -> None:
        lock["services"][service].update(keys)

    return change


def _image(change: Callable[[str], str]) -> Callable[[Lock], None]:
    def changed(lock: Lock) -> None:
        worker = lock["services"]["worker"]
        worker["image"] = change(worker["image"])

    return changed


LOCKS: dict[str, tuple[Callable[[Lock], None], str]] = {
    "extra service": (_extra, "extra"),
    "missing service": (_missing, "migrate"),
    "tag": (_image(lambda image: image.partition("@")[0] + ":v1"), "image"),
    "tag and digest": (_image(lambda image: image.replace("@", ":v1@")), "image"),
    "another digest": (_image(lambda image: image[:-4] + "0000"), "stella.digest"),
    "another repository": (_image(lambda image: image.replace("/worker", "/evil")), "of another repository"),
    "build": (_set("worker", build="."), "build"),
    "interpolation": (_set("worker", environment={"TOKEN": "${TOKEN}"}), "$"),
    "env file": (_set("worker", env_file=["x.env"]), "env_file"),
    "extends": (_set("worker", extends={"service": "web"}), "extends"),
    "profiles": (_set("worker", profiles=["a"]), "profiles"),
    "hooks": (_set("worker", post_start=[{"command": ["true"]}]), "post_start"),
    "unknown key": (_set("worker", whatever=1), "whatever"),
    "include": (lambda lock: lock.update(include=["other.yaml"]), "include"),
    "another project": (lambda lock: lock.update(name="other"), "name"),
    "needs a stranger": (_set("worker", depends_on={"nobody": {"condition": "service_started"}}), "nobody"),
    "needs itself": (_set("migrate", depends_on={"worker": {"condition": "service_started"}}), "depends_on"),
    "file that is no artifact": (lambda lock: lock["configs"]["motd"].update(file="./other.txt"), "other.txt"),
}


@pytest.mark.fault("P6")
def test_lock_files_that_say_more_or_less_than_was_agreed_are_refused(
    standing: ProjectStage, oracle: ProjectOracle, proxy: SocketProxy
) -> None:
    """Fault P6, and every way in which a lock file could leave something open."""
    good = standing.saved()
    digests = yaml.safe_load(standing.document_file.read_text())["spec"]["config"]["expectedDigests"]
    lock = good.content[standing.lock_file].decode()
    for change, word in LOCKS.values():
        wrong = yaml.safe_load(lock)
        change(wrong)
        standing.lock_file.write_text(yaml.safe_dump(wrong))
        standing.write_document(release={"id": "r2"})
        text = yaml.safe_load(standing.document_file.read_text())
        text["spec"]["config"]["expectedDigests"] = digests
        standing.document_file.write_text(yaml.safe_dump(text))
        _refused(standing, proxy, word)
    standing.restore(good)
    standing.apply()
    oracle.holds(runs=1)


@pytest.mark.fault("P6")
def test_an_image_of_another_repository_with_the_right_digest_is_never_run(
    standing: ProjectStage, oracle: ProjectOracle
) -> None:
    """Fault P6: the registry has no such digest in that repository, whatever the host has under another name."""
    before = standing.identities("web", "worker", "migrate")
    good = standing.saved()
    text = standing.lock_file.read_text()
    worker = standing.images["worker v1"]
    address = worker.repository.rpartition("/")[0]
    anonymous = text[: text.index("x-stella:")]
    standing.lock_file.write_text(anonymous.replace(worker.reference, f"{address}/evil@{worker.digest}"))
    standing.write_document(release={"id": "r2"})
    done = standing.stage.reconciler("apply", standing.name)
    assert done.returncode in {3, 4}
    assert "evil" in done.stdout
    assert standing.identities("web", "worker", "migrate") == before
    standing.restore(good)
    standing.apply()
    oracle.holds(runs=1)


def _host_network(lock: Lock) -> None:
    worker = lock["services"]["worker"]
    worker.pop("networks")
    worker["network_mode"] = "host"


POLICY: dict[str, tuple[Callable[[Lock], None], str]] = {
    "privileged": (_set("worker", privileged=True), "privileged"),
    "host pid": (_set("worker", pid="host"), "pid namespace"),
    "host network": (_host_network, "network"),
    "host ipc": (_set("worker", ipc="host"), "ipc"),
    "engine socket": (_set("worker", volumes=["/var/run/docker.sock:/var/run/docker.sock"]), "docker.sock"),
    "host path": (_set("worker", volumes=["/etc:/host/etc:ro"]), "/etc"),
    "capability": (_set("worker", cap_add=["SYS_ADMIN"]), "SYS_ADMIN"),
    "device": (_set("worker", devices=["/dev/kmsg:/dev/kmsg"]), "/dev/kmsg"),
    "security option": (_set("worker", security_opt=["seccomp:unconfined"]), "seccomp"),
    "volume that is a host path": (
        lambda lock: lock["volumes"]["data"].update(
            driver="local", driver_opts={"type": "none", "o": "bind", "device": "/etc"}
        ),
        "volumes.driver_opts",
    ),
}


@pytest.mark.fault("F14")
def test_what_the_host_does_not_allow_is_refused_and_the_former_revision_kept_well(
    standing: ProjectStage, oracle: ProjectOracle, proxy: SocketProxy
) -> None:
    """Default deny: host root by pull request is not to be had."""
    before = standing.identities("web", "worker", "migrate")
    good = standing.saved()
    lock = good.content[standing.lock_file].decode()
    for kind, (change, word) in POLICY.items():
        wrong = yaml.safe_load(lock)
        change(wrong)
        standing.lock_file.write_text(yaml.safe_dump(wrong))
        standing.write_document(release={"id": "r2"})
        proxy.forget()
        status, said = standing.here("apply", standing.name, engine=proxy.url)
        assert status == 5, (kind, said)
        assert word in said, (kind, said)
        assert "service worker" in said, (kind, said)
        assert proxy.mutating() == (), kind
    standing.stage.docker("rm", "-f", standing.container("web"))
    standing.apply_here(outcome="blocked")
    assert standing.page() == "web v1", "the former revision is kept well"
    after = standing.identities("worker", "migrate")
    assert after == {key: before[key] for key in after}
    standing.restore(good)
    standing.apply()
    oracle.holds(runs=1)


def test_what_the_host_allows_is_deployed(project: ProjectStage, oracle: ProjectOracle) -> None:
    folder = project.stage.folder / "shared"
    folder.mkdir()
    (folder / "hello").write_text("hi\n")
    project.stage.permit(hostPaths=[f"{folder}:ro"])
    volumes = ["data:/data", f"{folder}:/shared:ro"]
    project.deploy(edited(project.shop(), "worker", volumes=volumes), "r1")
    assert project.stage.docker("exec", project.container("worker"), "cat", "/shared/hello") == "hi"
    oracle.holds(runs=1)


def _wrapped_compose(project: ProjectStage, script: str) -> dict[str, str]:
    """Variables with which our Compose is a script around the real one: ``script`` runs after ``config``."""
    folder = project.stage.folder / "docker-config/cli-plugins"
    folder.mkdir(parents=True)
    wrapper = folder / "docker-compose"
    real = program("docker-compose", package="docker-compose")
    wrapper.write_text(
        f'#!/bin/sh\n"{real}" "$@"\nstatus=$?\ncase " $* " in *" config "*)\n{script}\n;; esac\nexit $status\n'
    )
    wrapper.chmod(stat.S_IRWXU)
    return {"DOCKER_CONFIG": str(folder.parent)}


@pytest.mark.fault("P8")
def test_a_lock_file_that_changes_between_verify_and_up_is_refused(
    project: ProjectStage, oracle: ProjectOracle
) -> None:
    """Fault P8: whoever can write there puts in another image after the check."""
    project.deploy(project.shop(), "r1")
    before = project.identities("web", "worker", "migrate")
    revisions = project.directory / "revisions"
    digests = project.images["worker v2"].digest, project.images["worker v1"].digest
    variables = _wrapped_compose(
        project, f"sed -i s/{digests[0]}/{digests[1]}/ {revisions}/*/{LOCK}\ntouch {project.stage.folder}/changed"
    )
    saved = project.saved()
    project.write(edited(project.model, "worker", image=project.images["worker v2"].tagged), "r2")
    done = project.stage.reconciler("apply", project.name, engine="", **variables)
    assert Path(project.stage.folder / "changed").exists(), "the wrapper was not used"
    assert done.returncode in {3, 4}, done.stdout + done.stderr
    assert "not as they were verified" in done.stdout
    assert project.identities("web", "worker", "migrate") == before
    project.restore(saved)
    project.apply()
    oracle.holds(runs=1)
