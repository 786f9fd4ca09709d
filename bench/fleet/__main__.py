"""``python -m bench.fleet``: many agents on one orchestrator, by WebSocket and by polling; writes the page.

AGENTS=2000 and INTERVAL=30 (seconds between heartbeats) say how much; QUICK=1 keeps nothing; ``--page`` writes the
page of what was measured last.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from bench.fleet import page
from bench.fleet.crowd import Agent, Seen, Wires
from bench.fleet.server import Server
from reconciler.protocol.reconnect import spread_for
from reconciler.tls.contexts import client_context

STEADY_S = 40.0
CONNECT_S = 600.0
FILES = 2
"""Open files for each agent, in this process and in the orchestrator's: some come again before they are gone."""
ENOUGH = 0.99
"""Of all agents: one that comes late is not waited for."""

DOCUMENT = """\
apiVersion: stella/v1
kind: Container
metadata: {name: web}
spec:
  release: {id: "1"}
  image: registry.example.com/web
  digest: sha256:2b1c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f80912
"""


def main() -> int:
    """Measure and write."""
    if "--page" not in sys.argv:
        count, interval = int(os.environ.get("AGENTS", "2000")), int(os.environ.get("INTERVAL", "30"))
        found = {
            name: _measured(count, interval, sockets=name == "websocket") for name in ("websocket", "polling")
        }
        for name, figures in found.items():
            print(name, figures, flush=True)
        if os.environ.get("QUICK"):
            return 0
        page.keep({"agents": count, "interval_s": interval, **_machine(), "transports": found})
    page.write()
    return 0


def _machine() -> dict[str, Any]:
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[2], 1),
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def _measured(count: int, interval: int, *, sockets: bool) -> dict[str, Any]:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most < FILES * count:
        raise RuntimeError(
            f"{count} agents need {FILES * count} open files, and the hard limit is {most}: ulimit -Hn"
        )
    with tempfile.TemporaryDirectory(prefix="bench-fleet-") as folder:
        server = Server(Path(folder), count, interval_s=interval)
        with server.running():
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            return asyncio.run(_story(server, count, sockets=sockets))


async def _story(server: Server, count: int, *, sockets: bool) -> dict[str, Any]:
    seen, empty = Seen(), server.taken()
    crowd = [
        Agent(name, server.url, client_context(passport), seen, sockets=sockets)
        for name, passport in server.passports.items()
    ]
    wires = Wires()
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=75, socket_factory=wires.new)
    timeout = aiohttp.ClientTimeout(total=None if sockets else 60, sock_connect=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        began, spread = time.monotonic(), spread_for(count)
        jobs = [asyncio.create_task(agent.live(http, spread)) for agent in crowd]
        try:
            await _until(lambda: len(seen.opened) >= ENOUGH * count, CONNECT_S, "connected", seen.opened)
            connected = max(seen.opened.values()) - began
            joining = server.taken()
            await asyncio.sleep(STEADY_S / 2)
            steady = await _steady(server, wires, seen, count)
            handed = await _handed_out(server, seen, count)
            full = server.taken()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
    return {
        "connected_s": round(connected, 1),
        "connecting_cpu_ms": round(1000 * (joining.cpu_s - empty.cpu_s) / count, 1),
        "memory_kb": round((full.bytes - empty.bytes) / count / 1024, 1),
        **steady,
        **handed,
        "lost": seen.lost,
    }


async def _steady(server: Server, wires: Wires, seen: Seen, count: int) -> dict[str, Any]:
    """Nothing happens but heartbeats."""
    before, beats, sent = server.taken(), seen.beats, wires.bytes
    await asyncio.sleep(STEADY_S)
    cpu = server.taken().cpu_s - before.cpu_s
    return {
        "heartbeats_per_s": round((seen.beats - beats) / STEADY_S, 1),
        "cpu_percent": round(100 * cpu / STEADY_S, 1),
        "bytes_per_agent_and_minute": round((wires.bytes - sent) / count),
    }


async def _handed_out(server: Server, seen: Seen, count: int) -> dict[str, Any]:
    """One document for all, until each has told what became of it."""
    began, before = time.monotonic(), server.taken()
    (server.home.desired / "web.yaml").write_text(DOCUMENT)
    await _until(lambda: len(seen.told) >= ENOUGH * count, CONNECT_S, "told", seen.told)
    spent = server.taken().cpu_s - before.cpu_s
    return {
        **_spread("assigned_s", [at - began for at in seen.arrived.values()]),
        **_spread("reported_s", [at - began for at in seen.told.values()]),
        "document_cpu_ms": round(1000 * spent / count, 1),
    }


def _spread(name: str, values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {f"{name}_p50": round(cuts[49], 1), f"{name}_p99": round(cuts[98], 1)}


async def _until(so: Any, within_s: float, what: str, counted: dict[str, float]) -> None:
    began = told = time.monotonic()
    while not so():
        await asyncio.sleep(0.2)
        now = time.monotonic()
        if now - told > 10:
            told = now
            print(f"  {what}: {len(counted)} after {now - began:.0f} s", flush=True)
        if now - began > within_s:
            raise TimeoutError(f"only {len(counted)} {what} after {within_s:g} s")


if __name__ == "__main__":
    sys.exit(main())
