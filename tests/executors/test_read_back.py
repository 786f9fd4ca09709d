from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.action import ContainerRef, UpdateLimits
from reconciler.core.container import (
    ContainerConfig,
    HealthProbe,
    Logging,
    Mount,
    NetworkAttachment,
    PortBinding,
    RestartPolicy,
)
from reconciler.core.observation import ContainerDetail, EngineFacts, ImageFacts
from reconciler.executors.read_back import differing_limits, dropped_fields, missing_labels, unpublished_ports

FACTS = EngineFacts()
WEB = PortBinding(80, host_port=8080)


def dropped(declared: ContainerConfig, found: ContainerConfig, facts: EngineFacts = FACTS) -> tuple[str, ...]:
    return dropped_fields(declared, found, image=None, engine=facts)


def test_what_is_not_declared_is_never_missed() -> None:
    assert dropped(ContainerConfig(), ContainerConfig()) == ()


@pytest.mark.parametrize(
    ("field", "declared", "found"),
    [
        ("command", ("serve",), ("serve",)),
        ("environment", {"A": "1"}, {"A": "1", "PATH": "/bin"}),
        ("labels", {"a": "1"}, {"a": "1", "stella.document": "web"}),
        ("ports", (WEB,), (PortBinding(443), WEB)),
        ("mounts", (Mount("/data", "data"),), (Mount("/anonymous", "x"), Mount("/data", "data"))),
        ("networks", (NetworkAttachment("front", ("web",)),), (NetworkAttachment("front", ("abc", "web")),)),
        ("logging", Logging("", {"max-size": "1m"}), Logging("json-file", {"max-size": "1m", "x": "y"})),
        ("logging", Logging("local"), Logging("local")),
        ("health", HealthProbe(test=("CMD", "x")), HealthProbe(test=("CMD", "x"), interval_ms=5, retries=2)),
        ("health", HealthProbe(retries=2), HealthProbe(test=("CMD", "image"), retries=2)),
        ("health", HealthProbe(), None),
        ("health", HealthProbe(test=("NONE",)), None),
        ("health", HealthProbe(test=("NONE",)), HealthProbe(test=("NONE",))),
        ("health", HealthProbe(test=("NONE",)), HealthProbe()),
        ("restart_policy", RestartPolicy("always"), RestartPolicy("always")),
        ("cap_drop", ("ALL",), ("ALL",)),
    ],
)
def test_a_field_that_the_engine_took_is_not_missed(field: str, declared: Any, found: Any) -> None:
    assert dropped(ContainerConfig(**{field: declared}), ContainerConfig(**{field: found})) == ()


@pytest.mark.parametrize(
    ("field", "declared", "found"),
    [
        ("command", ("serve",), ()),
        ("environment", {"A": "1"}, {"A": "2"}),
        ("environment", {"A": "1"}, None),
        ("sysctls", {"net.core.somaxconn": "1"}, {}),
        ("ports", (WEB,), None),
        ("mounts", (Mount("/data", "data", read_only=True),), (Mount("/data", "data"),)),
        ("networks", (NetworkAttachment("front", ("web",)),), (NetworkAttachment("front"),)),
        ("networks", (NetworkAttachment("front"),), None),
        ("logging", Logging("local"), Logging("json-file")),
        ("logging", Logging("", {"max-size": "1m"}), Logging("json-file")),
        ("logging", Logging("local"), None),
        ("health", HealthProbe(test=("CMD", "x")), None),
        ("health", HealthProbe(test=("CMD", "x")), HealthProbe(test=("NONE",))),
        ("health", HealthProbe(test=("NONE",)), HealthProbe(test=("CMD", "x"))),
        ("health", HealthProbe(retries=2), HealthProbe(test=("CMD", "x"), retries=3)),
        ("read_only_root", True, False),
        ("memory_bytes", 1024, 0),
        ("no_new_privileges", True, None),
    ],
)
def test_a_field_that_the_engine_dropped_is_named(field: str, declared: Any, found: Any) -> None:
    assert dropped(ContainerConfig(**{field: declared}), ContainerConfig(**{field: found})) == (field,)


def test_empty_texts_and_commands_leave_the_value_to_the_image() -> None:
    image = ImageFacts(id="i", command=("serve",), user="1000", working_dir="/srv", stop_signal="SIGINT")
    found = ContainerConfig(command=("serve",), user="1000", working_dir="/srv", stop_signal="SIGINT")
    declared = ContainerConfig(command=(), user="", working_dir="", stop_signal="")
    assert dropped_fields(declared, found, image=image, engine=FACTS) == ()
    other = replace(found, user="0")
    assert dropped_fields(declared, other, image=image, engine=FACTS) == ("user",)


def test_several_dropped_fields_are_named_without_their_values() -> None:
    declared = ContainerConfig(user="1000", environment={"TOKEN": "secret"}, init=True)
    assert dropped(declared, ContainerConfig(init=True)) == ("user", "environment")


def test_a_swap_limit_is_not_expected_where_the_kernel_has_none() -> None:
    declared, found = ContainerConfig(memory_swap_bytes=1024), ContainerConfig(memory_swap_bytes=0)
    assert dropped(declared, found) == ("memory_swap_bytes",)
    assert dropped(declared, found, replace(FACTS, swap_limit=False)) == ()


def test_limits_are_compared_where_the_action_names_them() -> None:
    wanted = UpdateLimits(
        document="web", cause="test", container=ContainerRef("web"), memory_bytes=1024, pids_limit=0
    )
    assert differing_limits(wanted, ContainerConfig(memory_bytes=1024, pids_limit=0, nano_cpus=7), FACTS) == ()
    assert differing_limits(wanted, ContainerConfig(memory_bytes=1, pids_limit=9), FACTS) == (
        "memory_bytes",
        "pids_limit",
    )


def test_labels_are_missed_by_key() -> None:
    assert missing_labels({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "x"}) == ("b", "c")
    assert missing_labels({}, None) == ()
    assert missing_labels({"a": "1"}, None) == ("a",)


DETAIL = ContainerDetail(
    id="c1",
    name="web",
    image_id="i",
    image_reference="r",
    config=ContainerConfig(ports=(WEB, PortBinding(53, "udp"))),
    status="running",
)


def test_a_port_that_the_engine_did_not_publish_is_named() -> None:
    published = (PortBinding(80, host_ip="127.0.0.1", host_port=8080), PortBinding(53, "tcp", host_port=1))
    assert unpublished_ports(replace(DETAIL, published=published)) == (PortBinding(53, "udp"),)
    assert unpublished_ports(replace(DETAIL, published=(PortBinding(80, host_port=9),))) == DETAIL.config.ports


def test_a_port_of_the_systems_choice_is_published_by_any_host_port() -> None:
    published = (PortBinding(80, host_port=8080), PortBinding(53, "udp", host_port=40_000))
    assert unpublished_ports(replace(DETAIL, published=published)) == ()


def test_ports_are_not_expected_of_stopped_portless_and_host_network_containers() -> None:
    on_host = replace(DETAIL.config, networks=(NetworkAttachment("host"),))
    for detail in (
        replace(DETAIL, status="exited"),
        replace(DETAIL, config=ContainerConfig()),
        replace(DETAIL, config=on_host),
    ):
        assert unpublished_ports(detail) == ()
