"""Every field of a live container that can differ is found, named by its document path, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from reconciler.core.desired import DriftPolicy
from reconciler.core.drift import FIELDS, Drift, find_drift
from reconciler.core.observation import Observation
from reconciler.core.ownership import find_claims
from reconciler.core.record import Record
from reconciler.core.situation import Situation
from tests.simulator.player import Player
from tests.simulator.world import World

DECLARED = ContainerConfig(
    command=("serve",),
    entrypoint=("/init",),
    user="1000",
    working_dir="/srv",
    hostname="web",
    environment={"LEVEL": "info"},
    labels={"team": "shop"},
    ports=(PortBinding(80, host_port=8080),),
    mounts=(Mount("/data", "data"),),
    tmpfs={"/tmp": ""},
    networks=(NetworkAttachment("bridge"),),
    restart_policy=RestartPolicy("always"),
    memory_bytes=64 << 20,
    nano_cpus=1_500_000_000,
    pids_limit=100,
    ulimits={"nofile": Ulimit(1024, 2048)},
    cap_add=("NET_ADMIN",),
    cap_drop=("ALL",),
    read_only_root=True,
    no_new_privileges=True,
    init=True,
    stop_signal="SIGINT",
    stop_timeout_s=5,
    logging=Logging("json-file", {"max-size": "1m"}),
    extra_hosts=("db:10.0.0.1",),
    dns=("9.9.9.9",),
    sysctls={"net.core.somaxconn": "100"},
    devices=(Device("/dev/null", "/dev/x"),),
    shm_bytes=1 << 20,
    health=HealthProbe(test=("CMD", "probe"), interval_ms=1000),
)

OTHERS: dict[str, Any] = {
    "command": ("other",),
    "entrypoint": ("/other",),
    "user": "0",
    "working_dir": "/other",
    "hostname": "other",
    "environment": {"LEVEL": "debug"},
    "labels": {"team": "other"},
    "ports": (PortBinding(80, host_port=9090),),
    "mounts": (Mount("/data", "other"),),
    "tmpfs": {"/other": ""},
    "networks": (NetworkAttachment("bridge"), NetworkAttachment("other")),
    "restart_policy": RestartPolicy("on-failure", 3),
    "memory_bytes": 128 << 20,
    "memory_swap_bytes": 128 << 20,
    "nano_cpus": 500_000_000,
    "pids_limit": 0,
    "ulimits": {"nofile": Ulimit(1, 2)},
    "cap_add": (),
    "cap_drop": (),
    "read_only_root": False,
    "no_new_privileges": False,
    "privileged": True,
    "init": False,
    "stop_signal": "SIGKILL",
    "stop_timeout_s": 6,
    "logging": Logging("syslog", {}),
    "extra_hosts": (),
    "dns": (),
    "sysctls": {},
    "devices": (),
    "shm_bytes": 2 << 20,
    "health": HealthProbe(test=("NONE",)),
}


def deployed(config: ContainerConfig, **fields: Any) -> Player:
    world = World()
    player = Player(world, world.desired(config=config, **fields))
    assert player.settle().kind == "converged"
    return player


def with_live(player: Player, **changes: Any) -> tuple[Drift, ...]:
    """The drift when the live container differs in these fields."""
    situation = player.situation("web")
    live = next(item for item in situation.observation.details.values() if item.name == "web")
    details = {live.id: replace(live, config=replace(live.config, **changes))}
    changed = replace(situation, observation=replace(situation.observation, details=details))
    claims = find_claims("web", changed.observation, changed.record)
    return find_drift(changed, claims)


def test_a_container_with_every_field_declared_has_no_drift_after_its_deploy() -> None:
    assert deployed(DECLARED).plan().drift == ()


def test_a_container_with_nothing_declared_has_no_drift_after_its_deploy() -> None:
    assert deployed(ContainerConfig()).plan().drift == ()


@pytest.mark.parametrize(("attribute", "kind", "path"), FIELDS)
def test_each_field_is_found_when_it_differs(attribute: str, kind: str, path: str) -> None:
    found = with_live(deployed(DECLARED), **{attribute: OTHERS[attribute]})
    assert found
    assert {item.kind for item in found} == {kind}
    assert all(item.path == path or item.path.startswith(f"{path}.") for item in found)
    assert all(item.wanted != item.found for item in found)


@pytest.mark.parametrize(("attribute", "kind", "path"), FIELDS)
def test_each_field_can_be_ignored_by_its_path(attribute: str, kind: str, path: str) -> None:
    player = deployed(DECLARED)
    player.want(replace(player.documents["web"], drift=DriftPolicy(ignore=(path,))))
    assert with_live(player, **{attribute: OTHERS[attribute]}) == ()


def test_an_undeclared_limit_set_by_hand_is_found() -> None:
    (found,) = with_live(deployed(ContainerConfig()), pids_limit=50)
    assert found == Drift("limits", "config.pidsLimit", "0", "50")


def test_keys_are_told_apart_one_drift_each() -> None:
    player = deployed(ContainerConfig(environment={"A": "1", "B": "2"}))
    found = with_live(player, environment={"A": "1", "B": "3", "C": "4"})
    assert [(item.path, item.wanted, item.found) for item in found] == [
        ("config.environment.B", "2", "3"),
        ("config.environment.C", "unset", "4"),
    ]


def test_values_of_secret_looking_names_and_urls_are_masked() -> None:
    player = deployed(ContainerConfig(environment={"DB_PASSWORD": "canary-1", "URL": "http://u:canary-2@db/"}))
    found = with_live(player, environment={"DB_PASSWORD": "canary-3", "URL": "http://u:canary-4@other/"})
    assert len(found) == 2
    assert "canary" not in repr(found)


def test_a_port_that_is_bound_but_not_published_is_drift() -> None:
    player = deployed(ContainerConfig(ports=(PortBinding(80, host_port=8080),)))
    situation = player.situation("web")
    live = next(iter(situation.observation.details.values()))
    details = {live.id: replace(live, published=())}
    changed = replace(situation, observation=replace(situation.observation, details=details))
    (found,) = find_drift(changed, find_claims("web", changed.observation, changed.record))
    assert (found.kind, found.found) == ("ports", "published: none")


def test_swap_is_not_compared_where_the_kernel_cannot_limit_it() -> None:
    player = deployed(ContainerConfig(memory_bytes=64 << 20))
    situation = player.situation("web")
    live = next(iter(situation.observation.details.values()))
    observation = replace(
        situation.observation,
        engine=replace(situation.observation.engine, swap_limit=False),
        details={live.id: replace(live, config=replace(live.config, memory_swap_bytes=-1))},
    )
    changed = replace(situation, observation=observation)
    assert find_drift(changed, find_claims("web", observation, changed.record)) == ()


@pytest.mark.parametrize("status", ["restarting", "removing", "dead", "created"])
def test_states_in_between_are_told(status: Any) -> None:
    player = deployed(ContainerConfig())
    player.world.engine.by_hand.stop("web")
    player.world.engine.set_status(player.world.engine.container("web").id, status)
    kinds = [item.kind for item in player.plan().drift]
    assert kinds == (["restarting"] if status == "restarting" else ["stopped"])


def test_nothing_known_of_a_container_but_its_row_is_no_field_drift() -> None:
    player = deployed(DECLARED)
    situation = player.situation("web")
    bare = replace(situation.observation, details={}, images={})
    changed = replace(situation, observation=bare)
    assert find_drift(changed, find_claims("web", bare, changed.record)) == ()


def test_without_the_image_only_what_is_declared_is_compared() -> None:
    player = deployed(replace(DECLARED, user=None, command=None, entrypoint=None))
    situation = player.situation("web")
    changed = replace(situation, observation=replace(situation.observation, images={}))
    assert find_drift(changed, find_claims("web", changed.observation, changed.record)) == ()


def test_what_an_unknown_image_adds_is_no_difference() -> None:
    """Obligation: the plan of an ordinary upgrade, made before the pull, shows only what the document changes."""
    probe = HealthProbe(test=("CMD", "true"), interval_ms=2000)
    config = ContainerConfig(environment={"A": "1"}, labels={"team": "shop"}, health=probe)
    player = deployed(config)
    situation = player.situation("web")
    live = next(item for item in situation.observation.details.values() if item.name == "web")
    of_the_image = replace(
        live.config,
        environment={"A": "1", "PATH": "/bin"},
        labels={**(live.config.labels or {}), "org.opencontainers.image.version": "1"},
        health=replace(probe, timeout_ms=2000, retries=2),
    )

    def differences(changed: ContainerConfig) -> list[tuple[str, str, str]]:
        details = {live.id: replace(live, config=changed)}
        seen = replace(situation.observation, images={}, details=details)
        found = find_drift(replace(situation, observation=seen), find_claims("web", seen, situation.record))
        return [(item.path, item.wanted, item.found) for item in found]

    assert differences(of_the_image) == []
    slower = replace(of_the_image, health=replace(probe, interval_ms=3000), environment={"A": "2"})
    assert differences(slower) == [
        ("config.environment.A", "1", "2"),
        ("config.healthCheck.interval", "2s", "3s"),
    ]
    none = replace(of_the_image, health=HealthProbe(test=("NONE",)))
    assert ("config.healthCheck.test", "[CMD, true]", "[NONE]") in differences(none)


def test_a_health_check_that_is_turned_off_is_so_whatever_the_image() -> None:
    assert deployed(ContainerConfig(health=HealthProbe(test=("NONE",)))).plan().drift == ()


def test_an_empty_host_lacks_the_container() -> None:
    world = World()
    desired = world.desired()
    situation = Situation(desired=desired, observation=Observation(), record=Record(document="web", owner="o"))
    found = find_drift(situation, find_claims("web", situation.observation, situation.record))
    assert [item.kind for item in found] == ["missing"]


@given(st.lists(st.sampled_from(sorted(OTHERS)), unique=True, min_size=1))
def test_differences_add_up_and_are_never_more_than_what_was_changed(attributes: list[str]) -> None:
    player = DEPLOYED
    found = with_live(player, **{name: OTHERS[name] for name in attributes})
    paths = {attribute: path for attribute, _, path in FIELDS}
    touched = {paths[name] for name in attributes}
    assert {_field_of(item.path, touched) for item in found} == touched


def _field_of(path: str, fields: set[str]) -> str:
    return max((field for field in fields if path == field or path.startswith(f"{field}.")), key=len, default=path)


DEPLOYED = deployed(DECLARED)
