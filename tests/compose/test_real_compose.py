"""The real program on a private engine: what has no effect on it, what is merged, and what its death leaves."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from reconciler.compose.client import DockerCompose
from reconciler.compose.process import Limits
from reconciler.core.container import ContainerConfig
from reconciler.core.deployment import host_model, host_text
from reconciler.core.image import ImageReference
from reconciler.core.interfaces import ComposeProject
from reconciler.core.project import (
    PROJECT_LABEL,
    REPLACES_LABEL,
    SERVICE_LABEL,
    Need,
    Project,
    Service,
    artifact,
)
from reconciler.errors import ComposeBusy, EngineUnavailable, ReconcilerError
from tests.parts.host import processes_with
from tests.parts.images import Recipe, publish
from tests.parts.registry import PrivateRegistry
from tests.parts.standard_images import StandardImages

SLOW = Recipe(
    config={
        "Cmd": ["sh", "-c", "trap '' TERM; while :; do sleep 0.2; done"],
        "Env": ["PATH=/bin"],
        "Volumes": {"/a": {}},
    }
)


class Shop:
    """Projects on the engine of this process, each in a folder of its own."""

    def __init__(self, url: str, sdk: docker.APIClient, folder: Path, prefix: str) -> None:
        self.url, self.sdk, self.folder, self.prefix = url, sdk, folder, prefix

    def project(self, *models: dict[str, Any], name: str = "", folder: str = "shop") -> ComposeProject:
        place = self.folder / folder
        place.mkdir(parents=True, exist_ok=True)
        files = [place / f"{number}.json" for number in range(len(models))]
        for file, model in zip(files, models, strict=True):
            file.write_text(json.dumps(model))
        return ComposeProject(
            name=name or self.prefix, directory=str(place), files=tuple(str(file) for file in files)
        )

    def up(self, project: ComposeProject, *, recreate: tuple[str, ...] = (), **settings: Any) -> None:
        DockerCompose(self.url, **settings).up(project, recreate=recreate, progress=lambda line: None)

    def rows(self, name: str = "") -> dict[str, dict[str, Any]]:
        label = f"{PROJECT_LABEL}={name or self.prefix}"
        return {row["Names"][0][1:]: row for row in self.sdk.containers(all=True, filters={"label": label})}

    def inspect(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sdk.inspect_container(container)
        return found


@pytest.fixture
def shop(
    engine_url: str, sdk: docker.APIClient, tmp_path: Path, prefix: str, images: StandardImages
) -> Iterator[Shop]:
    sdk.pull(images.plain.reference)
    yield Shop(engine_url, sdk, tmp_path, prefix)
    for row in sdk.containers(all=True):
        if row["Labels"].get(PROJECT_LABEL, "").startswith(prefix):
            sdk.remove_container(row["Id"], force=True, v=True)


def test_neither_files_nor_variables_around_a_project_have_an_effect(
    shop: Shop, images: StandardImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = shop.project(
        {"services": {"web": {"image": images.plain.reference, "environment": {"A": "${A:-none}"}}}}
    )
    other = json.dumps({"services": {"web": {"environment": {"B": "x"}}, "intruder": {"image": "x"}}})
    for name in ("compose.yaml", "compose.override.yml", "docker-compose.override.yml", "docker-compose.yml"):
        (Path(project.directory) / name).write_text(other)
    (Path(project.directory) / ".env").write_text("A=from the file\nCOMPOSE_PROJECT_NAME=other\n")
    for name, value in {
        "A": "from us",
        "COMPOSE_FILE": "compose.yaml",
        "COMPOSE_PROJECT_NAME": "other",
        "COMPOSE_PROFILES": "debug",
        "COMPOSE_ENV_FILES": ".env",
        "COMPOSE_REMOVE_ORPHANS": "0",
        "COMPOSE_COMPATIBILITY": "1",
        "COMPOSE_PARALLEL_LIMIT": "x",
        "DOCKER_DEFAULT_PLATFORM": "linux/s390x",
        "DOCKER_HOST": "unix:///nowhere",
        "DOCKER_CONTEXT": "nowhere",
        "DOCKER_CONFIG": project.directory,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project.directory)
    shop.up(project)
    (container,) = shop.rows()
    assert container == f"{shop.prefix}-web-1"
    assert {"A=none"} <= set(shop.inspect(container)["Config"]["Env"]) <= {"A=none", "PATH=/bin"}


def test_two_folders_of_one_base_name_are_two_projects(shop: Shop, images: StandardImages) -> None:
    model = {"services": {"web": {"image": images.plain.reference}}}
    one, two = f"{shop.prefix}one", f"{shop.prefix}two"
    first = shop.project(model, name=one, folder="a/app")
    second = shop.project(model, name=two, folder="b/app")
    shop.up(first)
    before = shop.rows(one)[f"{one}-web-1"]["Id"]
    shop.up(second)
    DockerCompose(shop.url).down(second, progress=lambda line: None)
    assert {name: row["Id"] for name, row in shop.rows(one).items()} == {f"{one}-web-1": before}
    assert shop.rows(two) == {}


def test_what_the_host_adds_is_laid_over_the_lock_file(shop: Shop, images: StandardImages) -> None:
    for name in ("config", "secret", "bind"):
        (shop.folder / name).write_text(name)
    bind = {"type": "bind", "target": "/bind", "read_only": True, "bind": {"create_host_path": False}}
    lock = {
        "services": {
            "web": {
                "image": images.plain.reference,
                "labels": {"own": "1"},
                "configs": [{"source": "c", "target": "/c"}],
                "secrets": ["s"],
                "volumes": [{**bind, "source": "./bind"}],
            }
        },
        "configs": {"c": {"file": "./config"}},
        "secrets": {"s": {"file": "./secret"}},
    }
    host = {
        "services": {
            "web": {"labels": {"added": "2"}, "volumes": [{**bind, "source": str(shop.folder / "bind")}]}
        },
        "configs": {"c": {"file": str(shop.folder / "config")}},
        "secrets": {"s": {"file": str(shop.folder / "secret")}},
    }
    shop.up(shop.project(lock, host))
    (found,) = [shop.inspect(name) for name in shop.rows()]
    assert {"own": "1", "added": "2"}.items() <= found["Config"]["Labels"].items()
    mounts = {item["Destination"]: (item["Source"], item["RW"]) for item in found["Mounts"]}
    assert mounts == {
        "/c": (str(shop.folder / "config"), False),
        "/run/secrets/s": (str(shop.folder / "secret"), False),
        "/bind": (str(shop.folder / "bind"), False),
    }


@pytest.mark.parametrize("forced", [False, True])
def test_a_recreated_service_takes_none_of_those_that_need_it_along(
    shop: Shop, images: StandardImages, *, forced: bool
) -> None:
    """In both notations, over two steps; only what lives in its network has to follow."""
    plain = {"image": images.plain.reference}
    needs = {"db": (), "job": ("db",), "web": ("db", "job"), "side": ("web",)}
    services: dict[str, dict[str, Any]] = {
        "db": plain,
        "job": {**plain, "depends_on": ["db"]},
        "web": {**plain, "depends_on": {name: {"condition": "service_started"} for name in needs["web"]}},
        "side": {**plain, "network_mode": "service:web"},
    }
    project = Project(
        name=shop.prefix,
        directory="/srv",
        lock=artifact("lock", b""),
        services=tuple(
            Service(
                name=name,
                image=ImageReference("x", "sha256:1"),
                config=ContainerConfig(),
                needs=tuple(map(Need, needs[name])),
            )
            for name in services
        ),
    )
    host = host_text(host_model(project, document="shop", owner="me"))

    def up(recreate: tuple[str, ...] = ()) -> dict[str, str]:
        told = shop.project({"services": services}, {})
        Path(told.files[1]).write_bytes(host)
        shop.up(told, recreate=recreate)
        return {name: row["Id"] for name, row in shop.rows().items()}

    before = up()
    assert up() == before
    for changed, followers in (("db", set()), ("web", {"side"})):
        services[changed] = {**services[changed], "environment": {} if forced else {"A": changed}}
        after = up((changed,) if forced else ())
        differing = {name.removeprefix(f"{shop.prefix}-")[:-2] for name in after if after[name] != before[name]}
        assert differing == {changed, *followers}
        before = after


def test_a_service_that_shares_a_namespace_follows_a_forced_recreation(shop: Shop, images: StandardImages) -> None:
    plain = {"image": images.plain.reference}
    project = shop.project({"services": {"web": plain, "side": {**plain, "network_mode": "service:web"}}})
    shop.up(project)
    shop.up(project, recreate=("web",))
    web = shop.rows()[f"{shop.prefix}-web-1"]["Id"]
    assert shop.inspect(f"{shop.prefix}-side-1")["HostConfig"]["NetworkMode"] == f"container:{web}"


def test_a_volume_whose_definition_changed_keeps_its_data(shop: Shop, images: StandardImages) -> None:
    mount = {"type": "volume", "source": "data", "target": "/data"}
    model: dict[str, Any] = {
        "services": {"web": {"image": images.plain.reference, "volumes": [mount]}},
        "volumes": {"data": {}},
    }
    shop.up(shop.project(model))
    before = shop.sdk.inspect_volume(f"{shop.prefix}_data")
    model["volumes"]["data"] = {"labels": {"new": "label"}}
    shop.up(shop.project(model))
    assert shop.sdk.inspect_volume(f"{shop.prefix}_data") == before


def test_a_guest_keeps_the_network_and_is_told(shop: Shop, images: StandardImages) -> None:
    project = shop.project({"services": {"web": {"image": images.plain.reference}}})
    shop.up(project)
    guest = shop.sdk.create_container(
        images.plain.reference,
        name=f"{shop.prefix}-guest",
        networking_config={"EndpointsConfig": {f"{shop.prefix}_default": {}}},
    )
    shop.sdk.start(guest["Id"])
    with pytest.raises(ComposeBusy, match="still in use"):
        DockerCompose(shop.url).down(project, progress=lambda line: None)
    shop.sdk.remove_container(guest["Id"], force=True)
    DockerCompose(shop.url).down(project, progress=lambda line: None)


def test_an_engine_that_is_away_is_told_and_not_asked_for_a_model(shop: Shop, images: StandardImages) -> None:
    project = shop.project({"services": {"web": {"image": images.plain.reference}}})
    compose = DockerCompose("unix:///nowhere/docker.sock")
    with pytest.raises(EngineUnavailable):
        compose.up(project, recreate=(), progress=lambda line: None)
    assert set(compose.config(project)["services"]) == {"web"}


@pytest.mark.parametrize("delay", [0.03, 0.06, 0.09, 0.12, 0.2, 0.5, 1.0, 1.05, 1.1, 1.2])
def test_what_a_killed_run_leaves_is_mended_by_the_rules(
    shop: Shop, registry: PrivateRegistry, delay: float
) -> None:
    """The old containers take a second to stop, so that the delays fall into each phase of a replacement."""
    image = publish(registry.address, "slow", "v1", SLOW).reference
    shop.sdk.pull(image)

    def version(number: int) -> ComposeProject:
        service = {"image": image, "stop_grace_period": "1s", "environment": {"N": str(number)}}
        return shop.project({"services": {"a": service, "b": service}})

    shop.up(version(1))
    for row in shop.rows().values():
        shop.sdk.start(row["Id"])
    volumes = {mount["Name"] for row in shop.rows().values() for mount in row["Mounts"]}
    killed_after(shop, version(2), delay)
    heal(shop, version(2))
    assert set(shop.rows()) == {f"{shop.prefix}-a-1", f"{shop.prefix}-b-1"}
    assert all("N=2" in shop.inspect(name)["Config"]["Env"] for name in shop.rows())
    assert {mount["Name"] for row in shop.rows().values() for mount in row["Mounts"]} == volumes


def killed_after(shop: Shop, project: ComposeProject, delay: float) -> None:
    ended: list[ReconcilerError | None] = []

    def work() -> None:
        try:
            shop.up(project, limits=Limits(deadline_s=60))
        except ComposeBusy as error:
            ended.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    until = time.monotonic() + 5
    while not (found := list(processes_with(f"--project-name {project.name} "))):
        assert time.monotonic() < until
    time.sleep(delay)
    for pid in found:
        if pid in processes_with(f"--project-name {project.name} "):
            os.kill(pid, signal.SIGKILL)
    worker.join()
    assert not ended or "killed by signal 9" in str(ended[0])


def heal(shop: Shop, project: ComposeProject) -> None:
    """One pass after the other: the engine may still be at what the killed run asked for last, so that a pass can
    meet what was not there when it looked.
    """
    for _ in range(4):
        mend(shop)
        try:
            shop.up(project)
        except ComposeBusy:
            time.sleep(0.2)
        else:
            return
    pytest.fail("it was not mended in four passes")


def mend(shop: Shop) -> None:
    """What is planned before another run."""
    rows = shop.rows()
    there = {row["Id"] for row in rows.values()}
    for name, row in rows.items():
        replaces = row["Labels"].get(REPLACES_LABEL)
        if row["State"] == "created" and replaces and name.startswith(f"{replaces[:12]}_"):
            with suppress(docker.errors.NotFound):
                if replaces in there:
                    shop.sdk.remove_container(row["Id"])
                else:
                    shop.sdk.rename(row["Id"], f"{shop.prefix}-{row['Labels'][SERVICE_LABEL]}-1")
