"""Host ports: whether one that is wanted is held by a container that does not give way."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.container import PortBinding
from reconciler.core.observation import Observation


def port_conflict(wanted: Iterable[PortBinding], ours: frozenset[str], observation: Observation) -> str:
    """A published host port that a container outside of ``ours`` (ids) holds, in words; "" when there is none."""
    for port in wanted:
        for row in observation.containers:
            if row.id in ours or not port.host_port:
                continue
            if any(collide(port, item) for item in row.ports):
                return f"host port {port.host_port}/{port.protocol} is held by container {row.name}"
    return ""


def collide(one: PortBinding, other: PortBinding) -> bool:
    """Whether two containers cannot both publish so."""
    same = one.host_port == other.host_port and one.protocol == other.protocol
    return bool(one.host_port) and same and _overlap((one.host_ip, other.host_ip))


def _overlap(addresses: tuple[str, str]) -> bool:
    everywhere = {"", "0.0.0.0", "::"}  # noqa: S104  (compared, not bound)
    return addresses[0] == addresses[1] or bool(everywhere & set(addresses))
