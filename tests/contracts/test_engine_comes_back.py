"""Engine contract: who runs again after the engine was killed, or stopped in good order, and came back.

The simulator's word on this decides what recovery is tested against, so it is held to a real engine's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from reconciler.core.container import ContainerConfig, RestartName, RestartPolicy
from reconciler.core.desired import ImageReference
from reconciler.core.interfaces import Engine
from tests.contracts.engine_worlds import FACTS, image_config
from tests.contracts.samples import SERVES, STUBBORN
from tests.parts.engine import PrivateEngine
from tests.parts.images import Recipe, publish
from tests.parts.registry import PrivateRegistry
from tests.simulator.engine import SimulatedEngine

POLICIES: tuple[RestartName, ...] = ("no", "on-failure", "unless-stopped", "always")
STATES = ("created", "serving", "stubborn", "stopped", "killed")
KILLED: dict[str, tuple[str, ...]] = {
    "no": ("created", "exited", "exited", "exited", "exited"),
    "on-failure": ("created", "exited", "running", "exited", "running"),
    "unless-stopped": ("created", "exited", "exited", "exited", "exited"),
    "always": ("created", "running", "running", "running", "running"),
}
"""What each is, by policy, after the engine was killed. On its return it stops the survivors: the serving one ends
well, the stubborn one is killed. ``stopped`` and ``killed`` did not run before.
"""
STOPPED = {**KILLED, "unless-stopped": ("created", "running", "running", "exited", "exited")}
"""The same after a stop in good order."""


def populate(engine: Engine, serves: ImageReference, stubborn: ImageReference) -> None:
    for image in (serves, stubborn):
        engine.pull(image, deadline_s=30, progress=lambda line: None)
    for policy in POLICIES:
        config = ContainerConfig(restart_policy=RestartPolicy(policy), stop_timeout_s=1)
        for state in STATES:
            image = stubborn if state in {"stubborn", "killed"} else serves
            container = engine.create(f"{policy}.{state}", image=image, config=config, labels={})
            if state != "created":
                engine.start(container)
            if state in {"stopped", "killed"}:
                engine.stop(container, timeout_s=0 if state == "killed" else 10)


def states(engine: Engine) -> dict[str, tuple[str, ...]]:
    status = {row.name: row.status for row in engine.list_containers()}
    return {policy: tuple(status[f"{policy}.{state}"] for state in STATES) for policy in POLICIES}


@pytest.mark.parametrize("expected", [KILLED, STOPPED], ids=["killed", "stopped in good order"])
def test_simulated_containers_come_back_by_their_policy(expected: dict[str, tuple[str, ...]]) -> None:
    simulator = SimulatedEngine()
    serves = simulator.registry.publish("web", behaviour=SERVES.behaviour)
    populate(simulator, serves, simulator.registry.publish("web", behaviour=STUBBORN.behaviour))
    (simulator.crash if expected is KILLED else simulator.restart)()
    assert states(simulator) == expected


@pytest.mark.parametrize("expected", [KILLED, STOPPED], ids=["killed", "stopped in good order"])
def test_real_containers_come_back_by_their_policy(
    fresh_engine: PrivateEngine, registry: PrivateRegistry, expected: dict[str, tuple[str, ...]]
) -> None:
    from reconciler.engine.client import DockerEngine  # noqa: PLC0415 - the SDK, only where a real host is asked for

    engine = DockerEngine(fresh_engine.url, clock=time.time)
    recipes = [
        Recipe(config=image_config(FACTS, ()), files={"app/run": f"#!/bin/sh\n{sample.script}\n"})
        for sample in (SERVES, STUBBORN)
    ]
    images = [publish(registry.address, "contract/web", "newest", recipe) for recipe in recipes]
    serves, stubborn = (ImageReference(image.repository, image.digest) for image in images)
    populate(engine, serves, stubborn)
    (fresh_engine.kill if expected is KILLED else fresh_engine.stop)()
    fresh_engine.start()
    wait_until(lambda: states(engine) == expected, or_show=lambda: states(engine))
    engine.close()


def wait_until(holds: Callable[[], bool], *, or_show: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, or_show()
        time.sleep(0.1)
