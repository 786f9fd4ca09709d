"""Ports of the loopback address that nobody listens on."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

_LISTEN = "0A"
"""Of the states of ``/proc/net/tcp``."""

FIRST_PORT, LAST_PORT = 15_000, 31_000
"""Below the ports that the kernel gives to outgoing connections: nobody takes one between our look and our use."""

SHARES = 8
"""Test processes of one run that have ports of their own."""


def free_port() -> int:
    """One that nobody listens on, and that no other test of this run is given: it may be long until it is used.
    Raises RuntimeError where there is none.
    """
    for _ in range(len(_share())):
        port = next(_MINE)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


def _share() -> range:
    """This process's; runs beside each other begin anywhere in it."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return range(FIRST_PORT + worker % SHARES, LAST_PORT, SHARES)


def _in_turn(ports: range) -> Iterator[int]:
    begin = uuid.uuid4().int % len(ports)
    return itertools.cycle((*ports[begin:], *ports[:begin]))


_MINE = _in_turn(_share())


def listened_on() -> set[int]:
    """All TCP ports of this host that somebody listens on, at whatever IPv4 address."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].partition(":")[2], 16) for row in rows if row[3] == _LISTEN}
