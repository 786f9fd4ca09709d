"""Host ports: who holds which, and which one is free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.core.container import PortBinding
from reconciler.errors import PortTaken
from tests.simulator.state import Container, Host

FIRST_EPHEMERAL = 49_153
EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - compared, nothing binds here


def bind(host: Host, container: Container) -> tuple[PortBinding, ...]:
    """The container's ports with the host ports they get. Raises PortTaken."""
    bound: list[PortBinding] = []
    for wanted in container.config.ports or ():
        port = wanted if wanted.host_port else replace(wanted, host_port=_free(host, container, bound))
        holder = next((taken for taken in _taken(host, container, bound) if _overlap(taken, port)), None)
        if holder is not None:
            raise PortTaken(f"cannot start {container.name}: host port {port} is already allocated")
        bound.append(port)
    return tuple(sorted(bound))


def _taken(host: Host, container: Container, own: Iterable[PortBinding]) -> Iterable[PortBinding]:
    yield from own
    yield from host.occupied
    for other in host.containers.values():
        if other is not container:
            yield from other.published


def _free(host: Host, container: Container, own: Iterable[PortBinding]) -> int:
    taken = {port.host_port for port in _taken(host, container, own)}
    return next(port for port in range(FIRST_EPHEMERAL, 65_536) if port not in taken)


def _overlap(one: PortBinding, other: PortBinding) -> bool:
    if (one.host_port, one.protocol) != (other.host_port, other.protocol):
        return False
    return one.host_ip == other.host_ip or bool({one.host_ip, other.host_ip} & EVERYWHERE)
