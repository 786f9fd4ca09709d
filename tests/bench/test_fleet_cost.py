"""What one more agent takes of an orchestrator, in bytes: these do not depend on how fast a machine is.

The bounds are about twice what is measured (``docs/reference/fleet-limits.md``); with a buffer of the usual size
each TLS connection would take more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bench.fleet.crowd import Agent, Seen, Wires
from bench.fleet.server import Server
from reconciler.tls.contexts import client_context
from tests.orchestrator.fleet import eventually
from tests.parts.transports import all_gone

FIRST, MORE = 10, 40
MEMORY_EACH = 192 << 10
HEARTBEAT_BYTES = 2 << 10
"""Both ways, with TLS and the WebSocket's own pings."""
INTERVAL_S = 5
BEATS = 60
WITHIN_S = 60.0


@asynccontextmanager
async def connected(names: list[str], server: Server, wires: Wires, seen: Seen) -> AsyncIterator[None]:
    """These agents, while the block lasts."""
    connector = aiohttp.TCPConnector(limit=0, socket_factory=wires.new)
    async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as tasks:
        jobs = [
            tasks.create_task(
                Agent(name, server.url, client_context(server.passports[name]), seen, sockets=True).live(http, 0.5)
            )
            for name in names
        ]
        yield
        for job in jobs:
            job.cancel()


@pytest.mark.timeout(180)
def test_an_agent_takes_so_much_memory_and_a_heartbeat_so_many_bytes(tmp_path: Path) -> None:
    server, seen = Server(tmp_path, FIRST + MORE, interval_s=INTERVAL_S), Seen()
    names = sorted(server.passports)

    async def story() -> tuple[float, float]:
        wires = Wires()
        async with connected(names[:FIRST], server, Wires(), seen):
            await eventually(lambda: len(seen.opened) == FIRST, within_s=WITHIN_S)
            before = server.taken().bytes
            async with connected(names[FIRST:], server, wires, seen):
                await eventually(lambda: len(seen.opened) == FIRST + MORE, within_s=WITHIN_S)
                each = (server.taken().bytes - before) / MORE
                sent, beats = wires.bytes, seen.beats
                await eventually(lambda: seen.beats >= beats + BEATS, within_s=WITHIN_S)
                share = MORE / (FIRST + MORE)
                return each, (wires.bytes - sent) / (share * (seen.beats - beats))

    async def to_its_end() -> tuple[float, float]:
        found = await story()
        await all_gone()
        return found

    with server.running():
        memory, beat = asyncio.run(to_its_end())
    assert 0 < memory < MEMORY_EACH
    assert 0 < beat < HEARTBEAT_BYTES
    assert seen.lost == 0
