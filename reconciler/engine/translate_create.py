"""From our canonical container to the engine's JSON of ``POST /containers/create``. Pure.

Decides how a declaration is said so that the engine does what was meant: ``Mounts`` instead of ``Binds`` (a
missing host path is refused, not made), ``ExposedPorts`` beside port bindings (else nothing is published),
``MemorySwap`` beside ``Memory`` (else as much swap again is allowed), CPUs as ``NanoCpus``. What is not declared
is not said, and left to image and engine.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.container import ContainerConfig, HealthProbe, NetworkAttachment, PortBinding, RestartPolicy
from reconciler.core.desired import ImageReference

NO_NEW_PRIVILEGES = "no-new-privileges"


def creation(
    image: ImageReference, config: ContainerConfig, labels: Mapping[str, str], *, swap_limit: bool
) -> dict[str, Any]:
    """The request's body. ``labels`` win over those of ``config``. ``swap_limit``: whether the kernel has one.

    Only the first network is in it; engines before API 1.44 take no more (see ``further_networks``).
    """
    body = _container(config) | {"Image": str(image), "Labels": {**(config.labels or {}), **labels}}
    if config.ports:
        body["ExposedPorts"] = {f"{port.container_port}/{port.protocol}": {} for port in config.ports}
    if config.networks:
        first = config.networks[0]
        body["NetworkingConfig"] = {"EndpointsConfig": {first.name: endpoint(first)}}
    body["HostConfig"] = _host(config) | _limits(config, swap_limit=swap_limit)
    return body


def isolation(beside: str) -> dict[str, Any]:
    """What a sandbox has in ``HostConfig`` besides: memory that no other container shares, and, if wanted, the
    network of the container ``beside`` (id).
    """
    return {"IpcMode": "private", **({"NetworkMode": f"container:{beside}"} if beside else {})}


def further_networks(config: ContainerConfig) -> tuple[NetworkAttachment, ...]:
    """The networks to connect after creation."""
    return (config.networks or ())[1:]


def endpoint(network: NetworkAttachment) -> dict[str, Any]:
    """``EndpointConfig`` of one attachment."""
    return {"Aliases": list(network.aliases)} if network.aliases else {}


def restart_policy(policy: RestartPolicy) -> dict[str, Any]:
    """``RestartPolicy``; a count is only allowed with ``on-failure``."""
    retries = policy.max_retries if policy.name == "on-failure" else 0
    return {"Name": policy.name, "MaximumRetryCount": retries}


def _container(config: ContainerConfig) -> dict[str, Any]:
    return _said(
        Cmd=_list(config.command),
        Entrypoint=_list(config.entrypoint),
        User=config.user,
        WorkingDir=config.working_dir,
        Hostname=config.hostname,
        Env=None
        if config.environment is None
        else [f"{name}={value}" for name, value in sorted(config.environment.items())],
        StopSignal=config.stop_signal,
        StopTimeout=config.stop_timeout_s,
        Healthcheck=None if config.health is None else _health(config.health),
    )


def _host(config: ContainerConfig) -> dict[str, Any]:
    logging = config.logging
    return _said(
        NetworkMode=config.networks[0].name if config.networks else None,
        PortBindings=None if config.ports is None else _bindings(config.ports),
        Mounts=None
        if config.mounts is None
        else [
            {"Type": mount.type, "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}
            for mount in config.mounts
        ],
        Tmpfs=None if config.tmpfs is None else dict(config.tmpfs),
        RestartPolicy=None if config.restart_policy is None else restart_policy(config.restart_policy),
        CapAdd=_list(config.cap_add),
        CapDrop=_list(config.cap_drop),
        ReadonlyRootfs=config.read_only_root,
        SecurityOpt=[NO_NEW_PRIVILEGES] if config.no_new_privileges else None,
        Privileged=config.privileged,
        Init=config.init,
        LogConfig=None if logging is None else {"Type": logging.driver, "Config": dict(logging.options or {})},
        ExtraHosts=_list(config.extra_hosts),
        Dns=_list(config.dns),
        Sysctls=None if config.sysctls is None else dict(config.sysctls),
        ShmSize=config.shm_bytes,
    )


def _limits(config: ContainerConfig, *, swap_limit: bool) -> dict[str, Any]:
    swap = config.memory_bytes if config.memory_swap_bytes is None else config.memory_swap_bytes
    return _said(
        Memory=config.memory_bytes,
        MemorySwap=swap if swap_limit else None,
        NanoCpus=config.nano_cpus,
        PidsLimit=config.pids_limit,
        Ulimits=None
        if config.ulimits is None
        else [
            {"Name": name, "Soft": limit.soft, "Hard": limit.hard}
            for name, limit in sorted(config.ulimits.items())
        ],
        Devices=None
        if config.devices is None
        else [
            {
                "PathOnHost": device.host_path,
                "PathInContainer": device.container_path,
                "CgroupPermissions": device.permissions,
            }
            for device in config.devices
        ],
    )


def _bindings(ports: Sequence[PortBinding]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        host = {"HostIp": port.host_ip, "HostPort": str(port.host_port) if port.host_port else ""}
        bindings.setdefault(f"{port.container_port}/{port.protocol}", []).append(host)
    return bindings


def _health(probe: HealthProbe) -> dict[str, Any]:
    """Zero and empty leave the value to the image; durations are in nanoseconds."""
    return {
        "Test": list(probe.test),
        "Interval": probe.interval_ms * 1_000_000,
        "Timeout": probe.timeout_ms * 1_000_000,
        "StartPeriod": probe.start_period_ms * 1_000_000,
        "Retries": probe.retries,
    }


def _list(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)


def _said(**fields: Any) -> dict[str, Any]:
    """The fields that have a value: an empty list says something to the engine, a missing one nothing."""
    return {name: value for name, value in fields.items() if value is not None}
