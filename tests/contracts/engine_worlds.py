"""The two sides of the engine contract: an Engine, and what a test does around it on each.

``name`` makes names of the test's own; what is done "by hand" is done past the Engine under test.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import docker

from reconciler.core.container import HealthProbe
from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import Engine
from reconciler.core.observation import ImageFacts
from tests.contracts.samples import PROGRAM, SERVES, Sample
from tests.parts.images import Recipe, publish
from tests.simulator.engine import SimulatedEngine

FACTS = ImageFacts(id="", architecture="amd64", command=PROGRAM, environment={"PATH": "/bin"})
"""What an image says of itself unless a test wants more."""


class EngineWorld(Protocol):
    engine: Engine
    folder: Path
    """A folder that is there on the host."""

    def name(self, word: str) -> str: ...

    def publish(
        self,
        sample: Sample = SERVES,
        facts: ImageFacts = FACTS,
        *,
        repository: str = "web",
        volumes: tuple[str, ...] = (),
    ) -> ImageReference:
        """Push an image; equal content gives the same one. It need not be on the host yet."""

    def registry_away(self) -> AbstractContextManager[str]:
        """While it lasts the registry of this repository does not answer."""

    def free_port(self) -> int: ...

    def wait(self, holds: Callable[[], bool], *, seconds: float = 10.0) -> None:
        """Until it holds. Raises AssertionError when it does not in time."""

    def pause(self, container_id: str) -> None: ...

    def kill(self, container_id: str) -> None: ...

    def make_folder(self, volume: str, path: str, *, image: ImageReference) -> None:
        """Put a folder with a file ``inside`` into a volume that is there."""

    def anonymous_volumes(self) -> int: ...

    def has_volume(self, name: str) -> bool: ...


class SimulatedSide:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.simulator = SimulatedEngine()
        self.simulator.host.paths.add(str(folder))
        self.engine: Engine = self.simulator
        self._port = 20_000
        self._published: list[tuple[object, ImageReference]] = []

    def name(self, word: str) -> str:
        return word

    def publish(
        self,
        sample: Sample = SERVES,
        facts: ImageFacts = FACTS,
        *,
        repository: str = "web",
        volumes: tuple[str, ...] = (),
    ) -> ImageReference:
        content = (sample, facts, volumes)
        registry = self.simulator.registry
        for known, reference in self._published:
            if known == content:
                return registry.mirror(reference, repository)
        reference = registry.publish(repository, facts, behaviour=sample.behaviour, volumes=volumes)
        self._published.append((content, reference))
        return reference

    @contextmanager
    def registry_away(self) -> Iterator[str]:
        self.simulator.registry.reachable = False
        yield "web"
        self.simulator.registry.reachable = True

    def free_port(self) -> int:
        self._port += 1
        return self._port

    def wait(self, holds: Callable[[], bool], *, seconds: float = 10.0) -> None:
        for _ in range(round(seconds / 0.05)):
            if holds():
                return
            self.simulator.clock.sleep(0.05)
            time.sleep(0.001)  # a turn for threads that listen to events
        raise AssertionError("it did not come about in time")

    def pause(self, container_id: str) -> None:
        self.simulator.by_hand.pause(self.simulator.host.get(container_id).name)

    def kill(self, container_id: str) -> None:
        self.simulator.by_hand.kill(self.simulator.host.get(container_id).name)

    def make_folder(self, volume: str, path: str, *, image: ImageReference) -> None:
        self.simulator.by_hand.write_file(volume, f"{path}/inside", b"")

    def anonymous_volumes(self) -> int:
        return self.simulator.anonymous_volumes

    def has_volume(self, name: str) -> bool:
        return name in self.simulator.host.volumes


class RealSide:
    def __init__(
        self, engine: Engine, *, sdk: docker.APIClient, registry: str, prefix: str, ports: Callable[[], int]
    ) -> None:
        self.engine = engine
        self.folder = Path("/etc")
        self._sdk = sdk
        self._registry = registry
        self._prefix = prefix
        self._ports = ports

    def name(self, word: str) -> str:
        return f"{self._prefix}-{word}"

    def publish(
        self,
        sample: Sample = SERVES,
        facts: ImageFacts = FACTS,
        *,
        repository: str = "web",
        volumes: tuple[str, ...] = (),
    ) -> ImageReference:
        path = "app/elsewhere" if sample.behaviour.start_error else "app/run"
        recipe = Recipe(config=image_config(facts, volumes), files={path: f"#!/bin/sh\n{sample.script}\n"})
        image = publish(self._registry, f"contract/{repository}", "newest", recipe)
        return ImageReference(image.repository, image.digest)

    @contextmanager
    def registry_away(self) -> Iterator[str]:
        yield f"127.0.0.1:{self._ports()}/contract/web"

    def free_port(self) -> int:
        return self._ports()

    def wait(self, holds: Callable[[], bool], *, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it did not come about in time"
            time.sleep(0.02)

    def pause(self, container_id: str) -> None:
        self._sdk.pause(container_id)

    def kill(self, container_id: str) -> None:
        self._sdk.kill(container_id)

    def make_folder(self, volume: str, path: str, *, image: ImageReference) -> None:
        target = f"/volume/{path.strip('/')}"
        made = self._sdk.create_container(
            str(image),
            entrypoint=["sh", "-c", f"mkdir -p {target} && touch {target}/inside"],
            host_config=self._sdk.create_host_config(binds=[f"{volume}:/volume"]),
        )
        self._sdk.start(made["Id"])
        assert self._sdk.wait(made["Id"])["StatusCode"] == 0
        self._sdk.remove_container(made["Id"])

    def anonymous_volumes(self) -> int:
        found = self._sdk.volumes()["Volumes"] or ()
        return sum(len(volume["Name"]) == 64 for volume in found)

    def has_volume(self, name: str) -> bool:
        return any(volume["Name"] == name for volume in self._sdk.volumes()["Volumes"] or ())


def image_config(facts: ImageFacts, volumes: tuple[str, ...]) -> dict[str, Any]:
    """The image's defaults in the engine's own keys."""
    return {
        "Cmd": list(facts.command) or None,
        "Entrypoint": list(facts.entrypoint) or None,
        "User": facts.user,
        "WorkingDir": facts.working_dir,
        "Env": [f"{name}={value}" for name, value in facts.environment.items()],
        "Labels": dict(facts.labels),
        "StopSignal": facts.stop_signal,
        "Healthcheck": None if facts.health is None else _healthcheck(facts.health),
        "Volumes": {path: {} for path in volumes} or None,
    }


def _healthcheck(probe: HealthProbe) -> Mapping[str, Any]:
    return {
        "Test": list(probe.test),
        "Interval": probe.interval_ms * 1_000_000,
        "Timeout": probe.timeout_ms * 1_000_000,
        "StartPeriod": probe.start_period_ms * 1_000_000,
        "Retries": probe.retries,
    }
