"""Bounds on what is ordinary: where images come from, which ports are published, how much a container may have.

Nothing is bounded unless the policy says so. Where it does, a document has to declare its limit: a limit that
nobody declared is none, and one that was put in silently would be seen by nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.core.container import ContainerConfig, PortBinding
from reconciler.core.display import shown
from reconciler.core.policy_request import Denied, Request
from reconciler.core.policy_values import Maximum, Policy, PortRange
from reconciler.core.repository import matches

CHOSEN_BY_ENGINE: Final = PortRange(32768, 60999)
"""Host ports out of which the engine chooses where a document leaves it to it (Linux, ``ip_local_port_range``)."""


def bounds(request: Request, policy: Policy) -> Iterator[Denied]:
    """Everything of this kind that is refused."""
    yield from _registry(request, policy)
    for port in request.config.ports or ():
        if policy.ports is not None and not any(_holds(item, port) for item in policy.ports):
            wanted = _wanted(port)
            yield Denied("ports", f"publishes {port}", str(wanted))
    yield from _limits(request, policy)


def _registry(request: Request, policy: Policy) -> Iterator[Denied]:
    repository = request.image.repository
    if policy.registries is not None and not any(matches(repository, item) for item in policy.registries):
        yield Denied("registries", f"runs an image of {repository}", repository)


def _wanted(port: PortBinding) -> PortRange:
    first, last = (
        (port.host_port, port.host_port) if port.host_port else (CHOSEN_BY_ENGINE.first, CHOSEN_BY_ENGINE.last)
    )
    return PortRange(first, last, port.host_ip)


def _holds(allowed: PortRange, port: PortBinding) -> bool:
    wanted = _wanted(port)
    address = not allowed.address or allowed.address == wanted.address
    return address and allowed.first <= wanted.first and wanted.last <= allowed.last


def _limits(request: Request, policy: Policy) -> Iterator[Denied]:
    config, maximum = request.config, policy.maximum
    found = (
        ("memory", "memory_bytes", ("memoryLimit", "mem_limit"), config.memory_bytes, maximum.memory_bytes),
        ("cpus", "nano_cpus", ("cpuLimit", "cpus"), config.nano_cpus, maximum.nano_cpus),
        ("pids", "pids", ("pidsLimit", "pids_limit"), config.pids_limit, maximum.pids),
    )
    for what, unit, keys, wanted, most in found:
        if most is None or 0 < (wanted or 0) <= most:
            continue
        asked = f"wants {shown(unit, wanted)}" if (wanted or 0) > 0 else "declares no limit"
        bound = shown(unit, most)
        advice = f"declare {request.names(*keys)} of at most {bound}"
        yield Denied(f"maximum.{what}", f"{asked} of {what}, the most is {bound}", advice=advice)
    yield from _swap(config, maximum)


def _swap(config: ContainerConfig, maximum: Maximum) -> Iterator[Denied]:
    """Memory and swap together: twice the memory where nothing is said (docker run, ``--memory-swap``)."""
    most, swap = maximum.memory_bytes, config.memory_swap_bytes or 0
    if most is not None and (swap < 0 or swap > 2 * most):
        bound = shown("memory_bytes", 2 * most)
        asked = shown("memory_bytes", swap)
        advice = f"declare memswap_limit of at most {bound}"
        yield Denied("maximum.memory", f"wants {asked} of memory with swap, the most is {bound}", advice=advice)
