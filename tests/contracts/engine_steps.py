"""Steps that tests of the engine contract have in common, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.action import ContainerRef, UpdateLimits
from reconciler.core.container import ContainerConfig
from reconciler.core.desired import ImageReference
from reconciler.core.observation import ContainerDetail, ContainerRow, ImageFacts
from tests.contracts.engine_worlds import FACTS, EngineWorld
from tests.contracts.samples import SERVES, Sample

BARE = ContainerConfig()
GONE = "f" * 64
"""A container id that no host has."""


def have(world: EngineWorld, sample: Sample = SERVES, facts: ImageFacts = FACTS) -> ImageReference:
    """An image on the host."""
    image = world.publish(sample, facts)
    world.engine.pull(image, deadline_s=30, progress=lambda line: None)
    return image


def make(
    world: EngineWorld,
    image: ImageReference,
    config: ContainerConfig = BARE,
    *,
    word: str = "web",
    labels: Mapping[str, str] | None = None,
) -> str:
    """Create a container."""
    return world.engine.create(world.name(word), image=image, config=config, labels=labels or {})


def run(world: EngineWorld, image: ImageReference, config: ContainerConfig = BARE, *, word: str = "web") -> str:
    """Create and start a container."""
    container = make(world, image, config, word=word)
    world.engine.start(container)
    return container


def shown(world: EngineWorld, container: str) -> ContainerDetail:
    """What inspect shows."""
    detail = world.engine.inspect_container(container)
    assert detail is not None
    return detail


def listed(world: EngineWorld, container: str) -> ContainerRow:
    """The container's row in the list."""
    return next(row for row in world.engine.list_containers() if row.id == container)


def wait_for_status(world: EngineWorld, container: str, *statuses: str) -> None:
    world.wait(lambda: shown(world, container).status in statuses)


def wait_for_health(world: EngineWorld, container: str, health: str) -> None:
    world.wait(lambda: shown(world, container).health == health)


def limits(**values: int) -> UpdateLimits:
    return UpdateLimits(document="web", cause="test", container=ContainerRef("web"), **values)
