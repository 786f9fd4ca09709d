"""From recorded inspect answers to canonical containers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from reconciler.core.container import ContainerConfig, HealthProbe, Mount, NetworkAttachment, PortBinding
from reconciler.core.effective import creation_config, effective_config
from reconciler.engine.translate_inspect import HEALTH_LOG_CHARACTERS, container_config, container_detail
from reconciler.engine.translate_list import engine_facts, image_facts
from tests.engine.recorded import recorded
from tests.engine.samples import FULL, IMAGE

NONE = HealthProbe(test=("NONE",))

EVERYWHERE = "0.0.0.0"  # noqa: S104  (read, not bound)


def config(name: str, **changes: Any) -> ContainerConfig:
    """The recording's configuration, with changes to its ``HostConfig``."""
    told = recorded(name)
    told["HostConfig"].update(changes)
    return container_config(told, host_name="host-a")


def test_what_was_declared_is_read_back_in_every_field() -> None:
    wanted = effective_config(
        creation_config(FULL),
        image_facts(recorded("image_rich")),
        engine_facts(recorded("version"), recorded("info"), api_version="1.41"),
    )
    live = config("container_wanted")
    for field in fields(ContainerConfig):
        expected, found = getattr(wanted, field.name), getattr(live, field.name)
        if field.name == "labels":
            found = {key: value for key, value in found.items() if key != "stella.document"}
        assert found == expected, field.name


def test_state_and_published_ports_of_a_running_container() -> None:
    detail = container_detail(recorded("container_wanted"), host_name="host-a")
    assert (detail.name, detail.status, detail.health) == ("wanted", "running", "healthy")
    assert (detail.exit_code, detail.oom_killed, detail.restart_count, detail.error) == (0, False, 0, "")
    assert detail.image_reference == str(IMAGE)
    assert detail.image_id.startswith("sha256:9eaec8fb")
    assert PortBinding(80, "tcp", "127.0.0.1", 18080) in detail.published
    assert [port.container_port for port in detail.published] == [80, 81, 82]
    assert detail.started_at.startswith("2026-")


def test_ipv4_and_ipv6_are_one_published_port() -> None:
    told = recorded("container_byhand")
    told["NetworkSettings"]["Ports"] = {
        "80/tcp": [{"HostIp": EVERYWHERE, "HostPort": "1"}, {"HostIp": "::", "HostPort": "1"}],
        "81/tcp": None,
    }
    assert container_detail(told, host_name="").published == (PortBinding(80, "tcp", "", 1),)


def test_binds_of_other_tools_are_mounts_and_anonymous_volumes_are_not() -> None:
    assert config("container_byhand").mounts == (
        Mount("/data", "data"),
        Mount("/more", "more"),
        Mount("/srv", "/srv", "bind", read_only=True),
    )


def test_volumes_that_only_the_image_declares_are_no_mounts() -> None:
    told = recorded("container_sick")
    assert told["Mounts"], "the recording has an anonymous volume of its image"
    assert container_config(told, host_name="").mounts == ()


def test_both_ways_of_asking_for_a_tmpfs_are_read() -> None:
    assert config("container_byhand").tmpfs == {"/run": "", "/scratch": "size=1048576"}


def test_a_cpu_quota_counts_as_a_cpu_limit() -> None:
    assert config("container_byhand").nano_cpus == 500_000_000


@pytest.mark.parametrize(
    ("host", "nano"),
    [
        ({"NanoCpus": 700_000_000, "CpuQuota": -1}, 700_000_000),
        ({"NanoCpus": 0, "CpuQuota": -1}, 0),
        ({"NanoCpus": 0, "CpuQuota": 50_000, "CpuPeriod": 200_000}, 250_000_000),
        ({"NanoCpus": None, "CpuQuota": None}, 0),
    ],
)
def test_the_cpu_limit_is_the_one_in_force(host: dict[str, Any], nano: int) -> None:
    assert config("container_byhand", **host).nano_cpus == nano


def test_a_range_of_host_ports_lets_the_engine_choose() -> None:
    assert config("container_byhand").ports == (PortBinding(80), PortBinding(443))


