"""Repair: which differences of a live container can be put right in place, and by which Actions.

What is not listed here needs a replacement (``needs_replacement``), since the engine cannot change it on an
existing container. Nothing here starts, stops or creates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.core.action import (
    Action,
    ConnectNetwork,
    ContainerRef,
    CreateNetwork,
    DisconnectNetwork,
    SetRestartPolicy,
    UpdateLimits,
)
from reconciler.core.container import BUILT_IN_NETWORKS, ContainerConfig
from reconciler.core.delivery_drift import ABSENT
from reconciler.core.drift import FIELDS, Drift
from reconciler.core.effective import effective_config
from reconciler.core.observation import ContainerDetail
from reconciler.core.situation import Situation

LIMITS = {
    "config.memoryLimit": "memory_bytes",
    "config.memoryLimit.swap": "memory_swap_bytes",
    "config.cpuLimit": "nano_cpus",
    "config.pidsLimit": "pids_limit",
}
IN_PLACE = frozenset({*LIMITS, "config.restartPolicy", "config.networks"})
NEVER_LIFTED = ("memory_bytes", "nano_cpus")
"""The engine changes these limits on a live container but cannot take them away (API: 0 means "as it is")."""

OWN_NAMESPACE = frozenset({"host", "none"})
"""Networks that decide the namespace a container is created in; nothing is connected to or from them later."""

OF_THE_LIVE_CONTAINER = frozenset({"image", "files", "secret", *(kind for _, kind, _ in FIELDS)})
"""Drift kinds that speak of the container as it was made, not of its state or of what is beside it."""

DELIVERED = frozenset({"files", "secret"})
"""Of these, what is only gone from the host is delivered again; what was altered may have been read."""


def needs_replacement(
    situation: Situation,
    detail: ContainerDetail | None,
    drift: Iterable[Drift],
    *,
    in_place: frozenset[str] = IN_PLACE,
) -> tuple[Drift, ...]:
    """The differences that only a new container removes; ``in_place`` are paths that need none."""
    wanted = effective_config(situation.desired.config, None, situation.observation.engine)
    found = detail.config if detail else ContainerConfig()
    return tuple(
        item
        for item in drift
        if item.kind in OF_THE_LIVE_CONTAINER
        and not (item.kind in DELIVERED and item.found == ABSENT)
        and not (item.path in in_place and _changeable(item, wanted, found))
    )


def _changeable(item: Drift, wanted: ContainerConfig, found: ContainerConfig) -> bool:
    """Whether the engine can take a live container from ``found`` to ``wanted`` in this respect."""
    if item.path == "config.networks":
        return not {one.name for one in (*(wanted.networks or ()), *(found.networks or ()))} & OWN_NAMESPACE
    attribute = LIMITS.get(item.path, "")
    if attribute == "memory_swap_bytes":
        attribute = "memory_bytes"
    return attribute not in NEVER_LIFTED or bool(getattr(wanted, attribute))


def repair_in_place(situation: Situation, detail: ContainerDetail, drift: Iterable[Drift]) -> tuple[Action, ...]:
    """The Actions that put right what can be put right without a restart."""
    container = ContainerRef(detail.name, detail.id)
    items = {item.path: item for item in drift}
    wanted = effective_config(situation.desired.config, None, situation.observation.engine)
    return (
        *_restart_policy(situation, container, wanted, items),
        *_limits(situation, container, wanted, items),
        *_networks(situation, detail, wanted, items),
    )


def _because(item: Drift) -> str:
    return f"{item.path} is {item.found}, wanted {item.wanted}"


def _restart_policy(
    situation: Situation, container: ContainerRef, wanted: ContainerConfig, items: dict[str, Drift]
) -> Iterator[Action]:
    item = items.get("config.restartPolicy")
    if item is not None and wanted.restart_policy is not None:
        yield SetRestartPolicy(
            document=situation.desired.name,
            cause=_because(item),
            container=container,
            policy=wanted.restart_policy,
        )


def _limits(
    situation: Situation, container: ContainerRef, wanted: ContainerConfig, items: dict[str, Drift]
) -> Iterator[Action]:
    differing = [items[path] for path in LIMITS if path in items]
    if not differing:
        return
    memory = any(path in items for path in ("config.memoryLimit", "config.memoryLimit.swap"))
    yield UpdateLimits(
        document=situation.desired.name,
        cause=", ".join(_because(item) for item in differing),
        container=container,
        memory_bytes=wanted.memory_bytes if memory else None,
        memory_swap_bytes=wanted.memory_swap_bytes if memory else None,
        nano_cpus=wanted.nano_cpus if "config.cpuLimit" in items else None,
        pids_limit=wanted.pids_limit if "config.pidsLimit" in items else None,
    )


def _networks(
    situation: Situation, detail: ContainerDetail, wanted: ContainerConfig, items: dict[str, Drift]
) -> Iterator[Action]:
    item = items.get("config.networks")
    if item is None:
        return
    container, cause = ContainerRef(detail.name, detail.id), _because(item)
    document = situation.desired.name
    want, have = set(wanted.networks or ()), set(detail.config.networks or ())
    for extra in sorted(have - want):
        yield DisconnectNetwork(document=document, cause=cause, container=container, network=extra.name)
    present = situation.observation.networks
    for missing in sorted(want - have):
        if present is not None and missing.name not in present | BUILT_IN_NETWORKS:
            yield CreateNetwork(document=document, cause="the network does not exist", network=missing.name)
        yield ConnectNetwork(document=document, cause=cause, container=container, network=missing)
