"""The simulator's own side: calls are recorded and made to fail, hosts and registries are made to suffer."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from reconciler.core.container import ContainerConfig, HealthProbe, PortBinding, RestartPolicy
from reconciler.core.desired import ImageReference
from reconciler.errors import (
    EngineRefused,
    EngineUnavailable,
    NoSpace,
    PortTaken,
    RegistryDenied,
    RegistryUnavailable,
    VerificationFailed,
)
from tests.simulator import behaviour
from tests.simulator.engine import SimulatedEngine
from tests.simulator.registry import DEFAULT_FACTS
from tests.simulator.world import Killed, World

BARE = ContainerConfig()
PROBED = ContainerConfig(health=HealthProbe(test=("CMD", "true")))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def docker(world: World) -> SimulatedEngine:
    return world.engine


def have(world: World, how: behaviour.Behaviour | None = None) -> ImageReference:
    image = world.publish(behaviour=how)
    world.engine.pull(image, deadline_s=30, progress=lambda line: None)
    return image


def run(world: World, how: behaviour.Behaviour | None = None, config: ContainerConfig = BARE) -> str:
    container = world.engine.create("web", image=have(world, how), config=config, labels={})
    world.engine.start(container)
    return container


def test_calls_can_be_read_aloud(world: World, docker: SimulatedEngine) -> None:
    container = run(world)
    docker.rename(container, "other")
    docker.inspect_container(container)
    image = docker.container("other").image_reference
    digest = image.partition("sha256:")[2][:12]
    assert [str(call) for call in docker.calls] == [
        f"pull shop/web@{digest}",
        f"create web image=shop/web@{digest}",
        "start web",
        "rename web other",
        "inspect_container other",
    ]
    assert docker.mutations == 4


def test_ids_are_the_same_in_every_run() -> None:
    assert run(World()) == run(World())


def test_a_fault_before_the_effect_prevents_it(world: World, docker: SimulatedEngine) -> None:
    image = have(world)
    docker.fail_call(1, EngineUnavailable("no answer"))
    with pytest.raises(EngineUnavailable):
        docker.create("web", image=image, config=BARE, labels={})
    assert docker.list_containers() == ()
    docker.create("web", image=image, config=BARE, labels={})


def test_a_fault_after_the_effect_loses_only_the_answer(world: World, docker: SimulatedEngine) -> None:
    image = have(world)
    docker.fail_call(2, EngineUnavailable("no answer"), after=True)
    container = docker.create("web", image=image, config=BARE, labels={})
    with pytest.raises(EngineUnavailable):
        docker.start(container)
    assert docker.container("web").status == "running"


def test_a_method_fails_as_often_as_was_said(world: World, docker: SimulatedEngine) -> None:
    docker.fail_when("inspect_container", EngineUnavailable("no answer"), times=2)
    for _ in range(2):
        with pytest.raises(EngineUnavailable):
            docker.inspect_container("x")
    assert docker.inspect_container("x") is None


def test_a_fault_for_a_method_that_is_none_is_a_mistake(docker: SimulatedEngine) -> None:
    with pytest.raises(ValueError, match="no method"):
        docker.fail_when("strat", EngineUnavailable("no answer"))


def test_the_death_of_the_controller_passes_every_handler_of_errors(world: World, docker: SimulatedEngine) -> None:
    image = have(world)
    docker.fail_call(1, Killed(), after=True)
    with pytest.raises(Killed):
        docker.create("web", image=image, config=BARE, labels={})
    assert [row.name for row in docker.list_containers()] == ["web"]


def test_an_engine_that_is_away_answers_nothing_and_containers_go_on(
    world: World, docker: SimulatedEngine
) -> None:
    container = run(world, behaviour.exits(1, 5.0))
    docker.go_away()
    with pytest.raises(EngineUnavailable):
        docker.list_containers()
    world.clock.sleep(6)
    docker.come_back()
    detail = docker.inspect_container(container)
    assert detail is not None
    assert (detail.status, detail.exit_code) == ("exited", 1)


def test_cut_events_end_the_readers_without_an_error(world: World, docker: SimulatedEngine) -> None:
    stream = docker.events(since_ns=None)
    run(world)
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.extend(event.action for event in stream))
    reader.start()
    docker.cut_events()
    reader.join(timeout=5)
    assert not reader.is_alive()
    assert seen == ["create", "start"]


def test_what_falls_due_while_the_clock_moves_is_told_in_order(world: World, docker: SimulatedEngine) -> None:
    run(world, behaviour.flips(1.0, 3.0), PROBED)
    world.clock.sleep(60)
    last = docker.host.events.entries[-2:]
    assert [event.action for event in last] == ["health_status: healthy", "health_status: unhealthy"]
    assert last[1].time_ns - last[0].time_ns == pytest.approx(2e9, rel=1e-3)


def test_a_container_out_of_memory_says_so(world: World, docker: SimulatedEngine) -> None:
    container = run(world, behaviour.killed_by_oom(2.0))
    world.clock.sleep(3)
    detail = docker.inspect_container(container)
    assert detail is not None
    assert (detail.status, detail.exit_code, detail.oom_killed) == ("exited", 137, True)


def test_a_container_may_behave_differently_from_now_on(world: World, docker: SimulatedEngine) -> None:
    container = run(world, behaviour.healthy(0.0), PROBED)
    docker.behave(container, behaviour.unhealthy(1.0))
    assert docker.container("web").health == "healthy"
    world.clock.sleep(1)
    assert docker.container("web").health == "unhealthy"


def test_one_that_never_gets_healthy_stays_starting(world: World, docker: SimulatedEngine) -> None:
    run(world, behaviour.never_healthy(), PROBED)
    world.clock.sleep(600)
    assert docker.container("web").health == "starting"


def test_pausing_freezes_what_the_process_has_ahead(world: World, docker: SimulatedEngine) -> None:
    container = run(world, behaviour.exits(1, 10.0))
    docker.by_hand.pause("web")
    world.clock.sleep(60)
    docker.unpause(container)
    world.clock.sleep(9)
    assert docker.container("web").status == "running"
    world.clock.sleep(2)
    assert docker.container("web").status == "exited"


def test_restarts_come_slower_and_slower(world: World, docker: SimulatedEngine) -> None:
    run(world, behaviour.exits(1, 0.0), ContainerConfig(restart_policy=RestartPolicy("always")))
    world.clock.sleep(3600)
    assert 50 < docker.container("web").restart_count < 100


def test_a_process_of_the_host_may_hold_a_port(world: World, docker: SimulatedEngine) -> None:
    docker.host.occupied.add(PortBinding(0, host_port=8080))
    with pytest.raises(PortTaken):
        run(world, config=ContainerConfig(ports=(PortBinding(80, "tcp", "127.0.0.1", 8080),)))
    assert docker.container("web").status == "created"


def test_the_same_port_on_two_addresses_is_no_conflict(world: World, docker: SimulatedEngine) -> None:
    docker.by_hand.run("one", config=ContainerConfig(ports=(PortBinding(80, "tcp", "10.0.0.1", 8080),)))
    docker.by_hand.run("two", config=ContainerConfig(ports=(PortBinding(80, "tcp", "10.0.0.2", 8080),)))
    with pytest.raises(PortTaken):
        docker.by_hand.run("three", config=ContainerConfig(ports=(PortBinding(80, "tcp", "", 8080),)))


def test_a_full_disk_refuses_to_pull_create_and_write(world: World, docker: SimulatedEngine) -> None:
    image = have(world)
    other = world.publish()
    docker.host.disk_full = True
    with pytest.raises(NoSpace):
        docker.pull(other, deadline_s=30, progress=lambda line: None)
    with pytest.raises(NoSpace):
        docker.create("web", image=image, config=BARE, labels={})
    with pytest.raises(NoSpace):
        docker.write_volume("data", "version.json", b"{}", helper=str(image))
    assert docker.inspect_image(str(other)) is None
    assert docker.list_containers() == ()


def test_registries_fail_in_their_own_ways(world: World, docker: SimulatedEngine) -> None:
    image = world.publish()
    world.registry.reachable, world.registry.retry_after = False, 30.0
    with pytest.raises(RegistryUnavailable) as limited:
        docker.pull(image, deadline_s=30, progress=lambda line: None)
    assert limited.value.retry_after == 30.0
    world.registry.reachable = True
    world.registry.denied.add("shop/web")
    with pytest.raises(RegistryDenied):
        docker.pull(image, deadline_s=30, progress=lambda line: None)
    world.registry.denied.clear()
    world.registry.tampered.add(image)
    with pytest.raises(VerificationFailed):
        docker.pull(image, deadline_s=30, progress=lambda line: None)
    assert docker.inspect_image(str(image)) is None


def test_a_slow_registry_costs_no_more_than_the_deadline(world: World, docker: SimulatedEngine) -> None:
    world.registry.pull_s = 600.0
    before = world.clock()
    with pytest.raises(RegistryUnavailable):
        docker.pull(world.publish(), deadline_s=30, progress=lambda line: None)
    assert world.clock() - before == 30


def test_an_index_and_a_manifest_lead_to_one_image(world: World, docker: SimulatedEngine) -> None:
    manifest = have(world)
    index = world.registry.reindex(manifest)
    docker.pull(index, deadline_s=30, progress=lambda line: None)
    facts = docker.inspect_image(str(index))
    assert facts is not None
    assert facts == docker.inspect_image(str(manifest))
    assert facts.repo_digests == tuple(sorted((str(index), str(manifest))))


def test_an_image_for_another_platform_is_pulled_and_says_so(world: World, docker: SimulatedEngine) -> None:
    image = world.registry.publish("shop/web", replace(DEFAULT_FACTS, architecture="arm64"))
    docker.pull(image, deadline_s=30, progress=lambda line: None)
    facts = docker.inspect_image(str(image))
    assert facts is not None
    assert facts.platform == "linux/arm64"


def test_a_state_that_no_command_leads_to_can_be_forced(world: World, docker: SimulatedEngine) -> None:
    container = run(world)
    with pytest.raises(EngineRefused):
        docker.set_status(container, "dead")
    docker.stop(container, timeout_s=None)
    docker.set_status(container, "removing")
    with pytest.raises(EngineRefused):
        docker.start(container)
