"""Start-first behind a proxy that discovers containers: failed requests, and the outage, while one replaces
another.

The proxy asks the engine for the running containers with a label before every request, and tries the newest first.
"""

from __future__ import annotations

import itertools
import time
import urllib.request
from collections.abc import Callable

from bench.ground import WEB_PORT, Ground
from bench.model import Role, Row, Sample
from bench.outage import Client
from bench.raw import Raw
from bench.suite import Found, suite
from bench.suites.b_deploy import converge, steady
from bench.turns import Turn, contestants, in_turns
from tests.parts.images import PublishedImage

FLOOR, OURS = "create, start, wait, stop", "in the controller"
CHECK = {
    "healthCheck": {
        "test": ["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{WEB_PORT}/"],
        "interval": "1s",
    }
}
ANSWERS_S = 10.0


@suite("startfirst", "A replacement behind a proxy that discovers containers")
def startfirst(ground: Ground) -> Found:
    image = ground.web("v1")
    ground.have(image)
    socket, failed = str(ground.engine.socket), {FLOOR: 0, OURS: 0}

    def watched(name: str, label: str, work: Callable[[], None]) -> Turn:
        work()

        def turn() -> Sample:
            with Client(socket, label) as client:
                cpu = time.process_time()
                work()
                cpu = time.process_time() - cpu
            failed[name] += client.failed
            return Sample(client.longest_s, cpu)

        return turn

    turns = {
        FLOOR: watched(FLOOR, "bench=floor", _raw(ground, image)),
        OURS: watched(OURS, "stella.document=start-first", _ours(ground, image)),
    }
    samples = in_turns(turns, rounds=ground.rounds(5), warm_up=0)
    roles: dict[str, Role] = {FLOOR: "floor", OURS: "ours"}
    row = Row(
        id="startfirst",
        work="start-first behind a discovering proxy: outage",
        contestants=contestants(samples, roles),
        limit=0.0,
        facts={"failed requests (ours)": failed[OURS], "failed requests (floor)": failed[FLOOR]},
    )
    return (row,), ()


def _raw(ground: Ground, image: PublishedImage) -> Callable[[], None]:
    raw, numbers, running = ground.raw(), itertools.count(), [""]

    def work() -> None:
        new = raw.create(f"start-first-{next(numbers)}", image.reference, Labels={"bench": "floor"})
        raw.start(new)
        _wait(raw, new)
        if running[0]:
            raw.stop(running[0])
            raw.remove(running[0])
        running[0] = new

    return work


def _wait(raw: Raw, container: str) -> None:
    """Until its page answers."""
    address = raw.inspect(container)["NetworkSettings"]["IPAddress"]
    deadline = time.monotonic() + ANSWERS_S
    while True:
        try:
            urllib.request.urlopen(f"http://{address}:{WEB_PORT}/", timeout=0.2).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def _ours(ground: Ground, image: PublishedImage) -> Callable[[], None]:
    wishes, releases = ground.wishes("startfirst"), itertools.count()
    parts = ground.stack.enter_context(wishes.parts())
    reconciler = steady(parts)

    def work() -> None:
        strategy = {"order": "start-first", "minHealthy": "0s"}
        wishes.write("start-first", image, str(next(releases)), config=CHECK, strategy=strategy)
        parts.assessor.catalogue.reload()
        converge(reconciler, "start-first")

    return work
