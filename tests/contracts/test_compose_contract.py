"""What every ``Compose`` does: the program on a private engine, and the one on the simulated host."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.compose.client import DockerCompose
from reconciler.core.container import ContainerConfig
from reconciler.core.deployment import HOST_NAME
from reconciler.core.image import ImageReference
from reconciler.core.interfaces import Compose, ComposeProject, Deployments, Engine
from reconciler.core.observation import ContainerRow
from reconciler.core.project import DIRECTORY_LABEL, LOCK_NAME, PROJECT_LABEL, REPLACES_LABEL
from reconciler.deployments import DeploymentStore
from reconciler.errors import ComposeBusy, ComposeFailed
from tests.contracts.engine_worlds import EngineWorld, SimulatedSide
from tests.simulator.compose import SimulatedCompose
from tests.simulator.deployments import MemoryDeployments

BUSY = {"command": ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait $$!"]}


class Scene:
    """A project of its own on either side; ``services`` are written as its lock file."""

    def __init__(
        self, compose: Compose, deployments: Deployments, world: EngineWorld, place: tuple[str, str]
    ) -> None:
        self.compose = compose
        self.deployments = deployments
        self.engine: Engine = world.engine
        self.name, self.directory = place
        self.image: ImageReference = world.publish()
        self.engine.pull(self.image, deadline_s=60, progress=lambda line: None)
        self.lines: list[str] = []

    def project(self, *services: str, changed: str = "") -> ComposeProject:
        """Have the files of these services; ``changed`` has another environment than before."""
        model = {
            "services": {
                name: {
                    "image": str(self.image),
                    **BUSY,
                    "networks": {"default": None},
                    **({"environment": {"CHANGED": "yes"}} if name == changed else {}),
                }
                for name in services
            },
            "networks": {"default": {}},
        }
        host = {"services": {name: {"labels": {"stella.owner": "me"}} for name in services}}
        files = {LOCK_NAME: model, HOST_NAME: host}
        revision = {f"revisions/1/{name}": json.dumps(value).encode() for name, value in files.items()}
        self.deployments.write(self.directory, revision)
        paths = tuple(f"{self.directory}/revisions/1/{name}" for name in files)
        return ComposeProject(name=self.name, directory=self.directory, files=paths)

    def up(self, *services: str, changed: str = "", recreate: tuple[str, ...] = ()) -> dict[str, ContainerRow]:
        project = self.project(*services, changed=changed)
        self.compose.up(project, recreate=recreate, progress=self.lines.append)
        return self.rows()

    def rows(self) -> dict[str, ContainerRow]:
        """The project's containers by name, without the project's own."""
        found = [row for row in self.engine.list_containers() if row.labels.get(PROJECT_LABEL) == self.name]
        return {row.name.replace(self.name, "p"): row for row in found}


@pytest.fixture
def scene(world: EngineWorld, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    name = f"c{uuid.uuid4().hex[:10]}"
    directory = str(tmp_path / "deployment")
    if isinstance(world, SimulatedSide):
        memory = MemoryDeployments()
        yield Scene(SimulatedCompose(world.simulator, memory), memory, world, (name, directory))
        return
    compose = DockerCompose(request.getfixturevalue("engine_url"))
    scene = Scene(compose, DeploymentStore(), world, (name, directory))
    yield scene
    compose.down(ComposeProject(name=name, directory=directory, files=()), progress=scene.lines.append)


def test_containers_are_created_and_not_started(scene: Scene) -> None:
    rows = scene.up("web", "db")
    assert {name: row.status for name, row in rows.items()} == {"p-web-1": "created", "p-db-1": "created"}
    assert {row.labels[DIRECTORY_LABEL] for row in rows.values()} == {scene.directory}
    assert {row.labels["stella.owner"] for row in rows.values()} == {"me"}
    assert f"{scene.name}_default" in scene.engine.list_networks()


def test_the_same_again_changes_nothing(scene: Scene) -> None:
    before = scene.up("web", "db")
    assert {name: row.id for name, row in scene.up("web", "db").items()} == {
        name: row.id for name, row in before.items()
    }


def test_only_what_changed_is_recreated(scene: Scene) -> None:
    before = scene.up("web", "db")
    for row in before.values():
        scene.engine.start(row.id)
    after = scene.up("web", "db", changed="web")
    assert after["p-db-1"].id == before["p-db-1"].id
    assert after["p-db-1"].status == "running"
    assert after["p-web-1"].id != before["p-web-1"].id
    assert after["p-web-1"].status == "created"
    assert after["p-web-1"].labels[REPLACES_LABEL]
    assert any("web" in line for line in scene.lines)


def test_services_are_recreated_on_request(scene: Scene) -> None:
    before = scene.up("web", "db")
    after = scene.up("web", "db", recreate=("db",))
    assert after["p-web-1"].id == before["p-web-1"].id
    assert after["p-db-1"].id != before["p-db-1"].id


def test_what_is_missing_is_created_although_something_else_is_recreated(scene: Scene) -> None:
    before = scene.up("web", "db")
    scene.engine.remove(before["p-web-1"].id, volumes=False)
    assert set(scene.up("web", "db", recreate=("db",))) == {"p-web-1", "p-db-1"}


def test_services_that_are_gone_are_removed(scene: Scene) -> None:
    before = scene.up("web", "db")
    scene.engine.start(before["p-db-1"].id)
    assert set(scene.up("web")) == {"p-web-1"}


@pytest.mark.parametrize("how", ["stopped", "renamed"])
def test_what_a_person_did_to_an_unchanged_container_stays(scene: Scene, how: str) -> None:
    before = scene.up("web")["p-web-1"]
    scene.engine.start(before.id)
    if how == "stopped":
        scene.engine.stop(before.id, timeout_s=1)
    else:
        scene.engine.rename(before.id, f"{scene.name}-other")
    (after,) = scene.up("web").values()
    assert (after.id, after.status) == (before.id, "exited" if how == "stopped" else "running")


def test_a_renamed_container_is_replaced_under_its_right_name(scene: Scene) -> None:
    before = scene.up("web")["p-web-1"]
    scene.engine.rename(before.id, f"{scene.name}-other")
    assert set(scene.up("web", changed="web")) == {"p-web-1"}


def test_a_paused_container_is_an_obstacle_that_passes(scene: Scene, world: EngineWorld) -> None:
    before = scene.up("web")["p-web-1"]
    scene.engine.start(before.id)
    world.pause(before.id)
    with pytest.raises(ComposeBusy, match="paused"):
        scene.up("web")
    scene.engine.unpause(before.id)
    assert scene.up("web")["p-web-1"].id == before.id


def test_a_name_that_another_container_holds_is_told(scene: Scene) -> None:
    made = scene.up("web")["p-web-1"]
    scene.compose.down(scene.project("web"), progress=scene.lines.append)
    stranger = scene.engine.create(made.name, image=scene.image, config=ContainerConfig(), labels={})
    try:
        with pytest.raises(ComposeBusy, match=r"in use"):
            scene.up("web")
    finally:
        scene.engine.remove(stranger, volumes=False)
    assert set(scene.up("web")) == {"p-web-1"}


def test_an_image_that_is_not_on_the_host_is_not_pulled(scene: Scene) -> None:
    scene.image = ImageReference(scene.image.repository, "sha256:" + "0" * 64)
    with pytest.raises(ComposeBusy, match=r"(?i)no (such )?image"):
        scene.up("web")


def test_a_lock_file_that_is_none_is_told(scene: Scene) -> None:
    project = scene.project("web")
    scene.deployments.write(scene.directory, {f"revisions/1/{LOCK_NAME}": b"services: [x"})
    with pytest.raises(ComposeFailed):
        scene.compose.config(project)
    with pytest.raises(ComposeFailed):
        scene.compose.up(project, recreate=(), progress=scene.lines.append)


def test_the_model_has_the_services_and_images(scene: Scene) -> None:
    model = scene.compose.config(scene.project("web", "db"))
    assert model["name"] == scene.name
    assert {name: item["image"] for name, item in model["services"].items()} == {
        "web": str(scene.image),
        "db": str(scene.image),
    }


def test_everything_is_taken_down_also_when_the_files_are_gone(scene: Scene) -> None:
    rows = scene.up("web", "db")
    scene.engine.start(rows["p-web-1"].id)
    scene.deployments.remove(scene.directory)
    project = ComposeProject(name=scene.name, directory=scene.directory, files=("/nowhere/x",))
    for _ in range(2):
        scene.compose.down(project, progress=scene.lines.append)
        assert scene.rows() == {}
        assert f"{scene.name}_default" not in scene.engine.list_networks()


def test_a_replacement_without_its_old_container_takes_the_name(scene: Scene) -> None:
    scene.up("web")
    new = scene.up("web", changed="web")["p-web-1"]
    scene.engine.rename(new.id, f"{new.labels[REPLACES_LABEL][:12]}_{new.name}")
    scene.engine.rename(new.id, new.name)
    assert scene.up("web", changed="web")["p-web-1"].id == new.id
