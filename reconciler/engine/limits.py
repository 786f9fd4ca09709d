"""Changing limits of a live container: what the engine can do in place, and what it can't. Pure.

In an update the engine takes 0 for "as it is": a memory limit and a CPU limit cannot be lifted from a live
container, only changed; that needs a new container. A process limit can be lifted. A CPU quota set by hand
blocks the CPU limit until it is taken away (-1).

Source: moby 20.10 ``container/container_unix.go`` UpdateContainer; tried on engine 20.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.action import UpdateLimits


def update_body(limits: UpdateLimits, *, swap_limit: bool) -> dict[str, Any]:
    """The body of ``POST /containers/{id}/update``; what is None, or can't be lifted, is not in it."""
    body: dict[str, Any] = {}
    if limits.memory_bytes:
        body["Memory"] = limits.memory_bytes
    if limits.memory_swap_bytes and swap_limit:
        body["MemorySwap"] = limits.memory_swap_bytes
    if limits.nano_cpus:
        body["NanoCpus"] = limits.nano_cpus
    if limits.pids_limit is not None:
        body["PidsLimit"] = limits.pids_limit
    return body


def unliftable(limits: UpdateLimits, host: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the limits that are to be lifted and can't be on a live container with this ``HostConfig``."""
    pairs = (("memory", limits.memory_bytes, "Memory"), ("CPU", limits.nano_cpus, "NanoCpus"))
    return tuple(name for name, wanted, key in pairs if wanted == 0 and (host.get(key) or 0) > 0)


def blocked_by_quota(limits: UpdateLimits, host: Mapping[str, Any]) -> bool:
    """Whether a quota set by hand has to be taken away first."""
    return limits.nano_cpus is not None and (host.get("CpuQuota") or 0) > 0


NO_QUOTA: Mapping[str, int] = {"CpuQuota": -1}
