"""At which address a health check over HTTP asks, and what a task may expect to find."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.agent.http_check import address_of
from reconciler.core.container import PortBinding
from reconciler.core.observation import ContainerRow
from reconciler.core.project import SERVICE_LABEL
from reconciler.errors import InputError
from reconciler.protocol.message.payload import HttpCheck

CHECK = HttpCheck(path="/ready?x=1", port=8080, timeout_seconds=1, retries=0, interval_seconds=1)


def row(service: str = "", *, host_ip: str = "", host_port: int = 18080, **changes: Any) -> ContainerRow:
    port = PortBinding(container_port=8080, host_ip=host_ip, host_port=host_port)
    labels = {SERVICE_LABEL: service} if service else {}
    return ContainerRow(**{"id": "1", "name": "web", "image_id": "i", "status": "running", "labels": labels,
                           "ports": (port,), **changes})  # fmt: skip


@pytest.mark.parametrize(
    ("host_ip", "url"),
    [
        ("", "http://127.0.0.1:18080/ready?x=1"),
        ("0.0.0.0", "http://127.0.0.1:18080/ready?x=1"),  # noqa: S104
        ("10.1.2.3", "http://10.1.2.3:18080/ready?x=1"),
        ("fd00::1", "http://[fd00::1]:18080/ready?x=1"),
    ],
)
def test_it_asks_where_the_port_is_published(host_ip: str, url: str) -> None:
    assert address_of("web", [row(host_ip=host_ip)], CHECK) == url


def test_replicas_of_one_service_are_one_and_two_services_are_not_told_apart() -> None:
    assert address_of("shop", [row("web"), row("web", host_port=18081)], CHECK).endswith(":18080/ready?x=1")
    with pytest.raises(InputError, match="admin, web of shop publish a port 8080"):
        address_of("shop", [row("web"), row("admin")], CHECK)


@pytest.mark.parametrize("found", [[], [row(status="exited")], [row(host_port=0)], [row(ports=())]])
def test_a_port_that_is_not_published_is_told(found: list[ContainerRow]) -> None:
    with pytest.raises(InputError, match="publishes its port 8080"):
        address_of("web", found, CHECK)
