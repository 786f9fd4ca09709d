"""From recorded lists, images and engine answers to core values."""

from __future__ import annotations

import pytest

from reconciler.core.container import HealthProbe, PortBinding
from reconciler.core.observation import ContainerRow, EngineFacts
from reconciler.engine.translate_list import container_row, engine_facts, image_facts
from tests.engine.recorded import recorded

EVERYWHERE = "0.0.0.0"  # noqa: S104  (read, not bound)


def rows() -> dict[str, ContainerRow]:
    return {row.name: row for row in map(container_row, recorded("containers"))}


def test_every_container_has_its_row() -> None:
    assert set(rows()) == {"wanted", "byhand", "onhost", "sharing", "sick"}


def test_state_and_health_are_read_from_the_row() -> None:
    found = {name: (row.status, row.health) for name, row in rows().items()}
    assert found == {
        "wanted": ("running", "healthy"),
        "byhand": ("running", "none"),
        "onhost": ("running", "none"),
        "sharing": ("paused", "none"),
        "sick": ("running", "unhealthy"),
    }


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 3 seconds (health: starting)", "starting"),
        ("Up 2 hours (healthy)", "healthy"),
        ("Up 2 hours (unhealthy)", "unhealthy"),
        ("Up 2 hours (Paused)", "none"),
        ("Exited (0) 3 minutes ago", "none"),
        ("", "none"),
    ],
)
def test_health_is_the_last_word_of_the_status(status: str, health: str) -> None:
    assert container_row({**recorded("containers")[0], "Status": status}).health == health


def test_health_is_also_read_from_the_field_of_newer_engines() -> None:
    told = {**recorded("containers")[0], "Status": "Up 2 hours", "Health": {"Status": "healthy"}}
    assert container_row(told).health == "healthy"


def test_published_ports_are_told_once_and_exposed_ones_not_at_all() -> None:
    told = recorded("containers")[0]
    told["Ports"] = [
        {"IP": EVERYWHERE, "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "127.0.0.1", "PrivatePort": 53, "PublicPort": 53, "Type": "udp"},
        {"PrivatePort": 443, "Type": "tcp"},
    ]
    assert container_row(told).ports == (PortBinding(53, "udp", "127.0.0.1", 53), PortBinding(80, "tcp", "", 8080))


def test_a_link_is_not_the_containers_name() -> None:
    told = recorded("containers")[0]
    assert container_row({**told, "Names": ["/web/db", "/db"]}).name == "db"
    assert container_row({**told, "Names": ["/web/db"]}).name == ""
    assert container_row({**told, "Names": None}).name == ""


def test_a_state_nobody_knows_is_no_running_container() -> None:
    assert container_row({**recorded("containers")[0], "State": "dreaming"}).status == "dead"


def test_networks_are_sorted_names() -> None:
    assert rows()["wanted"].networks == ("n1", "n2")


def test_an_image_tells_the_defaults_it_gives() -> None:
    facts = image_facts(recorded("image_rich"))
    assert facts.repo_digests[0].startswith("registry.example.com/shop/rich@sha256:")
    assert facts.platform == "linux/amd64"
    assert (facts.command, facts.entrypoint) == (("sleep", "300"), ("/bin/busybox",))
    assert (facts.user, facts.working_dir, facts.stop_signal) == ("1000:1000", "/srv", "SIGINT")
    assert facts.environment == {"PATH": "/bin", "A": "from-image", "B": "b"}
    assert facts.labels == {"from": "image", "stella.x": "1"}
    assert facts.health == HealthProbe(test=("CMD-SHELL", "true"), interval_ms=3000, timeout_ms=2000, retries=4)


def test_an_image_without_defaults_gives_none() -> None:
    facts = image_facts(recorded("image_plain"))
    assert (facts.entrypoint, facts.user, facts.environment, facts.health) == ((), "", {}, None)
    assert image_facts({"Id": "sha256:1", "Config": None}).command == ()


def test_an_image_that_disables_the_check_has_none() -> None:
    told = recorded("image_rich")
    told["Config"]["Healthcheck"] = {"Test": ["NONE"]}
    assert image_facts(told).health is None


def test_the_engine_tells_of_itself() -> None:
    assert engine_facts(recorded("version"), recorded("info"), api_version="1.41") == EngineFacts(
        version="20.10.24+dfsg1", api_version="1.41", architecture="amd64"
    )
