"""A death at any step of a simulated Compose leaves what a real one leaves, and can be mended as that is."""

from __future__ import annotations

import json

import pytest

from reconciler.core.interfaces import ComposeProject
from reconciler.core.project import LOCK_NAME, PROJECT_LABEL, REPLACES_LABEL
from reconciler.errors import ComposeBusy, ComposeMissing
from tests.simulator.world import Killed, World

DIRECTORY = "/srv/shop"
LOCK = f"{DIRECTORY}/revisions/1/{LOCK_NAME}"
PROJECT = ComposeProject(name="shop", directory=DIRECTORY, files=(LOCK,))


def quiet(line: str) -> None:
    """Nobody watches."""


def deployed() -> World:
    world = World()
    image = world.publish()
    world.engine.pull(image, deadline_s=1, progress=quiet)
    write(world, image=str(image), version="1")
    world.compose.up(PROJECT, recreate=(), progress=quiet)
    for container in list(world.engine.host.containers):
        world.engine.start(container)
    write(world, image=str(image), version="2")
    return world


def write(world: World, *, image: str, version: str) -> None:
    service = {"image": image, "environment": {"VERSION": version}, "networks": {"default": None}}
    lock = {"services": {"web": service, "db": service}, "networks": {"default": {}}}
    world.deployments.write(DIRECTORY, {f"revisions/1/{LOCK_NAME}": json.dumps(lock).encode()})


def mend(world: World) -> int:
    """What the next pass does before another run; returns how many replacements there were."""
    found = 0
    for container in list(world.engine.host.containers.values()):
        labels = container.config.labels or {}
        if "_" in container.name and container.status == "created" and REPLACES_LABEL in labels:
            found += 1
            if labels[REPLACES_LABEL] in world.engine.host.containers:
                world.engine.remove(container.id, volumes=False)
            else:
                world.engine.rename(container.id, container.name.partition("_")[2])
    return found


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 9))
def test_a_death_at_any_step_is_mended(step: int, *, after: bool) -> None:
    world = deployed()
    world.engine.fail_call(step, Killed(), after=after)
    with pytest.raises(Killed):
        world.compose.up(PROJECT, recreate=(), progress=quiet)
    mend(world)
    world.compose.up(PROJECT, recreate=(), progress=quiet)
    found = {item.name: item.config.environment for item in world.engine.host.containers.values()}
    assert set(found) == {"shop-web-1", "shop-db-1"}
    assert {(item or {})["VERSION"] for item in found.values()} == {"2"}


def test_what_is_not_mended_is_in_the_way() -> None:
    world = deployed()
    world.engine.fail_call(1, Killed(), after=True)
    with pytest.raises(Killed):
        world.compose.up(PROJECT, recreate=(), progress=quiet)
    with pytest.raises(ComposeBusy, match="in use"):
        world.compose.up(PROJECT, recreate=(), progress=quiet)
    assert mend(world) == 1


def test_there_are_as_many_steps_as_the_deaths_above_try() -> None:
    world = deployed()
    before = world.engine.mutations
    world.compose.up(PROJECT, recreate=(), progress=quiet)
    assert world.engine.mutations - before == 8


def test_a_guest_on_the_network_keeps_it() -> None:
    world = deployed()
    guest = next(iter(world.engine.host.containers.values()))
    guest.config.labels.pop(PROJECT_LABEL)  # type: ignore[union-attr] # a stranger's from now on
    with pytest.raises(ComposeBusy, match="in use"):
        world.compose.down(PROJECT, progress=quiet)


def test_a_host_without_compose_says_so() -> None:
    world = World()
    world.compose.missing = True
    with pytest.raises(ComposeMissing):
        world.compose.config(PROJECT)
