"""The executor on both engines: no false alarm for anything that can be declared, and one life from create to
remove.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core import action as actions
from reconciler.core import names
from reconciler.core.action import Action, ContainerRef
from reconciler.core.container import ContainerConfig, NetworkAttachment, PortBinding, RestartPolicy
from reconciler.core.desired import DesiredState, ImageReference, Release
from reconciler.core.effective import creation_config
from reconciler.core.observation import ImageFacts
from reconciler.core.outcome import Outcome
from reconciler.errors import EngineRefused, Unhealthy
from reconciler.executors.docker import DockerExecutor
from tests.contracts.engine_worlds import FACTS, EngineWorld, SimulatedSide
from tests.contracts.samples import PASSING
from tests.contracts.test_engine_configuration import DECLARED, RICH
from tests.simulator.journal import MemoryJournal

MIB = 1024 * 1024


class Deploy:
    """One document on one engine, carried out Action by Action."""

    def __init__(self, world: EngineWorld, facts: ImageFacts = FACTS) -> None:
        self.world = world
        self.journal = MemoryJournal(clock=time.time)
        self.image: ImageReference = world.publish(facts=facts)
        self.name = world.name("web")
        sleep: Callable[[float], None] = time.sleep
        clock = time.monotonic
        if isinstance(world, SimulatedSide):
            sleep, clock = world.simulator.clock.sleep, world.simulator.clock.monotonic
        self.executor = DockerExecutor(world.engine, self.journal, clock=clock, sleep=sleep, pull_deadline_s=60.0)
        self.outcomes: list[Outcome] = []

    def do(self, action: Action) -> Outcome:
        self.outcomes.append(self.executor.perform(action, progress=lambda line: None))
        return self.outcomes[-1]

    def done(self, action: Action) -> Outcome:
        """It is done, and doing it again finds it so."""
        first, again = self.do(action), self.do(action)
        assert (first.kind, again.kind) == ("done", "already"), (first.error, again.error)
        return first

    def create(self, config: ContainerConfig) -> Outcome:
        wish = DesiredState(
            name="web",
            release=Release("1", "One"),
            image=self.image,
            container_name=self.name,
            config=config,
        )
        labels: Mapping[str, str] = names.ownership_labels(wish, owner=self.journal.owner, generation=1)
        self.journal.begin(wish, generation=1, kind="deploy", container_id="", cause="test", actor="test")
        who: dict[str, Any] = {"document": "web", "cause": "test"}
        pull = actions.PullImage(**who, image=self.image)  # the engine may have it from another test
        assert [self.do(pull).kind for _ in range(2)][1] == "already", self.outcomes[-1].error
        verified = self.do(actions.VerifyImage(**who, image=self.image, fingerprint=wish.fingerprint))
        assert verified.kind == "done", verified.error
        return self.done(
            actions.CreateContainer(
                **who,
                container=ContainerRef(self.name, "", 1),
                image=self.image,
                config=creation_config(config),
                labels=labels,
            )
        )


@pytest.mark.parametrize("image", [FACTS, RICH], ids=["bare-image", "rich-image"])
@pytest.mark.parametrize("declared", DECLARED, ids=[str(number) for number in range(len(DECLARED))])
def test_whatever_can_be_declared_is_read_back_without_a_false_alarm(
    world: EngineWorld, declared: ContainerConfig, image: ImageFacts
) -> None:
    # Engines refuse some of these on an image that has no command; that is no business of reading back.
    config = replace(declared, entrypoint=declared.entrypoint or None) if image is FACTS else declared
    if config.command is None and config.entrypoint == ():
        config = replace(config, command=("/app/run",))
    outcome = Deploy(world, image).create(config)
    assert outcome.container_id
    world.engine.remove(outcome.container_id, volumes=True)


def test_a_container_lives_from_create_to_remove(world: EngineWorld) -> None:
    deploy = Deploy(world)
    port = world.free_port()
    deploy.create(ContainerConfig(ports=(PortBinding(8080, host_ip="127.0.0.1", host_port=port),), health=PASSING))
    who: dict[str, Any] = {"document": "web", "cause": "test"}
    new = ContainerRef(deploy.name, "", 1)
    deploy.done(actions.StartContainer(**who, container=new))
    wait = actions.WaitHealthy(**who, container=new, timeout_ms=20_000, min_healthy_ms=1_000)
    assert deploy.do(wait).detail.startswith("healthy after"), deploy.outcomes[-1].error
    network = world.name("front")
    deploy.done(actions.RenameContainer(**who, container=new, to=world.name("renamed")))
    deploy.done(actions.SetRestartPolicy(**who, container=new, policy=RestartPolicy("always")))
    deploy.done(
        actions.UpdateLimits(
            **who, container=new, memory_bytes=64 * MIB, memory_swap_bytes=64 * MIB, pids_limit=50
        )
    )
    deploy.done(actions.CreateNetwork(**who, network=network))
    deploy.done(actions.ConnectNetwork(**who, container=new, network=NetworkAttachment(network, ("web",))))
    deploy.done(actions.DisconnectNetwork(**who, container=new, network=network))
    running = deploy.do(actions.RemoveContainer(**who, container=new))
    assert isinstance(running.error, EngineRefused)
    world.pause(deploy.journal.record("web").operations[-1].container_id)
    paused = deploy.do(wait)
    assert isinstance(paused.error, Unhealthy)
    assert paused.error.reason == "paused"
    deploy.done(actions.UnpauseContainer(**who, container=new))
    deploy.done(actions.StopContainer(**who, container=new, timeout_s=5))
    deploy.done(actions.RemoveContainer(**who, container=new))
