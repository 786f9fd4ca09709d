"""From the engine's inspect JSON of a container to its canonical form. Pure.

Every field of the result is concrete: what the engine shows after it merged image and defaults. Nothing is
compared here. Works on containers of any origin (docker run, Compose), so it also reads what we never write:
``Binds``, tmpfs mounts, CPU quotas.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from reconciler.core.container import (
    ContainerConfig,
    Device,
    Logging,
    Mount,
    MountType,
    NetworkAttachment,
    PortBinding,
    RestartName,
    RestartPolicy,
    Ulimit,
)
from reconciler.core.observation import ContainerDetail
from reconciler.engine.translate_common import (
    environment,
    health_of,
    port_number,
    probe,
    protocol_of,
    published_address,
    status_of,
    texts,
)

HEALTH_LOG_ENTRIES = 5
HEALTH_LOG_CHARACTERS = 300
SHORT_ID = 12
Json = Mapping[str, Any]


def container_detail(told: Json, *, host_name: str) -> ContainerDetail:
    """All that inspect tells. ``host_name`` is the host's own (which ``shares_host_name`` ones have)."""
    state = told.get("State") or {}
    health = state.get("Health") or {}
    return ContainerDetail(
        id=told["Id"],
        name=told["Name"].removeprefix("/"),
        image_id=told["Image"],
        image_reference=told["Config"].get("Image") or "",
        config=container_config(told, host_name=host_name),
        status=status_of(state.get("Status")),
        health=health_of(health.get("Status")),
        exit_code=state.get("ExitCode") or 0,
        oom_killed=bool(state.get("OOMKilled")),
        restart_count=told.get("RestartCount") or 0,
        started_at=state.get("StartedAt") or "",
        error=state.get("Error") or "",
        published=_published((told.get("NetworkSettings") or {}).get("Ports") or {}),
        health_log=_health_log(health.get("Log") or ()),
    )


def container_config(told: Json, *, host_name: str) -> ContainerConfig:
    """The live configuration, every field concrete."""
    own, host = told["Config"], told["HostConfig"]
    logging = host.get("LogConfig") or {}
    restart = host.get("RestartPolicy") or {}
    return ContainerConfig(
        command=texts(own.get("Cmd")),
        entrypoint=texts(own.get("Entrypoint")),
        user=own.get("User") or "",
        working_dir=own.get("WorkingDir") or "",
        hostname=_hostname(told, host_name),
        environment=environment(own.get("Env")),
        labels=dict(own.get("Labels") or {}),
        ports=_bound(host.get("PortBindings") or {}),
        mounts=tuple(sorted({*_mounts(host.get("Mounts") or ()), *_binds(host.get("Binds") or ())})),
        tmpfs=_tmpfs(host),
        networks=_networks(told),
        restart_policy=RestartPolicy(
            cast("RestartName", restart.get("Name") or "no"), restart.get("MaximumRetryCount") or 0
        ),
        memory_bytes=host.get("Memory") or 0,
        memory_swap_bytes=host.get("MemorySwap") or 0,
        nano_cpus=_nano_cpus(host),
        pids_limit=max(host.get("PidsLimit") or 0, 0),
        ulimits={item["Name"]: Ulimit(item["Soft"], item["Hard"]) for item in host.get("Ulimits") or ()},
        cap_add=_capabilities(host.get("CapAdd")),
        cap_drop=_capabilities(host.get("CapDrop")),
        read_only_root=bool(host.get("ReadonlyRootfs")),
        no_new_privileges=_no_new_privileges(texts(host.get("SecurityOpt"))),
        privileged=bool(host.get("Privileged")),
        init=bool(host.get("Init")),
        stop_signal=own.get("StopSignal") or "",
        stop_timeout_s=own.get("StopTimeout"),
        logging=Logging(logging.get("Type") or "", dict(logging.get("Config") or {})),
        extra_hosts=tuple(sorted(texts(host.get("ExtraHosts")))),
        dns=texts(host.get("Dns")),
        sysctls=dict(host.get("Sysctls") or {}),
        devices=tuple(sorted(_devices(host.get("Devices") or ()))),
        shm_bytes=host.get("ShmSize") or 0,
        health=probe(own.get("Healthcheck")),
    )


def shares_host_name(told: Json) -> bool:
    """Whether the container has the host's name where none was chosen."""
    host = told["HostConfig"]
    return bool(host.get("NetworkMode") == "host" or host.get("UTSMode") == "host")