def test_a_binding_without_addresses_is_a_port_of_the_engines_choice() -> None:
    assert config("container_byhand", PortBindings={"80/tcp": None}).ports == (PortBinding(80),)


def test_unlimited_processes_are_no_limit() -> None:
    assert recorded("container_byhand")["HostConfig"]["PidsLimit"] in {-1, 0, None}
    assert config("container_byhand", PidsLimit=-1).pids_limit == 0


def test_capabilities_have_no_prefix() -> None:
    assert config("container_byhand").cap_add == ("NET_ADMIN",)


@pytest.mark.parametrize("option", ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"])
def test_every_spelling_of_no_new_privileges_is_known(option: str) -> None:
    assert config("container_byhand", SecurityOpt=["label=disable", option]).no_new_privileges is True
    assert config("container_byhand", SecurityOpt=["no-new-privileges:false"]).no_new_privileges is False


def test_a_container_on_the_hosts_network_has_no_hostname_of_its_own() -> None:
    live = config("container_onhost")
    assert live.hostname == ""
    assert live.networks == (NetworkAttachment("host"),)


def test_a_hostname_chosen_on_the_hosts_network_is_kept() -> None:
    told = recorded("container_onhost")
    told["Config"]["Hostname"] = "mine"
    assert container_config(told, host_name="host-a").hostname == "mine"


def test_a_container_in_anothers_network_has_that_ones_hostname_and_none_of_its_own() -> None:
    told = recorded("container_sharing")
    told["Config"]["Hostname"] = "ef88f5be987a"
    assert container_config(told, host_name="host-a").hostname == ""


def test_a_container_in_anothers_network_says_whose() -> None:
    (network,) = config("container_sharing").networks or ()
    assert network.name.startswith("container:")


def test_aliases_that_the_engine_adds_are_left_out() -> None:
    told = recorded("container_wanted")
    raw = told["NetworkSettings"]["Networks"]["n1"]["Aliases"]
    assert {told["Id"][:12], "hh"} <= set(raw), "the recording has the engine's own aliases"
    assert container_config(told, host_name="").networks == FULL.networks


def test_an_alias_that_equals_name_or_hostname_is_kept_when_it_was_asked_for() -> None:
    told = recorded("container_wanted")
    told["NetworkSettings"]["Networks"]["n1"]["Aliases"] = ["wanted", "hh", told["Id"][:12]]
    networks = container_config(told, host_name="").networks or ()
    assert networks[0].aliases == ("hh", "wanted")


def test_aliases_of_newer_engines_are_taken_as_they_are() -> None:
    told = recorded("container_wanted")
    told["NetworkSettings"]["Networks"]["n1"]["Aliases"] = ["web"]
    networks = container_config(told, host_name="").networks or ()
    assert networks[0].aliases == ("web",)


def test_a_container_without_a_health_check_has_a_disabled_one() -> None:
    assert config("container_byhand").health == NONE


def test_a_disabled_check_forgets_the_images_intervals() -> None:
    told = recorded("container_sick")
    told["Config"]["Healthcheck"] = {"Test": ["NONE"], "Interval": 3_000_000_000}
    assert container_config(told, host_name="").health == NONE


def test_the_last_probes_are_told_in_bounded_lines() -> None:
    told = recorded("container_sick")
    assert container_detail(told, host_name="").health_log[-1] == "exit 1: sick"
    told["State"]["Health"]["Log"] = [{"ExitCode": n, "Output": "two\nlines " + "x" * 1000} for n in range(9)]
    log = container_detail(told, host_name="").health_log
    assert [line[:17] for line in log] == [f"exit {n}: two lines" for n in range(4, 9)]
    assert {len(line) for line in log} == {HEALTH_LOG_CHARACTERS}


def test_a_variable_that_is_only_named_is_not_there() -> None:
    told = recorded("container_byhand")
    told["Config"]["Env"] = ["GONE", "EMPTY=", "A=b=c"]
    assert container_config(told, host_name="").environment == {"EMPTY": "", "A": "b=c"}


def test_every_field_is_concrete_but_the_stop_timeout() -> None:
    live = config("container_byhand")
    assert [field.name for field in fields(live) if getattr(live, field.name) is None] == ["stop_timeout_s"]
