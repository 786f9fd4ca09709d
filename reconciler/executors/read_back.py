"""Did the engine take what was asked of it?

Engines ignore options that they do not know, and some that the kernel lacks, without an error. Here a created
container is compared with what was declared. Decides which fields are missing; what follows is the caller's, but
for ports, without which a container has not been started as it was asked.

Invariants: only declared (not ``None``) fields count; what image and engine add beside them is allowed; the
answer names fields, never values, because a value may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any

from reconciler.core.action import UpdateLimits
from reconciler.core.container import ContainerConfig, HealthProbe, Logging, NetworkAttachment, PortBinding
from reconciler.core.effective import effective_config
from reconciler.core.observation import ContainerDetail, EngineFacts, ImageFacts
from reconciler.errors import VerificationFailed


def dropped_fields(
    declared: ContainerConfig, found: ContainerConfig, *, image: ImageFacts | None, engine: EngineFacts
) -> tuple[str, ...]:
    """Names of declared fields that the container does not have, in the order of ``ContainerConfig``.

    What a declared value comes to on this image and engine (an empty command is the image's) is ``effective``'s
    business.
    """
    wanted = effective_config(declared, image, engine)
    names = [field.name for field in fields(ContainerConfig) if getattr(declared, field.name) is not None]
    return tuple(name for name in names if not _taken(name, getattr(wanted, name), getattr(found, name)))


def differing_limits(wanted: UpdateLimits, found: ContainerConfig, engine: EngineFacts) -> tuple[str, ...]:
    """Names of the limits of ``wanted`` that the container does not have; swap only where the kernel limits it."""
    names = ["memory_bytes", "nano_cpus", "pids_limit", *(["memory_swap_bytes"] if engine.swap_limit else [])]
    return tuple(name for name in names if not _taken(name, getattr(wanted, name), getattr(found, name)))


def missing_labels(wanted: Mapping[str, str], found: Mapping[str, str] | None) -> tuple[str, ...]:
    """Keys of labels that are not there with their value."""
    return tuple(sorted(key for key, value in wanted.items() if (found or {}).get(key) != value))


def unpublished_ports(detail: ContainerDetail) -> tuple[PortBinding, ...]:
    """Ports that a running container was created with and nothing listens for on the host.

    Nothing to say of one that is not running, and of one on the host's own network, which publishes none.
    """
    on_host_network = any(network.name == "host" for network in detail.config.networks or ())
    if detail.status != "running" or on_host_network:
        return ()
    return tuple(port for port in detail.config.ports or () if not _published(port, detail.published))


def refuse_unpublished(name: str, detail: ContainerDetail | None) -> None:
    """Raise VerificationFailed for a started container with ports that nothing listens for."""
    closed = unpublished_ports(detail) if detail is not None else ()
    if closed:
        raise VerificationFailed(
            f"started {name}, but the engine did not publish {', '.join(map(str, closed))}",
            hint="a network that is internal publishes no ports",
        )


def _published(port: PortBinding, published: Collection[PortBinding]) -> bool:
    return any(
        (port.container_port, port.protocol) == (real.container_port, real.protocol)
        and port.host_port in {0, real.host_port}
        for real in published
    )


def _taken(name: str, declared: Any, found: Any) -> bool:
    if declared is None:
        return True
    compare = _COMPARISONS.get(name)
    if compare is not None:
        return compare(declared, found)
    if isinstance(declared, Mapping):
        return declared.items() <= (found or {}).items()
    return bool(declared == found)


def _contained(declared: Collection[Any], found: Collection[Any] | None) -> bool:
    return set(declared) <= set(found or ())


def _same_networks(declared: Collection[NetworkAttachment], found: Collection[NetworkAttachment] | None) -> bool:
    """The engine adds aliases of its own (the container's short id)."""
    there = {network.name: set(network.aliases) for network in found or ()}
    return all(network.name in there and set(network.aliases) <= there[network.name] for network in declared)


def _same_logging(declared: Logging, found: Logging | None) -> bool:
    """An empty driver is the daemon's default, whichever that is."""
    if found is None:
        return False
    options = (declared.options or {}).items() <= (found.options or {}).items()
    return options and declared.driver in {"", found.driver}


def _same_health(declared: HealthProbe, found: HealthProbe | None) -> bool:
    """No test, zero durations and zero retries leave the value to image and engine. Disabled is not there."""
    if declared.disabled:
        return found is None or found.disabled or not found.test
    if found is None:
        return not declared.test
    return all(
        getattr(declared, field.name) in {field.default, getattr(found, field.name)}
        for field in fields(HealthProbe)
    )


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "ports": _contained,
    "mounts": _contained,
    "cap_add": _contained,
    "cap_drop": _contained,
    "extra_hosts": _contained,
    "devices": _contained,
    "networks": _same_networks,
    "logging": _same_logging,
    "health": _same_health,
}
