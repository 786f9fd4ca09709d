"""The page of what one orchestrator bears, made of the figures that are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results.json"
MANY: Final = 2_000
PAGE = ROOT / "docs" / "reference" / "fleet-limits.md"
LINES: Final = (
    ("connected_s", "from the first that comes until 99 of 100 have a session", "s"),
    ("connecting_cpu_ms", "processor time of the orchestrator for each that comes", "ms"),
    ("memory_kb", "memory of the orchestrator for each agent", "KiB"),
    ("heartbeats_per_s", "heartbeats a second", ""),
    ("cpu_percent", "the orchestrator's processor time while nothing else happens (100: one core)", "%"),
    ("bytes_per_agent_and_minute", "bytes over the network for each agent and minute, both ways, with TLS", ""),
    ("assigned_s_p50", "a document for all: from its file to half of the agents", "s"),
    ("assigned_s_p99", "… to 99 of 100", "s"),
    ("reported_s_p50", "… until half of them have told what became of it", "s"),
    ("reported_s_p99", "… until 99 of 100 have", "s"),
    ("document_cpu_ms", "processor time of the orchestrator for each of them", "ms"),
    ("lost", "connections that were lost", ""),
)
TEXT: Final = """\
# What one orchestrator bears

{agents} agents on one orchestrator, each with its own certificate over TLS 1.3 and the agent's own session, but
without a host behind it. A heartbeat every {interval_s} s; the orchestrator is a program of its own, on SQLite.
All of it ran on one machine with {cores} cores{busy} ({when}, Python {python}, a load of {load}).

| | WebSocket | polling |
| --- | --- | --- |
{table}

Agents come over a while that grows with the fleet, {spread} s for this one, so that nobody is run over; the
orchestrator lets 40 sessions a second begin, and asks the others to come later. By polling a document waits for
the agent's next heartbeat; what became of it is told with a heartbeat, too, by both.

Processor time grows with the agents, and one orchestrator uses one core. {room}

## Open files

Each connection is an open file, and the database needs some. The orchestrator raises its soft limit to the hard
one when it starts. The hard limit has to be above the number of agents, and twice that is safe while they come
again: under systemd `LimitNOFILE=65536` in the unit; elsewhere `ulimit -Hn` tells it.

## Measure it

```sh
python -m bench.fleet                        # writes this page; AGENTS=500 INTERVAL=10 for others
QUICK=1 AGENTS=100 python -m bench.fleet     # only prints
```
"""

WORKED_OUT: Final = """\
Worked out from these figures, not
measured: heartbeats of 2,000 agents take {cpu_for} of it, and 2,000 come back in {come} minutes at the least."""
MEASURED: Final = """\
What heartbeats leave of it is for
all else: documents, tasks, results and pages."""


def keep(found: Mapping[str, Any]) -> None:
    """For the page."""
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def write() -> None:
    """The page, of what is kept."""
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


def page(found: Mapping[str, Any]) -> str:
    """The page of these figures."""
    from reconciler.protocol.reconnect import spread_for  # noqa: PLC0415

    both = found["transports"]
    rows = [
        f"| {words} | {_cell(both['websocket'][key], unit)} | {_cell(both['polling'][key], unit)} |"
        for key, words, unit in LINES
    ]
    worst = {key: max(item[key] for item in both.values()) for key in ("cpu_percent", "connecting_cpu_ms")}
    room = (MEASURED if found["agents"] >= MANY else WORKED_OUT).format(
        cpu_for=f"{worst['cpu_percent'] * MANY / found['agents']:.0f} %",
        come=f"{worst['connecting_cpu_ms'] * MANY / 60_000:.1f}",
    )
    busy = " and much else to do" if found["load"] > found["cores"] else ""
    return TEXT.format(table="\n".join(rows), spread=spread_for(found["agents"]), room=room, busy=busy, **found)


def _cell(value: float, unit: str) -> str:
    return f"{value:,g} {unit}".strip()
