"""What a host's policy holds, and what a refusal says: values alone; ``policy`` decides by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from reconciler.core.policy_paths import normal
from reconciler.core.signing import SignatureRule

BUILT_IN: Final = "the built-in policy"
POLICY_FILE: Final = "/etc/reconciler/policy.yaml"
SOCKETS: Final = ("/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock")
"""Where engines listen. Whoever may write to one of them is root on the host."""

GUARDED: Final = ("/proc", "/sys", "/etc", "/root", "/boot", "/dev", "/var/lib/docker", "/var/lib/containerd")
"""Host paths that no root above them allows: they have to be named themselves."""

NAMESPACES: Final = ("network", "pid", "ipc", "uts", "userns", "cgroup")


@dataclass(frozen=True, slots=True, order=True)
class HostRoot:
    """A path of the host, and all below it; ``read_only``: only for mounts that cannot be written to."""

    path: str
    read_only: bool = False

    def __str__(self) -> str:
        return f"{self.path}{':ro' if self.read_only else ''}"


@dataclass(frozen=True, slots=True, order=True)
class DeviceRoot:
    """A device of the host, or a folder of them, with the rights that may be asked for."""

    path: str
    rights: str = "rwm"

    def __str__(self) -> str:
        return self.path if self.rights == "rwm" else f"{self.path}:{self.rights}"


@dataclass(frozen=True, slots=True, order=True)
class PortRange:
    """Host ports that may be published; ``address`` "" is every address."""

    first: int
    last: int
    address: str = ""

    def __str__(self) -> str:
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{ports}" if address else ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Maximum:
    """The most that one container may have; None: no bound."""

    memory_bytes: int | None = None
    nano_cpus: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """``registries`` and ``ports`` None: any. ``host_paths`` are roots that may be mounted, ``deployment_paths``
    roots below which the controller itself may write stickers and deployment directories. ``engine_sockets`` and
    ``guarded`` are facts about this host (``on_host``). ``signatures`` say which images need one; nobody refuses a
    document for them, since only a registry can tell. ``source`` says where the policy was read.
    """

    registries: tuple[str, ...] | None = None
    privileged: bool = False
    engine_socket: bool = False
    capabilities: frozenset[str] = field(default_factory=frozenset)
    host_namespaces: frozenset[str] = field(default_factory=frozenset)
    host_paths: tuple[HostRoot, ...] = ()
    deployment_paths: tuple[str, ...] = ("/var/stella",)
    devices: tuple[DeviceRoot, ...] = ()
    security_options: frozenset[str] = field(default_factory=frozenset)
    sysctls: frozenset[str] = field(default_factory=frozenset)
    hook_networks: frozenset[str] = field(default_factory=frozenset)
    ports: tuple[PortRange, ...] | None = None
    maximum: Maximum = Maximum()
    compose_keys: frozenset[str] = field(default_factory=frozenset)
    signatures: tuple[SignatureRule, ...] = ()
    engine_sockets: tuple[str, ...] = SOCKETS
    guarded: tuple[str, ...] = GUARDED
    source: str = BUILT_IN

    @property
    def place(self) -> str:
        """Where a person writes an exception."""
        return POLICY_FILE if self.source == BUILT_IN else self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One thing that a document asks for and may not have. ``rule`` is the policy's key that decides; ``allow``
    what to do about it; ``service`` "" for a Container, ``hook`` for what is not a hook's.
    """

    rule: str
    asked: str
    allow: str
    document: str
    service: str = ""
    hook: str = ""
    where: str = ""

    def __str__(self) -> str:
        who = f"{self.document}, service {self.service}" if self.service else self.document
        who += f", hook {self.hook}" if self.hook else ""
        place = f"{self.where}, " if self.where else ""
        return f"{who} {self.asked} ({place}rule {self.rule}): {self.allow}"


def on_host(policy: Policy, *, engine_sockets: Iterable[str] = (), guarded: Iterable[str] = ()) -> Policy:
    """The policy with what is known of this host: more sockets of its engine, more paths that are not for
    documents (the controller's state, the policy itself).
    """
    return replace(
        policy,
        engine_sockets=tuple(dict.fromkeys((*policy.engine_sockets, *map(normal, engine_sockets)))),
        guarded=tuple(dict.fromkeys((*policy.guarded, *map(normal, guarded)))),
    )
