"""Creating, renaming, updating and removing containers, with the refusals of a real engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.action import UpdateLimits
from reconciler.core.container import ContainerConfig, NetworkAttachment
from reconciler.errors import EngineRefused, NameTaken, NoSpace, NotFound
from tests.simulator.merge import merged
from tests.simulator.state import Container, Host, Image, Volume

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
LEAST_MEMORY = 6 * 1024 * 1024


def create(host: Host, name: str, *, image: str, config: ContainerConfig, labels: Mapping[str, str]) -> Container:
    """Raises NameTaken, NotFound, EngineRefused, NoSpace; nothing is left behind then."""
    check_name(host, name)
    found = host.image(image)
    if found is None:
        raise NotFound(f"cannot create {name}: no image {image}")
    full = merged(config, found.facts, host.facts, labels=labels)
    if not full.command and not full.entrypoint:
        raise EngineRefused(f"cannot create {name}: no command specified")
    _check_limits(host, name, full)
    _check_things(host, name, full)
    if host.disk_full:
        raise NoSpace(f"cannot create {name}: no space left on device")
    container = Container(
        id=host.new_id(),
        name=name,
        image_id=found.facts.id,
        image_reference=image,
        config=full,
        behaviour=found.behaviour,
        created=host.clock(),
        anonymous_volumes=_make_volumes(host, full, found),
    )
    host.containers[container.id] = container
    host.emit(container, "create")
    return container


def check_name(host: Host, name: str) -> None:
    if not NAME.fullmatch(name):
        raise EngineRefused(f"invalid container name {name!r}")
    holder = host.named(name)
    if holder is not None:
        raise NameTaken(f"the name {name} is in use by container {holder.id[:12]}")


def _check_limits(host: Host, name: str, config: ContainerConfig) -> None:
    memory, swap = config.memory_bytes or 0, config.memory_swap_bytes or 0
    if 0 < memory < LEAST_MEMORY:
        raise EngineRefused(f"cannot create {name}: minimum memory limit allowed is 6MB")
    if swap > 0 and swap < memory:
        raise EngineRefused(f"cannot create {name}: memory and swap together are less than memory")
    if swap > 0 and not memory:
        raise EngineRefused(f"cannot create {name}: a swap limit needs a memory limit")
    if (config.nano_cpus or 0) > host.cpus * 1_000_000_000:
        raise EngineRefused(f"cannot create {name}: range of CPUs is from 0.01 to {host.cpus}.00")


def _check_things(host: Host, name: str, config: ContainerConfig) -> None:
    for mount in config.mounts or ():
        if mount.type == "bind" and mount.source not in host.paths:
            raise NotFound(f"cannot create {name}: bind source path does not exist: {mount.source}")
    for network in config.networks or ():
        if network.name not in host.networks:
            raise NotFound(f"cannot create {name}: network {network.name} not found")


def _make_volumes(host: Host, config: ContainerConfig, image: Image) -> tuple[str, ...]:
    """Named volumes come into being; each unmounted volume path of the image gets an anonymous one."""
    covered = set(config.tmpfs or ())
    for mount in config.mounts or ():
        covered.add(mount.target)
        if mount.type == "volume":
            host.volumes.setdefault(mount.source, Volume())
    anonymous = tuple(host.new_id() for path in image.volumes if path not in covered)
    for volume in anonymous:
        host.volumes[volume] = Volume(anonymous=True)
    return anonymous


def remove(host: Host, container: Container, *, volumes: bool) -> None:
    """Raises EngineRefused while it lives."""
    if container.alive:
        raise EngineRefused(f"cannot remove {container.name}: it is {container.status}; stop it first")
    del host.containers[container.id]
    if volumes:
        for volume in container.anonymous_volumes:
            host.volumes.pop(volume, None)
    host.emit(container, "destroy")


def rename(host: Host, container: Container, name: str) -> None:
    if container.name == name:
        return
    check_name(host, name)
    container.name = name
    host.emit(container, "rename")


def update_limits(host: Host, container: Container, limits: UpdateLimits) -> None:
    """Raises EngineRefused as create does, and for lifting a memory or CPU limit: in an update 0 means nothing."""
    for name in ("memory_bytes", "nano_cpus"):
        if getattr(limits, name) == 0 and getattr(container.config, name):
            raise EngineRefused(f"cannot update {container.name}: only a new container is without {name}")
    wanted = {
        name: value
        for name in ("memory_bytes", "memory_swap_bytes", "nano_cpus", "pids_limit")
        if (value := getattr(limits, name)) is not None and (value or name == "pids_limit")
    }
    config = replace(container.config, **wanted)
    _check_limits(host, container.name, config)
    container.config = config
    host.emit(container, "update")


def connect(host: Host, container: Container, network: NetworkAttachment) -> None:
    """Raises NotFound without such a network."""
    if network.name not in host.networks:
        raise NotFound(f"cannot connect {container.name}: network {network.name} not found")
    present = container.config.networks or ()
    if network.name not in {item.name for item in present}:
        attached = NetworkAttachment(network.name, tuple(sorted(network.aliases)))
        container.config = replace(container.config, networks=tuple(sorted((*present, attached))))
        host.emit_network(container, "network-connect")


def disconnect(host: Host, container: Container, network: str) -> None:
    present = container.config.networks or ()
    left = tuple(item for item in present if item.name != network)
    if left != present:
        container.config = replace(container.config, networks=left)
        host.emit_network(container, "network-disconnect")
