"""Networks and namespaces of a service, in the engine's names. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.container import NetworkAttachment
from reconciler.spec.findings import Findings
from reconciler.spec.lock_frame import Frame
from reconciler.spec.problem import Path, choices

DEFAULT = "default"
_KEYS = {
    "network": "network_mode",
    "pid": "pid",
    "ipc": "ipc",
    "uts": "uts",
    "userns": "userns_mode",
    "cgroup": "cgroup",
}
_ALLOWED = {
    "network": ("host", "none", "bridge"),
    "pid": ("host",),
    "ipc": ("host", "private", "shareable", "none"),
    "uts": ("host",),
    "userns": ("host",),
    "cgroup": ("host", "private"),
}
_OWN = frozenset({"private", "none", "bridge", "shareable"})
"""What is shared with nobody outside the project."""

_ORDINARY_DRIVERS = frozenset({"", "bridge", "default"})
_OF_SERVICES = frozenset({"network", "pid", "ipc"})


def attachments(frame: Frame, service: Mapping[str, Any], at: Path) -> tuple[NetworkAttachment, ...]:
    """A service that says nothing is in the project's default network, which need not be declared. One inside
    another service's network has ``service:NAME`` for a name: which container that is shows on the host only.
    """
    mode = service.get("network_mode")
    networks = service.get("networks")
    if mode is not None:
        if networks:
            frame.findings.note((*at, "network_mode"), "excludes networks; remove one of the two")
        return (NetworkAttachment(mode),)
    named: Mapping[str, Any] = _named(networks) or {DEFAULT: None}
    return tuple(sorted(_attached(frame, named, (*at, "networks"))))


def _named(networks: Mapping[str, Any] | Sequence[str] | None) -> Mapping[str, Any]:
    return networks if isinstance(networks, Mapping) else dict.fromkeys(networks or ())


def _attached(frame: Frame, named: Mapping[str, Any], at: Path) -> Iterator[NetworkAttachment]:
    for key, options in named.items():
        if key == DEFAULT or frame.check_declared("networks", key, (*at, key)):
            aliases = sorted(set((options or {}).get("aliases", ())))
            yield NetworkAttachment(frame.engine_name("networks", key), tuple(aliases))


def used_networks(service: Mapping[str, Any]) -> frozenset[str]:
    """The lock file's names of the networks that a service is in."""
    if "network_mode" in service:
        return frozenset()
    return frozenset(_named(service.get("networks")) or {DEFAULT})


def network_extras(frame: Frame, service: Mapping[str, Any]) -> Iterator[str]:
    """What the networks of a service ask for that reaches beyond a bridge of the engine's: ``macvlan`` puts
    containers into the host's network, options name its interfaces. What is there already is not asked for here.
    """
    for key in used_networks(service):
        entry = frame.declared("networks", key) or {}
        if entry.get("external"):
            continue
        if entry.get("driver", "bridge") not in _ORDINARY_DRIVERS:
            yield "networks.driver"
        if entry.get("driver_opts"):
            yield "networks.driver_opts"
        if entry.get("ipam", {}).get("driver", "default") != "default":
            yield "networks.ipam.driver"


def namespaces(service: Mapping[str, Any], at: Path, findings: Findings) -> dict[str, str]:
    """Those that are shared, by what is shared: ``host`` or ``service:NAME``."""
    shared: dict[str, str] = {}
    for name, key in _KEYS.items():
        value = service.get(key, "")
        if not value or value in _OWN:
            continue
        allowed = (*_ALLOWED[name], *(("service:NAME",) if name in _OF_SERVICES else ()))
        if value in _ALLOWED[name] or (name in _OF_SERVICES and value.startswith("service:")):
            shared[name] = value
        else:
            findings.note((*at, key), f'"{value}" is not allowed{choices(value, allowed)}')
    return shared
