"""Where a repository is asked for: the registry's URL and the name it has there. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from reconciler.core.repository import HUB, full_name

_HUB_HOST: Final = "registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Place:
    """``host`` with its port, as written; ``name`` is the repository without it."""

    host: str
    name: str

    @property
    def base(self) -> str:
        """The URL below which the repository's manifests and blobs are."""
        return f"{scheme_of(self.host)}://{self.host}/v2/{self.name}"


def place_of(repository: str) -> Place:
    """Where a repository lies; short names are Docker Hub's."""
    host, *name = full_name(repository)
    return Place(_HUB_HOST if host == HUB else host, "/".join(name))


def scheme_of(host: str) -> str:
    """HTTP for registries on this machine's loopback, as engines do it; HTTPS for all others.

    Source: "Deploy a plain HTTP registry", docs.docker.com: 127.0.0.0/8 counts as insecure registries.
    """
    return "http" if is_loopback(host) else "https"


def is_loopback(host: str) -> bool:
    """Whether ``HOST[:PORT]`` names this machine and cannot name another."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
