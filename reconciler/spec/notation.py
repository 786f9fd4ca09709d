"""The short notations of documents: ports, volumes, devices, hosts, images. Text in, core values out.

All raise ``Wrong`` with a message that says what is allowed. The rules are those of the engine (API 1.41 and
later) where it has some, stricter where it guesses: no port ranges, no relative host paths, no ``..``.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Mapping
from typing import Any, cast

from reconciler.core.container import (
    BUILT_IN_NETWORKS,
    Device,
    Mount,
    NetworkAttachment,
    PortBinding,
    RestartName,
    RestartPolicy,
    Ulimit,
)
from reconciler.core.container import Protocol as PortProtocol
from reconciler.spec.problem import Wrong, choices

CAPABILITIES = (
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
)
"""capabilities(7), and ALL."""

_PORT = re.compile(
    r"(?:(?P<ip>\[[^]]*]|[^:\[\]]*):)?(?:(?P<host>[^:/]*):)?(?P<inside>[^:/]+)(?:/(?P<protocol>.*))?"
)
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")
_HOST_NAME = re.compile(r"[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,252})")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def port(value: str | Mapping[str, Any]) -> PortBinding:
    """``[ADDRESS:][HOST_PORT:]CONTAINER_PORT[/PROTOCOL]``, or the same as a mapping."""
    if not isinstance(value, str):
        inside, outside = value["containerPort"], value.get("hostPort", 0)
        return PortBinding(inside, value.get("protocol", "tcp"), _host_ip(value.get("hostIp", "")), outside)
    match = _PORT.fullmatch(value)
    if match is None:
        raise Wrong(f'"{value}" is not a port; allowed: [ADDRESS:][HOST_PORT:]CONTAINER_PORT[/tcp|udp|sctp]')
    ip, host = match["ip"], match["host"]
    if ip is not None and host is None and not ip.startswith("["):
        ip, host = None, ip
    protocol = "tcp" if match["protocol"] is None else match["protocol"]
    if protocol not in {"tcp", "udp", "sctp"}:
        raise Wrong(f'"{protocol}" is not a protocol{choices(protocol, ("tcp", "udp", "sctp"))}')
    inside = _port_number(match["inside"], value, least=1)
    outside = _port_number(host, value, least=0) if host else 0
    return PortBinding(inside, cast("PortProtocol", protocol), _host_ip((ip or "").strip("[]")), outside)


def _port_number(text: str, whole: str, *, least: int) -> int:
    if "-" in text and text.replace("-", "").isdigit():
        raise Wrong(f'"{whole}" is a range of ports; ranges are not supported, list each port')
    if not text.isascii() or not text.isdigit():
        raise Wrong(f'"{text}" in "{whole}" is not a port number; allowed: {least} to 65535')
    if not least <= int(text[:8]) <= 65535:
        raise Wrong(f"port {text[:12]} is out of range; allowed: {least} to 65535")
    return int(text)


def _host_ip(text: str) -> str:
    return _address(text) if text else ""


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise Wrong(f'"{text}" is not an IP address') from None


def address(value: str) -> str:
    """An IP address in its canonical form."""
    return _address(value)


def volume(value: str) -> Mount:
    """``NAME:/PATH[:ro|rw]`` or ``/HOST/PATH:/PATH[:ro|rw]``."""
    source, *rest = value.split(":")
    if len(rest) not in {1, 2} or not source:
        raise Wrong(f'"{value}" is not a volume; allowed: NAME:/PATH or /HOST/PATH:/PATH, with :ro for read only')
    mode = rest[1] if len(rest) == 2 else "rw"
    if mode not in {"ro", "rw"}:
        raise Wrong(f'"{mode}" is not a mode of a volume{choices(mode, ("ro", "rw"))}')
    target = absolute_path(rest[0], "the path in the container")
    if target == "/":
        raise Wrong("the root of the container cannot be mounted over")
    if "/" in source or source in {".", "..", "~"}:
        return Mount(target, absolute_path(source, "a host path"), "bind", mode == "ro")
    if not _VOLUME_NAME.fullmatch(source):
        raise Wrong(
            f'"{source}" is not a volume name; allowed: 2 to 128 letters, digits, dots, hyphens, underscores'
        )
    return Mount(target, source, "volume", mode == "ro")


def absolute_path(text: str, what: str) -> str:
    """An absolute path without ``..``, in its shortest form."""
    if not text.startswith("/"):
        raise Wrong(f'{what} must be absolute (begin with "/"), not "{text}"')
    if ".." in text.split("/"):
        raise Wrong(f'{what} must not contain "..": "{text}"')
    return "/" + posixpath.normpath(text).lstrip("/")


def tmpfs(value: str) -> tuple[str, str]:
    """``/PATH[:OPTIONS]`` as path and options."""
    path, _, options = value.partition(":")
    target = absolute_path(path, "the path in the container")
    if target == "/":
        raise Wrong("the root of the container cannot be mounted over")
    if not re.fullmatch(r"[a-zA-Z0-9=,._-]*", options):
        raise Wrong(f'"{options}" are not mount options; allowed: such as size=64m,mode=1777')
    return target, options


def device(value: str) -> Device:
    """``/DEV/HOST[:/DEV/CONTAINER[:rwm]]``."""
    host, *rest = value.split(":")
    rights = rest.pop() if rest and not rest[-1].startswith("/") else "rwm"
    if not rights or set(rights) - set("rwm") or len(rest) > 1:
        raise Wrong(f'"{value}" is not a device; allowed: /DEV/HOST[:/DEV/CONTAINER[:rwm]]')
    host = absolute_path(host, "the device on the host")
    inside = absolute_path(rest[0], "the device in the container") if rest else host
    return Device(host, inside, "".join(char for char in "rwm" if char in rights))


def extra_host(value: str) -> str:
    """``NAME:ADDRESS``, with the address in its canonical form; ``host-gateway`` is the Docker host."""
    name, _, where = value.partition(":")
    if not _HOST_NAME.fullmatch(name):
        raise Wrong(f'"{value}" is not an extra host; allowed: NAME:ADDRESS, such as db:10.0.0.5')
    return f"{name}:{where if where == 'host-gateway' else _address(where.strip('[]'))}"


def network(value: str | Mapping[str, Any]) -> NetworkAttachment:
    """A network by name, or a mapping with name and aliases."""
    if isinstance(value, str):
        return NetworkAttachment(value)
    aliases = tuple(sorted(set(value.get("aliases", ()))))
    if aliases and value["name"] in BUILT_IN_NETWORKS:
        raise Wrong(f'the network "{value["name"]}" has no aliases; they need a network of your own')
    return NetworkAttachment(value["name"], aliases)


def restart_policy(value: str) -> RestartPolicy:
    """``no``, ``always``, ``unless-stopped``, ``on-failure`` or ``on-failure:N``."""
    name, _, count = value.partition(":")
    return RestartPolicy(cast("RestartName", name), int(count or 0))


def ulimit(value: int | Mapping[str, int]) -> Ulimit:
    """One number for both, or soft and hard."""
    if isinstance(value, int):
        return Ulimit(value, value)
    soft, hard = value["soft"], value["hard"]
    if hard != -1 and (soft > hard or soft == -1):
        raise Wrong(f"the soft limit {soft} is above the hard limit {hard}")
    return Ulimit(soft, hard)


def capability(value: str) -> str:
    """Upper case, without ``CAP_``."""
    name = value.upper().removeprefix("CAP_")
    if name not in CAPABILITIES:
        raise Wrong(f'"{value}" is not a capability{choices(name, CAPABILITIES)}')
    return name


def stop_signal(value: str) -> str:
    """A number as it is, a name with ``SIG``."""
    return value if value.isdigit() or value.startswith("SIG") else f"SIG{value}"


def repository(value: str) -> str:
    """An image's repository; says where a tag or digest belongs."""
    bare, _, digest_part = value.partition("@")
    head, slash, last = bare.rpartition("/")
    name, colon, tag = last.partition(":")
    if digest_part:
        raise Wrong(f"must be without the digest; write image: {head}{slash}{name} and digest: {digest_part[:80]}")
    if colon:
        where = f"image: {head}{slash}{name}"
        raise Wrong(f'must be without the tag "{tag}"; write {where} and its digest ("reconciler pin" finds it)')
    return value


def digest(value: str) -> str:
    """``sha256:`` and 64 hexadecimal digits in lower case."""
    if _DIGEST.fullmatch(value):
        return value
    hexadecimal = value.removeprefix("sha256:")
    if _DIGEST.fullmatch(f"sha256:{hexadecimal.lower()}"):
        raise Wrong(f'is not written as digests are; did you mean "sha256:{hexadecimal.lower()}"?')
    allowed = "sha256: and 64 hexadecimal digits in lower case"
    if value.startswith("sha256:"):
        raise Wrong(f'"{value[:80]}" has {len(hexadecimal)} characters after "sha256:"; allowed: {allowed}')
    raise Wrong(f'"{value[:80]}" is not a digest; allowed: {allowed} ("reconciler pin" finds it for a tag)')
