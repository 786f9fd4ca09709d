"""A storm of events: somebody changes containers again and again, and each change wakes a document."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from bench.ground import Ground, Wishes
from bench.model import Curve, Line
from bench.processes import Controller, cpu_s, resident_mb, running
from bench.raw import Raw
from bench.suite import Found, suite
from tests.parts.socket_proxy import SocketProxy

CONTAINERS = 100
RATES = (10, 30, 100)
SECONDS = 10.0
CALM_S = 4.0
AFTERWARDS_S = 1.0
DRAWN = ("CPU per second", "CPU per pass")
FACTS = ("passes", "engine calls per second", "memory, MB")
_PASSES = re.compile(rb"^reconciler_reconcile_duration_seconds_count\{[^}]*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a controller has used until one moment."""

    cpu_s: float
    passes: float
    calls: int


@suite("storm", "A storm of events", within_s=400.0)
def storm(ground: Ground) -> Found:
    """At the most a thousand events in ten seconds."""
    wishes, client = ground.fleet.grown(CONTAINERS), ground.raw()
    ids = [row["Id"] for row in client.containers()][:CONTAINERS]
    seconds = 1.0 if ground.quick else SECONDS
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in (*DRAWN, *FACTS)}
    with SocketProxy(ground.engine.socket) as proxy:
        through = Wishes(folder=wishes.folder, engine=proxy.url)
        for rate in RATES:
            ground.tell(f"{rate} events per second")
            with running(through) as controller:
                time.sleep(CALM_S)
                before = _spent(controller, proxy)
                took = _blow(client, ids, rate=rate, seconds=seconds)
                time.sleep(AFTERWARDS_S)
                found = _cost(before, _spent(controller, proxy), seconds=took)
                for name, value in {**found, "memory, MB": resident_mb(controller.pid)}.items():
                    points[name].append((float(rate), round(value, 2)))
    curve = Curve(
        id="storm",
        title=f"A storm of events ({CONTAINERS} containers, {SECONDS:g} s)",
        x="container events per second",
        y="ms",
        lines=tuple(Line(name, tuple(points[name])) for name in DRAWN),
        facts=tuple(Line(name, tuple(points[name])) for name in FACTS),
    )
    return (), (curve,)


def _cost(before: Spent, after: Spent, *, seconds: float) -> dict[str, float]:
    cpu, passes = after.cpu_s - before.cpu_s, after.passes - before.passes
    return {
        "CPU per second": 1000 * cpu / seconds,
        "CPU per pass": 1000 * cpu / max(passes, 1),
        "passes": passes,
        "engine calls per second": (after.calls - before.calls) / seconds,
    }


def _spent(controller: Controller, proxy: SocketProxy) -> Spent:
    with urllib.request.urlopen(f"{controller.url}/metrics", timeout=10) as answer:  # noqa: S310  (our own address)
        passes = sum(map(float, _PASSES.findall(answer.read())))
    return Spent(cpu_s(controller.pid), passes, len(proxy.requests))


def _blow(client: Raw, ids: Sequence[str], *, rate: int, seconds: float) -> float:
    """So many updates a second, as far as the engine keeps up; how long it took."""
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        client.call("POST", f"/containers/{ids[number % len(ids)]}/update", {"Memory": 64 << 20})
        time.sleep(max(began + (number + 1) / rate - time.monotonic(), 0))
    return time.monotonic() - began
