"""Which container this process runs in, as the kernel tells it. Whether the engine has such a container is for
those to say who have its list: a process may run in a container of another engine, or in none.

Three signs, each of which some setting hides: the control group (not with a namespace of its own), the files that
the engine mounts over ``/etc`` (those of another container where its network is shared, which is not to be stopped
either), the host name (not with ``--hostname`` or the host's network).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc/self")
_GROUP: Final = re.compile(r"[/-]([0-9a-f]{64})(?:\.scope)?(?:/|$)", re.MULTILINE)
_MOUNT: Final = re.compile(
    r" \S*/([0-9a-f]{64})/(?:hostname|hosts|resolv\.conf) /etc/(?:hostname|hosts|resolv\.conf) "
)
_HOST_NAME: Final = re.compile(r"[0-9a-f]{12}")


def own_ids(*, proc: Path = PROC, host_name: str | None = None) -> frozenset[str]:
    """Ids, or beginnings of ids, of what may be the container that we run in; none on a host of our own."""
    return frozenset(_signs(proc, socket.gethostname() if host_name is None else host_name))


def _signs(proc: Path, host_name: str) -> Iterator[str]:
    yield from _GROUP.findall(_text(proc / "cgroup"))
    yield from _MOUNT.findall(_text(proc / "mountinfo"))
    if _HOST_NAME.fullmatch(host_name):
        yield host_name


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # a kernel without it, or a /proc that is hidden: one sign less
        return ""