def _hostname(told: Json, host_name: str) -> str:
    """Empty where nobody chose it: the engine uses the short id, or the host's name on the host's network. In the
    network of another container it is that one's, with no choice (moby ``runconfig``, ErrConflictNetworkHostname).
    """
    name: str = told["Config"].get("Hostname") or ""
    if (told["HostConfig"].get("NetworkMode") or "").startswith("container:"):
        return ""
    chosen_by_engine = name == told["Id"][:SHORT_ID] or (shares_host_name(told) and name == host_name)
    return "" if chosen_by_engine else name


def _bound(bindings: Mapping[str, Sequence[Json] | None]) -> tuple[PortBinding, ...]:
    """What was asked for; a range of host ports lets the engine choose, like none."""
    return tuple(
        sorted(
            PortBinding(
                port_number(port), protocol_of(port), item.get("HostIp") or "", port_number(item.get("HostPort"))
            )
            for port, items in bindings.items()
            for item in items or [{}]
        )
    )


def _published(ports: Mapping[str, Sequence[Json] | None]) -> tuple[PortBinding, ...]:
    """What really listens, once for IPv4 and IPv6 alike."""
    return tuple(
        sorted(
            {
                PortBinding(
                    port_number(port),
                    protocol_of(port),
                    published_address(item.get("HostIp")),
                    port_number(item.get("HostPort")),
                )
                for port, items in ports.items()
                for item in items or ()
            }
        )
    )


def _mounts(items: Sequence[Json]) -> Iterator[Mount]:
    """A volume without a source is anonymous: the image's or a ``docker run -v /path``'s, nothing declared."""
    for item in items:
        if item.get("Type") in {"bind", "volume"} and item.get("Source"):
            yield Mount(item["Target"], item["Source"], item["Type"], bool(item.get("ReadOnly")))


def _binds(items: Sequence[str]) -> Iterator[Mount]:
    """``source:target[:options]``; a source that is no path is a volume's name."""
    for item in items:
        source, _, rest = item.partition(":")
        target, _, options = rest.partition(":")
        if target:
            kind: MountType = "bind" if source.startswith("/") else "volume"
            yield Mount(target, source, kind, "ro" in options.split(","))


def _tmpfs(host: Json) -> dict[str, str]:
    """Both ways of asking for one: ``--tmpfs`` and ``--mount type=tmpfs``."""
    found = dict(host.get("Tmpfs") or {})
    for item in host.get("Mounts") or ():
        if item.get("Type") == "tmpfs":
            size = (item.get("TmpfsOptions") or {}).get("SizeBytes")
            found.setdefault(item["Target"], f"size={size}" if size else "")
    return found


def _networks(told: Json) -> tuple[NetworkAttachment, ...]:
    """By name. A container inside another one's network has none of its own: the mode says whose it uses."""
    mode = told["HostConfig"].get("NetworkMode") or ""
    if mode.startswith("container:"):
        return (NetworkAttachment(mode),)
    networks: Json = (told.get("NetworkSettings") or {}).get("Networks") or {}
    return tuple(
        sorted(
            NetworkAttachment(name, _aliases((item or {}).get("Aliases"), told["Id"]))
            for name, item in networks.items()
        )
    )


def _aliases(told: Sequence[str] | None, container_id: str) -> tuple[str, ...]:
    """Those that were asked for.

    Up to API 1.44 engines append the short id when the container starts, and after it the hostname; what stands
    before is the user's, also where it equals the container's name or hostname
    (moby 20.10 ``daemon/container_operations.go``, ``updateNetworkConfig``).
    """
    aliases = list(told or ())
    short = container_id[:SHORT_ID]
    asked = aliases[: aliases.index(short)] if short in aliases else aliases
    return tuple(sorted(set(asked)))


def _nano_cpus(host: Json) -> int:
    """The limit, also where it was set as quota and period (``docker update --cpu-quota``)."""
    nano: int = host.get("NanoCpus") or 0
    quota: int = host.get("CpuQuota") or 0
    if nano or quota <= 0:
        return nano
    period: int = host.get("CpuPeriod") or 100_000
    return quota * 1_000_000_000 // period


def _capabilities(told: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(sorted({item.upper().removeprefix("CAP_") for item in texts(told)}))


def _no_new_privileges(options: tuple[str, ...]) -> bool:
    return any(
        option in {"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"} for option in options
    )


def _devices(items: Sequence[Json]) -> Iterator[Device]:
    for item in items:
        yield Device(item["PathOnHost"], item["PathInContainer"], item.get("CgroupPermissions") or "rwm")


def _health_log(entries: Sequence[Json]) -> tuple[str, ...]:
    """The last probes, one bounded line each, oldest first."""
    return tuple(
        f"exit {entry.get('ExitCode')}: {' '.join(str(entry.get('Output') or '').split())}"[:HEALTH_LOG_CHARACTERS]
        for entry in entries[-HEALTH_LOG_ENTRIES:]
    )
