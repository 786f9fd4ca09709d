"""From a declared container to the engine's JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.core.container import (
    ContainerConfig,
    HealthProbe,
    Logging,
    Mount,
    NetworkAttachment,
    PortBinding,
    RestartPolicy,
)
from reconciler.engine.translate_create import creation, endpoint, further_networks, restart_policy
from tests.engine.samples import FULL, IMAGE, MIB


def body(config: ContainerConfig, *, swap_limit: bool = True) -> dict[str, Any]:
    return creation(IMAGE, config, {}, swap_limit=swap_limit)


def host(config: ContainerConfig, *, swap_limit: bool = True) -> dict[str, Any]:
    settings: dict[str, Any] = body(config, swap_limit=swap_limit)["HostConfig"]
    return settings


def test_what_is_not_declared_is_not_said() -> None:
    assert body(ContainerConfig()) == {"Image": str(IMAGE), "Labels": {}, "HostConfig": {}}


def test_the_image_is_named_by_its_digest() -> None:
    assert body(ContainerConfig())["Image"] == f"{IMAGE.repository}@{IMAGE.digest}"


def test_a_published_port_is_exposed_too() -> None:
    said = body(ContainerConfig(ports=(PortBinding(80, "udp", "127.0.0.1", 8080), PortBinding(443))))
    assert said["ExposedPorts"] == {"80/udp": {}, "443/tcp": {}}
    assert said["HostConfig"]["PortBindings"] == {
        "80/udp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "443/tcp": [{"HostIp": "", "HostPort": ""}],
    }


def test_one_container_port_may_be_published_twice() -> None:
    ports = (PortBinding(80, "tcp", "127.0.0.1", 1), PortBinding(80, "tcp", "127.0.0.1", 2))
    assert [item["HostPort"] for item in host(ContainerConfig(ports=ports))["PortBindings"]["80/tcp"]] == [
        "1",
        "2",
    ]


def test_mounts_are_said_so_that_a_missing_host_path_is_refused() -> None:
    said = host(ContainerConfig(mounts=(Mount("/data", "v1"), Mount("/h", "/srv", "bind", read_only=True))))
    assert "Binds" not in said
    assert said["Mounts"] == [
        {"Type": "volume", "Source": "v1", "Target": "/data", "ReadOnly": False},
        {"Type": "bind", "Source": "/srv", "Target": "/h", "ReadOnly": True},
    ]


def test_a_memory_limit_bounds_swap_too() -> None:
    assert host(ContainerConfig(memory_bytes=MIB)) == {"Memory": MIB, "MemorySwap": MIB}


def test_a_declared_swap_limit_is_taken() -> None:
    config = ContainerConfig(memory_bytes=MIB, memory_swap_bytes=-1)
    assert host(config) == {"Memory": MIB, "MemorySwap": -1}


def test_swap_is_not_mentioned_where_the_kernel_cannot_limit_it() -> None:
    assert host(ContainerConfig(memory_bytes=MIB), swap_limit=False) == {"Memory": MIB}


def test_only_the_first_network_is_given_at_creation() -> None:
    networks = (NetworkAttachment("back", ("b", "a")), NetworkAttachment("front"))
    config = ContainerConfig(networks=networks)
    said = body(config)
    assert said["HostConfig"]["NetworkMode"] == "back"
    assert said["NetworkingConfig"] == {"EndpointsConfig": {"back": {"Aliases": ["b", "a"]}}}
    assert further_networks(config) == (NetworkAttachment("front"),)
    assert further_networks(ContainerConfig()) == ()


def test_an_attachment_without_aliases_says_nothing_of_them() -> None:
    assert endpoint(NetworkAttachment("front")) == {}


def test_labels_of_the_call_win_over_those_of_the_document() -> None:
    config = ContainerConfig(labels={"both": "document", "team": "shop"})
    said = creation(IMAGE, config, {"both": "call"}, swap_limit=True)
    assert said["Labels"] == {"both": "call", "team": "shop"}


def test_a_health_check_is_in_nanoseconds() -> None:
    probe = HealthProbe(test=("CMD", "true"), interval_ms=1, timeout_ms=2, start_period_ms=3, retries=4)
    assert body(ContainerConfig(health=probe))["Healthcheck"] == {
        "Test": ["CMD", "true"],
        "Interval": 1_000_000,
        "Timeout": 2_000_000,
        "StartPeriod": 3_000_000,
        "Retries": 4,
    }


def test_a_retry_count_goes_with_on_failure_only() -> None:
    assert restart_policy(RestartPolicy("on-failure", 3)) == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert restart_policy(RestartPolicy("always", 3)) == {"Name": "always", "MaximumRetryCount": 0}


def test_new_privileges_are_forbidden_by_a_security_option() -> None:
    assert host(ContainerConfig(no_new_privileges=True)) == {"SecurityOpt": ["no-new-privileges"]}
    assert host(ContainerConfig(no_new_privileges=False)) == {}


def test_log_options_alone_leave_the_driver_to_the_daemon() -> None:
    said = host(ContainerConfig(logging=Logging(options={"max-size": "1m"})))
    assert said == {"LogConfig": {"Type": "", "Config": {"max-size": "1m"}}}


def test_an_empty_list_is_said_and_differs_from_none() -> None:
    assert body(ContainerConfig(entrypoint=()))["Entrypoint"] == []
    assert "Entrypoint" not in body(ContainerConfig())


def test_the_order_of_variables_does_not_depend_on_the_document() -> None:
    one = ContainerConfig(environment={"B": "2", "A": "1=1"})
    assert body(one)["Env"] == ["A=1=1", "B=2"]


def test_every_field_is_said_somewhere() -> None:
    whole = body(FULL)
    for name in FULL.__dataclass_fields__:
        assert body(replace(FULL, **{name: None})) != whole or name == "privileged", name
    assert whole["HostConfig"]["Privileged"] is False
