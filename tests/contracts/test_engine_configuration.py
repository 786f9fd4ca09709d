"""Engine contract: every field of a configuration comes back as it was asked for, or refused by type."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from reconciler.core.container import (
    ContainerConfig,
    Device,
    HealthProbe,
    Logging,
    Mount,
    NetworkAttachment,
    PortBinding,
    RestartPolicy,
    Ulimit,
)
from reconciler.core.desired import ImageReference
from reconciler.core.effective import creation_config, effective_config
from reconciler.core.observation import ImageFacts
from reconciler.errors import EngineRefused, NameTaken, NotFound
from tests.contracts.engine_steps import BARE, have, limits, make, shown
from tests.contracts.engine_worlds import FACTS, EngineWorld
from tests.contracts.samples import PASSING, PROGRAM

MIB = 1024 * 1024
RICH = ImageFacts(
    id="",
    architecture="amd64",
    command=("--from", "image"),
    entrypoint=PROGRAM,
    user="1000",
    working_dir="/tmp",
    environment={"PATH": "/bin", "COLOUR": "red"},
    labels={"maker": "image", "kept": "yes"},
    stop_signal="SIGINT",
    health=HealthProbe(
        test=("CMD", "true"), interval_ms=7_000, timeout_ms=3_000, start_period_ms=1_000, retries=4
    ),
)
"""An image that has a default for everything an image can have one for."""

DECLARED: tuple[ContainerConfig, ...] = (
    BARE,
    ContainerConfig(command=("/app/run", "fast")),
    ContainerConfig(command=()),
    ContainerConfig(entrypoint=("/app/run", "-v")),
    ContainerConfig(entrypoint=("/app/run",), command=("a", "b")),
    ContainerConfig(entrypoint=()),
    ContainerConfig(entrypoint=(), command=("/app/run",)),
    ContainerConfig(user="1000:1000"),
    ContainerConfig(working_dir="/srv"),
    ContainerConfig(hostname="shop-1"),
    ContainerConfig(environment={"COLOUR": "blue", "EMPTY": "", "WITH": "a=b c"}),
    ContainerConfig(labels={"maker": "document", "team": "shop"}),
    ContainerConfig(restart_policy=RestartPolicy("no")),
    ContainerConfig(restart_policy=RestartPolicy("always")),
    ContainerConfig(restart_policy=RestartPolicy("unless-stopped")),
    ContainerConfig(restart_policy=RestartPolicy("on-failure", 3)),
    ContainerConfig(tmpfs={"/run": "", "/cache": "size=65536k"}),
    ContainerConfig(memory_bytes=64 * MIB),
    ContainerConfig(memory_bytes=64 * MIB, memory_swap_bytes=96 * MIB),
    ContainerConfig(memory_bytes=64 * MIB, memory_swap_bytes=-1),
    ContainerConfig(nano_cpus=500_000_000),
    ContainerConfig(pids_limit=100),
    ContainerConfig(ulimits={"nofile": Ulimit(1024, 2048), "core": Ulimit(0, 0)}),
    ContainerConfig(cap_add=("NET_ADMIN", "SYS_TIME"), cap_drop=("ALL",)),
    ContainerConfig(read_only_root=True),
    ContainerConfig(no_new_privileges=True),
    ContainerConfig(privileged=True),
    ContainerConfig(init=True),
    ContainerConfig(init=False, privileged=False, no_new_privileges=False, read_only_root=False),
    ContainerConfig(stop_signal="SIGQUIT"),
    ContainerConfig(stop_timeout_s=3),
    ContainerConfig(stop_timeout_s=0),
    ContainerConfig(logging=Logging("json-file", {"max-size": "1m"})),
    ContainerConfig(logging=Logging("none", {})),
    ContainerConfig(extra_hosts=("cache:10.0.0.6", "db:10.0.0.5")),
    ContainerConfig(dns=("10.0.0.2", "10.0.0.1")),
    ContainerConfig(sysctls={"net.core.somaxconn": "512"}),
    ContainerConfig(devices=(Device("/dev/full", "/dev/empty", "r"), Device("/dev/null", "/dev/nothing"))),
    ContainerConfig(shm_bytes=32 * MIB),
    ContainerConfig(health=PASSING),
    ContainerConfig(health=HealthProbe(test=("CMD-SHELL", "true"), start_period_ms=500)),
    ContainerConfig(health=HealthProbe(interval_ms=9_000)),
    ContainerConfig(health=HealthProbe(test=("NONE",))),
)


def title(config: ContainerConfig) -> str:
    said = [f"{item.name}={value}" for item in fields(config) if (value := getattr(config, item.name)) is not None]
    return " ".join(said) or "nothing"


@pytest.fixture
def plain(world: EngineWorld) -> ImageReference:
    return have(world)


def agree(world: EngineWorld, declared: ContainerConfig, image: ImageReference) -> None:
    """What inspect shows is what the decisions expect it to show, and is concrete in every field."""
    facts = world.engine.inspect_image(str(image))
    live = shown(world, make(world, image, creation_config(declared))).config
    expected = effective_config(declared, facts, world.engine.facts())
    for item in fields(expected):
        wanted, found = getattr(expected, item.name), getattr(live, item.name)
        if item.name != "stop_timeout_s":
            assert found is not None, item.name
        if wanted is not None:
            assert found == wanted, item.name


@pytest.mark.parametrize("declared", DECLARED, ids=title)
def test_each_field_is_shown_as_it_was_declared(
    world: EngineWorld, declared: ContainerConfig, plain: ImageReference
) -> None:
    agree(world, declared, plain)


@pytest.mark.parametrize("declared", DECLARED, ids=title)
def test_each_field_is_laid_over_the_defaults_of_the_image(world: EngineWorld, declared: ContainerConfig) -> None:
    agree(world, declared, have(world, facts=RICH))


def test_ports_are_shown_as_they_were_asked_for(world: EngineWorld, plain: ImageReference) -> None:
    ports = (
        PortBinding(53, "udp", "127.0.0.1", world.free_port()),
        PortBinding(80),
        PortBinding(443, "tcp", "", world.free_port()),
    )
    agree(world, ContainerConfig(ports=ports), plain)


def test_mounts_are_shown_as_they_were_asked_for(world: EngineWorld, plain: ImageReference) -> None:
    mounts = (
        Mount("/data", world.name("data")),
        Mount("/host", str(world.folder), "bind", read_only=True),
        Mount("/more", world.name("more"), read_only=True),
    )
    agree(world, ContainerConfig(mounts=mounts), plain)
    assert world.has_volume(world.name("data"))


def test_networks_are_shown_with_the_aliases_that_were_asked_for(
    world: EngineWorld, plain: ImageReference
) -> None:
    back, front = world.name("back"), world.name("front")
    world.engine.create_network(front)
    world.engine.create_network(back)
    declared = ContainerConfig(networks=(NetworkAttachment(back), NetworkAttachment(front, ("shop", "web"))))
    agree(world, declared, plain)


def test_networks_are_shown_the_same_while_it_runs_and_after(world: EngineWorld, plain: ImageReference) -> None:
    front = world.name("front")
    world.engine.create_network(front)
    networks = (NetworkAttachment(front, ("shop", "web")),)
    container = make(world, plain, ContainerConfig(networks=networks, hostname="shop-1"))
    world.engine.start(container)
    assert shown(world, container).config.networks == networks
    world.engine.stop(container, timeout_s=None)
    assert shown(world, container).config.networks == networks


def test_a_running_container_shows_the_configuration_it_was_created_with(
    world: EngineWorld, plain: ImageReference
) -> None:
    container = make(world, plain, ContainerConfig(ports=(PortBinding(80),), memory_bytes=64 * MIB))
    created = shown(world, container).config
    world.engine.start(container)
    assert shown(world, container).config == created


def test_order_without_meaning_is_sorted(world: EngineWorld, plain: ImageReference) -> None:
    declared = ContainerConfig(
        cap_add=("SYS_TIME", "NET_ADMIN"),
        extra_hosts=("db:10.0.0.5", "cache:10.0.0.6"),
        ports=(PortBinding(443), PortBinding(80)),
    )
    live = shown(world, make(world, plain, declared)).config
    assert live.cap_add == ("NET_ADMIN", "SYS_TIME")
    assert live.extra_hosts == ("cache:10.0.0.6", "db:10.0.0.5")
    assert live.ports == (PortBinding(80), PortBinding(443))


def test_labels_of_the_call_stand_beside_those_of_the_configuration(world: EngineWorld) -> None:
    image = have(world, facts=RICH)
    declared = ContainerConfig(labels={"team": "shop", "both": "config"})
    container = make(world, image, declared, labels={"both": "call", "own": "1"})
    expected = {"maker": "image", "kept": "yes", "team": "shop", "both": "call", "own": "1"}
    assert shown(world, container).config.labels == expected
    assert next(row.labels for row in world.engine.list_containers() if row.id == container) == expected


def test_a_memory_limit_bounds_swap_too(world: EngineWorld, plain: ImageReference) -> None:
    if world.engine.facts().swap_limit:
        live = shown(world, make(world, plain, ContainerConfig(memory_bytes=64 * MIB))).config
        assert live.memory_swap_bytes == 64 * MIB


def test_logging_options_alone_go_to_the_default_driver(world: EngineWorld, plain: ImageReference) -> None:
    declared = ContainerConfig(logging=Logging(options={"max-size": "1m"}))
    live = shown(world, make(world, plain, declared)).config
    assert live.logging == Logging(world.engine.facts().log_driver, {"max-size": "1m"})


def test_a_container_knows_its_image(world: EngineWorld, plain: ImageReference) -> None:
    detail = shown(world, make(world, plain))
    facts = world.engine.inspect_image(str(plain))
    assert facts is not None
    assert (detail.image_id, detail.image_reference) == (facts.id, str(plain))


def test_a_created_container_does_not_run(world: EngineWorld, plain: ImageReference) -> None:
    container = make(world, plain, ContainerConfig(health=PASSING))
    detail = shown(world, container)
    assert len(container) == 64
    assert (detail.id, detail.name, detail.status) == (container, world.name("web"), "created")
    assert (detail.health, detail.restart_count, detail.published) == ("none", 0, ())


REFUSED: dict[str, tuple[type[EngineRefused], dict[str, Any]]] = {
    "a network that is not there": (NotFound, {"networks": (NetworkAttachment("no-such-network"),)}),
    "a second network that is not there": (
        NotFound,
        {"networks": (NetworkAttachment("bridge"), NetworkAttachment("no-such-network"))},
    ),
    "a host path that is not there": (NotFound, {"mounts": (Mount("/data", "/no/such/path", "bind"),)}),
    "too little memory": (EngineRefused, {"memory_bytes": 1024}),
    "less swap than memory": (EngineRefused, {"memory_bytes": 64 * MIB, "memory_swap_bytes": 32 * MIB}),
    "more CPUs than there are": (EngineRefused, {"nano_cpus": 10**15}),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    world: EngineWorld, plain: ImageReference, reason: str
) -> None:
    error, declared = REFUSED[reason]
    with pytest.raises(error):
        make(world, plain, replace(BARE, **declared))
    assert world.name("web") not in {row.name for row in world.engine.list_containers()}


def test_an_image_that_is_not_on_the_host_is_not_found(world: EngineWorld) -> None:
    with pytest.raises(NotFound):
        make(world, ImageReference("shop/web", "sha256:" + "0" * 64))


def test_an_image_without_a_command_is_refused(world: EngineWorld) -> None:
    image = have(world, facts=replace(FACTS, command=()))
    with pytest.raises(EngineRefused):
        make(world, image)


def test_a_name_is_given_once(world: EngineWorld, plain: ImageReference) -> None:
    make(world, plain)
    with pytest.raises(NameTaken):
        make(world, plain)


def test_a_name_with_a_blank_is_refused(world: EngineWorld, plain: ImageReference) -> None:
    with pytest.raises(EngineRefused):
        world.engine.create("two words", image=plain, config=BARE, labels={})


def test_a_restart_policy_is_set_in_place(world: EngineWorld, plain: ImageReference) -> None:
    container = make(world, plain, ContainerConfig(restart_policy=RestartPolicy("always")))
    for policy in (RestartPolicy("no"), RestartPolicy("no"), RestartPolicy("on-failure", 2)):
        world.engine.set_restart_policy(container, policy)
        assert shown(world, container).config.restart_policy == policy


def test_limits_are_set_in_place_and_the_others_stay(world: EngineWorld, plain: ImageReference) -> None:
    declared = ContainerConfig(memory_bytes=64 * MIB, nano_cpus=500_000_000, pids_limit=50)
    container = make(world, plain, declared)
    world.engine.start(container)
    world.engine.update_limits(container, limits(memory_bytes=96 * MIB, memory_swap_bytes=96 * MIB))
    world.engine.update_limits(container, limits(nano_cpus=700_000_000))
    world.engine.update_limits(container, limits(pids_limit=0))
    live = shown(world, container).config
    assert (live.memory_bytes, live.memory_swap_bytes) == (
        96 * MIB,
        96 * MIB if world.engine.facts().swap_limit else 0,
    )
    assert (live.nano_cpus, live.pids_limit) == (700_000_000, 0)


@pytest.mark.parametrize("limit", ["memory_bytes", "nano_cpus"])
def test_a_memory_or_cpu_limit_is_not_lifted_in_place(
    world: EngineWorld, plain: ImageReference, limit: str
) -> None:
    declared = ContainerConfig(memory_bytes=64 * MIB, nano_cpus=500_000_000)
    container = make(world, plain, declared)
    before = shown(world, container)
    with pytest.raises(EngineRefused):
        world.engine.update_limits(container, limits(**{limit: 0}))
    assert shown(world, container) == before


def test_lifting_what_is_not_limited_succeeds(world: EngineWorld, plain: ImageReference) -> None:
    container = make(world, plain)
    before = shown(world, container)
    world.engine.update_limits(container, limits(memory_bytes=0, memory_swap_bytes=0, nano_cpus=0, pids_limit=0))
    assert shown(world, container) == before


def test_a_limit_that_cannot_be_is_refused(world: EngineWorld, plain: ImageReference) -> None:
    container = make(world, plain, ContainerConfig(memory_bytes=64 * MIB))
    with pytest.raises(EngineRefused):
        world.engine.update_limits(container, limits(memory_bytes=1024, memory_swap_bytes=1024))
    assert shown(world, container).config.memory_bytes == 64 * MIB
