"""Ports of the loopback address that nobody listens on."""

from __future__ import annotations

import contextlib
import itertools
import socket
import uuid
from pathlib import Path

_LISTEN = "0A"
"""Of the states of ``/proc/net/tcp``."""

FIRST_PORT, LAST_PORT = 15_000, 31_000
"""Below the ports that the kernel gives to outgoing connections: nobody takes one between our look and our use."""


def free_port() -> int:
    """A free one; test processes begin to look at different ones."""
    begin = FIRST_PORT + uuid.uuid4().int % (LAST_PORT - FIRST_PORT)
    for port in itertools.chain(range(begin, LAST_PORT), range(FIRST_PORT, begin)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def listened_on() -> set[int]:
    """All TCP ports of this host that somebody listens on, at whatever IPv4 address."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].partition(":")[2], 16) for row in rows if row[3] == _LISTEN}
