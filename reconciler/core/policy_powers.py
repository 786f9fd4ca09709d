"""Powers over the host that a container may ask for: all refused unless the policy names them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from reconciler.core.policy_paths import normal, within
from reconciler.core.policy_request import Denied, Request
from reconciler.core.policy_values import Policy

ORDINARY_CAPABILITIES: Final = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What every container of the engine has unless it drops it (moby ``oci/caps/defaults.go``): adding one of them,
as after ``capDrop: [ALL]``, asks for nothing that is not had by asking for nothing.
"""

_CONTAINED_SYSCTLS: Final = re.compile(
    r"net\..+|fs\.mqueue\..+|kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)"
)
"""Kernel parameters that belong to a container's own namespaces (docker run reference, ``--sysctl``)."""

_HARMLESS_NAMESPACES: Final = ("", "none", "private", "shareable", "default", "bridge")


def powers(request: Request, policy: Policy) -> Iterator[Denied]:
    """Everything of this kind that is refused."""
    if request.config.privileged and not policy.privileged:
        yield Denied("privileged", "is privileged", value=True)
    yield from _capabilities(request, policy)
    yield from _namespaces(request, policy)
    yield from _devices(request, policy)
    yield from _sysctls(request, policy)
    for option in sorted(set(map(security_option, request.security))):
        if option not in policy.security_options:
            yield Denied("securityOptions", f"sets the security option {option}", option)
    for key in sorted(set(request.keys) - policy.compose_keys):
        yield Denied("composeKeys", f"uses the key {key}", key)


def security_option(text: str) -> str:
    """With ``=``: the engine takes ``seccomp:unconfined`` for the same (moby ``parseSecurityOpt``)."""
    key, separator, value = text.partition("=") if "=" in text else text.partition(":")
    return f"{key}={value}" if separator else key


def _capabilities(request: Request, policy: Policy) -> Iterator[Denied]:
    if "ALL" in policy.capabilities:
        return
    for name in sorted(set(request.config.cap_add or ()) - ORDINARY_CAPABILITIES - policy.capabilities):
        yield Denied("capabilities", f"adds the capability {name}", name)


def _namespaces(request: Request, policy: Policy) -> Iterator[Denied]:
    """Another service's of the same project is no one else's; a container's by name may be anybody's."""
    networks = {item.name for item in request.config.networks or ()}
    shared = {**({"network": "host"} if "host" in networks else {}), **request.namespaces}
    if "host" in networks:
        shared["network"] = "host"
    for kind, owner in sorted(shared.items()):
        harmless = owner in _HARMLESS_NAMESPACES or owner.startswith("service:")
        if not harmless and kind not in policy.host_namespaces:
            whose = "the host" if owner == "host" else owner
            yield Denied("hostNamespaces", f"shares the {kind} namespace of {whose}", kind)


def _devices(request: Request, policy: Policy) -> Iterator[Denied]:
    for device in request.config.devices or ():
        denied = [
            path
            for path in request.paths(device.host_path)
            if not any(
                within(normal(path), normal(root.path)) and set(device.permissions) <= set(root.rights)
                for root in policy.devices
            )
        ]
        for path in denied:
            rights = "" if device.permissions == "rwm" else f":{device.permissions}"
            value = normal(path) + rights
            yield Denied("devices", f"uses the device {value}", value)


def _sysctls(request: Request, policy: Policy) -> Iterator[Denied]:
    networks = {item.name for item in request.config.networks or ()}
    on_host = "host" in networks or request.namespaces.get("network") == "host"
    for name in sorted(set(request.config.sysctls or ()) - policy.sysctls):
        contained = _CONTAINED_SYSCTLS.fullmatch(name) and not (on_host and name.startswith("net."))
        if not contained:
            yield Denied("sysctls", f"sets the kernel parameter {name} of the host", name)
