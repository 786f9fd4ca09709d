"""What a container is made of, in one canonical form.

The same class holds what a document declares (``None``: not declared) and what the engine shows (every
field concrete), so that drift is a comparison of like with like. Translation from YAML is in ``spec``,
from and to the engine's JSON in ``engine``; nothing here knows either.

Canonical form, relied upon by spec, engine, simulator and drift alike:

* durations are integer milliseconds, sizes integer bytes, CPUs integer nano-CPUs (no floats anywhere);
* sequences whose order has no meaning (ports, mounts, networks, aliases, capabilities, devices,
  extra hosts) are sorted tuples; command, entrypoint and dns keep their order;
* capabilities are upper case without ``CAP_``; protocols lower case;
* on the engine's side an absent command or entrypoint is ``()``, an absent text ``""``, no limit ``0``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Protocol = Literal["tcp", "udp", "sctp"]
MountType = Literal["bind", "volume"]
RestartName = Literal["no", "on-failure", "always", "unless-stopped"]

BUILT_IN_NETWORKS: Final = frozenset({"bridge", "host", "none"})
"""Networks of the engine itself; containers have no aliases in them."""


@dataclass(frozen=True, slots=True, order=True)
class PortBinding:
    """One published port. ``host_ip`` "" means all addresses; ``host_port`` 0 lets the engine choose."""

    container_port: int
    protocol: Protocol = "tcp"
    host_ip: str = ""
    host_port: int = 0

    def __str__(self) -> str:
        host = f"[{self.host_ip}]:" if ":" in self.host_ip else f"{self.host_ip}:" if self.host_ip else ""
        port = f"{self.host_port}:" if self.host_port else ""
        return f"{host}{port}{self.container_port}/{self.protocol}"


@dataclass(frozen=True, slots=True, order=True)
class Mount:
    """A bind of a host path or a named volume at ``target`` (absolute path in the container)."""

    target: str
    source: str
    type: MountType = "volume"
    read_only: bool = False

    def __str__(self) -> str:
        return f"{self.source}:{self.target}{':ro' if self.read_only else ''}"


@dataclass(frozen=True, slots=True, order=True)
class NetworkAttachment:
    """Membership in a network by name, with the aliases the document asked for (sorted)."""

    name: str
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.aliases)})" if self.aliases else self.name


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The engine's restart policy; ``max_retries`` only counts with ``on-failure``."""

    name: RestartName = "no"
    max_retries: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.max_retries}" if self.max_retries else self.name


@dataclass(frozen=True, slots=True, order=True)
class Ulimit:
    """Soft and hard limit of one resource (``setrlimit(2)``); -1 is unlimited."""

    soft: int
    hard: int

    def __str__(self) -> str:
        return f"{self.soft}:{self.hard}"


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """A host device made visible in the container."""

    host_path: str
    container_path: str
    permissions: str = "rwm"

    def __str__(self) -> str:
        return f"{self.host_path}:{self.container_path}:{self.permissions}"


@dataclass(frozen=True, slots=True)
class Logging:
    """Log driver and its options. On the document's side an empty driver means the daemon's default."""

    driver: str = ""
    options: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthProbe:
    """The engine's own health check. ``test`` in the engine's form: ``("CMD", …)``, ``("CMD-SHELL", …)`` or
    ``("NONE",)``; zero durations and retries mean the engine's default (image's value, else 30 s and 3).
    """

    test: tuple[str, ...] = ()
    interval_ms: int = 0
    timeout_ms: int = 0
    start_period_ms: int = 0
    retries: int = 0

    @property
    def disabled(self) -> bool:
        return self.test == ("NONE",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerConfig:
    """Everything that decides how a container runs, apart from its image and name."""

    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    user: str | None = None
    working_dir: str | None = None
    hostname: str | None = None
    environment: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None
    ports: tuple[PortBinding, ...] | None = None
    mounts: tuple[Mount, ...] | None = None
    tmpfs: Mapping[str, str] | None = None
    networks: tuple[NetworkAttachment, ...] | None = None
    restart_policy: RestartPolicy | None = None
    memory_bytes: int | None = None
    memory_swap_bytes: int | None = None
    nano_cpus: int | None = None
    pids_limit: int | None = None
    ulimits: Mapping[str, Ulimit] | None = None
    cap_add: tuple[str, ...] | None = None
    cap_drop: tuple[str, ...] | None = None
    read_only_root: bool | None = None
    no_new_privileges: bool | None = None
    privileged: bool | None = None
    init: bool | None = None
    stop_signal: str | None = None
    stop_timeout_s: int | None = None
    logging: Logging | None = None
    extra_hosts: tuple[str, ...] | None = None
    dns: tuple[str, ...] | None = None
    sysctls: Mapping[str, str] | None = None
    devices: tuple[Device, ...] | None = None
    shm_bytes: int | None = None
    health: HealthProbe | None = None
