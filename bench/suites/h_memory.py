"""Memory of the controller."""

from __future__ import annotations

import time

from bench import raw
from bench.ground import Ground
from bench.model import Contestant, Row, Sample
from bench.peers import peers
from bench.processes import peak_mb, resident_mb, running
from bench.programs import PYTHON
from bench.suite import Found, suite
from bench.suites.a_noop import compose_of

SIZE = 300
LIMIT_MB = 45.0
LOOKS_S = 8.0
SDK = "import docker, sys; docker.DockerClient(base_url=sys.argv[1], version='auto').containers.list(all=True)"


@suite("memory", "Memory", within_s=400.0)
def memory(ground: Ground) -> Found:
    wishes = ground.fleet.grown(SIZE)
    with running(wishes, RECONCILER_RESYNC="1") as controller:
        time.sleep(2 if ground.quick else LOOKS_S)
        ours = Sample(resident_mb(controller.pid), peak_mb=peak_mb(controller.pid))
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
