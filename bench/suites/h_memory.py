"""Memory of the controller, and how it grows."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench import raw
from bench.ground import Ground, Wishes
from bench.model import Contestant, Curve, Line, Row, Sample
from bench.peers import peers
from bench.processes import cpu_s, peak_mb, resident_mb, running
from bench.programs import PYTHON
from bench.raw import Raw
from bench.simulated import World
from bench.suite import Found, suite
from bench.suites.a_noop import compose_of
from bench.turns import here
from tests.parts.socket_proxy import SocketProxy

SIZE = 300
LIMIT_MB = 45.0
DOCUMENTS = (10, 100, 1000)
MOST_DOCUMENTS = 10_000
RATES = (10, 30, 100)
STORM_S = 10.0
STORM_CONTAINERS = 100
STORM_LINES = ("CPU, ms", "engine calls", "memory, MB")
CALM_S = 4.0
LOOKS_S = 8.0
SDK = "import docker, sys; docker.DockerClient(base_url=sys.argv[1], version='auto').containers.list(all=True)"


@suite("memory", "Memory")
def memory(ground: Ground) -> Found:
    wishes = ground.fleet.grown(SIZE)
    with running(wishes, RECONCILER_RESYNC="1") as process:
        time.sleep(2 if ground.quick else LOOKS_S)
        ours = Sample(resident_mb(process.pid), peak_mb=peak_mb(process.pid))
    run, socket = ground.programs.run, str(ground.engine.socket)
    listed = run([PYTHON, raw.__file__, socket, "list"])
    sdk = run([PYTHON, "-c", SDK, ground.engine.url])
    at_work = peers(ground, "memory")
    ground.have(ground.plain, ground.peers_engine)
    compose = at_work.run(*compose_of(at_work, 100))
    row = Row(
        id="memory",
        work=f"memory of the controller, {SIZE} documents",
        contestants=(
            Contestant("Python and one list (peak)", "floor", (_memory(listed),)),
            Contestant("reconciler run", "ours", (ours,), "resident after several looks"),
            Contestant("docker SDK containers.list() (peak)", "peer", (_memory(sdk),)),
            Contestant("compose up -d, 100 services (peak)", "peer", (_memory(compose),)),
        ),
        unit="MB",
        limit=LIMIT_MB,
    )
    return (row,), ()


def _memory(sample: Sample) -> Sample:
    return Sample(sample.peak_mb or 0.0, sample.cpu_s)


@suite("curves", "How costs grow")
def curves(ground: Ground) -> Found:
    return (), (_documents(ground), _storm(ground))


def _documents(ground: Ground) -> Curve:
    """A quiet look on a simulated engine: what we ourselves cost."""
    sizes = (*DOCUMENTS, *([] if ground.quick else [MOST_DOCUMENTS]))
    looks, folders = [], []
    for size in sizes:
        world = World(ground.folder / f"documents-{size}", size)
        looks.append((float(size), 1000 * _median(ground, world.assessor.assess)))
        folders.append((float(size), 1000 * _median(ground, world.catalogue.reload)))
        world.close()
    lines = (Line("look, decide", tuple(looks)), Line("folder", tuple(folders)))
    title = "A quiet look, by documents (simulated engine)"
    return Curve(id="documents", title=title, x="documents", y="ms", lines=lines)


def _median(ground: Ground, work: object) -> float:
    assert callable(work)  # noqa: S101  (narrows)
    turn = here(work)
    turn()
    taken = sorted(turn().value for _ in range(ground.rounds(5)))
    return taken[len(taken) // 2]


def _storm(ground: Ground) -> Curve:
    """Somebody changes containers again and again; each change is an event that wakes a document."""
    wishes = ground.fleet.grown(STORM_CONTAINERS)
    client = ground.raw()
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in STORM_LINES}
    ids = [row["Id"] for row in client.containers()][:STORM_CONTAINERS]
    with SocketProxy(ground.engine.socket) as proxy:
        through = Wishes(folder=wishes.folder, engine=proxy.url)
        for rate in RATES:
            with running(through) as process:
                time.sleep(CALM_S)
                proxy.forget()
                before = cpu_s(process.pid)
                seconds = _blow(client, ids, rate=rate, seconds=1 if ground.quick else STORM_S)
                time.sleep(1)
                found = (cpu_s(process.pid) - before) / seconds * 1000, len(proxy.requests) / seconds
                for name, value in zip(STORM_LINES, (*found, resident_mb(process.pid)), strict=True):
                    points[name].append((float(rate), round(value, 2)))
    lines = tuple(Line(name, tuple(found)) for name, found in points.items())
    title = f"A storm of events, {STORM_CONTAINERS} containers, {STORM_S:g} s"
    return Curve(id="storm", title=title, x="container events per second", y="per second", lines=lines)


def _blow(client: Raw, ids: Sequence[str], *, rate: int, seconds: float) -> float:
    """So many updates a second, as far as the engine keeps up; how long it took."""
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        client.call("POST", f"/containers/{ids[number % len(ids)]}/update", {"Memory": 64 << 20})
        time.sleep(max(began + (number + 1) / rate - time.monotonic(), 0))
    return time.monotonic() - began
