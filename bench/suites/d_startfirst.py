"""Start-first behind a proxy that discovers containers: failed requests, and the outage, while one replaces
another.

One proxy asks the engine for the running containers with a label before every request, and tries the newest first.
The other is HAProxy as in `examples/10-no-failed-request`, which finds them by the engine's DNS.
"""

from __future__ import annotations

import itertools
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import yaml

from bench.ground import WEB_PORT, Ground
from bench.model import Role, Row, Sample
from bench.outage import AFTERWARDS_S, Client
from bench.programs import ROOT
from bench.suite import Found, suite
from bench.suites.b_deploy import converge, steady
from bench.turns import Turn, contestants
from tests.parts.crowd import Crowd
from tests.parts.haproxy_image import publish_haproxy
from tests.parts.images import PublishedImage

FLOOR, OURS = "create, start, wait, stop", "in the controller"
CHECK = {
    "healthCheck": {
        "test": ["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{WEB_PORT}/"],
        "interval": "1s",
    }
}
ANSWERS_S = 10.0
NETWORK = "front"
PER_SECOND = 200


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
        OURS: watched(OURS, "stella.document=start-first", _ours(ground, image, "start-first")),
    }
    samples = ground.turns(turns, rounds=5, warm_up=0)
    roles: dict[str, Role] = {FLOOR: "floor", OURS: "ours"}
    row = Row(
        id="startfirst",
        work="start-first behind a discovering proxy: outage",
        contestants=contestants(samples, roles),
        limit=0.0,
        facts={"failed requests (ours)": failed[OURS], "failed requests (floor)": failed[FLOOR]},
    )
    return (row, _behind_haproxy(ground, image)), ()


def _behind_haproxy(ground: Ground, image: PublishedImage) -> Row:
    """How long the slowest request takes among 200 a second, and how many fail."""
    ground.raw().call("POST", "/networks/create", {"Name": NETWORK})
    address = _haproxy(ground)
    asked, failed = 0, 0
    work = _ours(ground, image, "behind-haproxy", networks=[{"name": NETWORK, "aliases": ["site.internal"]}])
    work()
    _answers(address)

    def turn() -> Sample:
        nonlocal asked, failed
        with Crowd(address, WEB_PORT, per_second=PER_SECOND) as users:
            cpu = time.process_time()
            work()
            cpu = time.process_time() - cpu
            time.sleep(AFTERWARDS_S)
        asked += users.asked
        failed += len(users.failed)
        return Sample(users.longest_s, cpu)

    samples = ground.turns({OURS: turn}, rounds=5, warm_up=0)
    return Row(
        id="startfirst-haproxy",
        work=f"start-first behind HAProxy, {PER_SECOND} requests a second: the slowest",
        contestants=contestants(samples, {OURS: "ours"}),
        facts={"requests": asked, "failed requests": failed},
    )


def _haproxy(ground: Ground) -> str:
    """Deploy the example's proxy; its address on the network."""
    example = yaml.safe_load((ROOT / "examples/10-no-failed-request/proxy.yaml").read_text())["spec"]["config"]
    text = example["files"][0]["content"].replace("/healthz", "/")
    files = [{**example["files"][0], "content": text}]
    image, wishes = publish_haproxy(ground.registry.address), ground.wishes("proxy")
    ground.have(image)
    wishes.write("proxy", image, config={"command": example["command"], "files": files, "networks": [NETWORK]})
    wishes.apply()
    found: str = ground.raw().inspect("proxy")["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
    return found


def _answers(address: str) -> None:
    """Wait for it. Raises URLError or HTTPError."""
    deadline = time.monotonic() + ANSWERS_S
    while True:
        try:
            urllib.request.urlopen(f"http://{address}:{WEB_PORT}/", timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _raw(ground: Ground, image: PublishedImage) -> Callable[[], None]:
    raw, numbers, running = ground.raw(), itertools.count(), [""]

    def work() -> None:
        new = raw.create(f"start-first-{next(numbers)}", image.reference, Labels={"bench": "floor"})
        raw.start(new)
        _answers(raw.inspect(new)["NetworkSettings"]["IPAddress"])
        if running[0]:
            raw.stop(running[0])
            raw.remove(running[0])
        running[0] = new

    return work


def _ours(ground: Ground, image: PublishedImage, name: str, **config: Any) -> Callable[[], None]:
    wishes, releases = ground.wishes(name), itertools.count()
    parts = ground.stack.enter_context(wishes.parts())
    reconciler = steady(parts)

    def work() -> None:
        strategy = {"order": "start-first", "minHealthy": "0s"}
        wishes.write(name, image, str(next(releases)), config={**CHECK, **config}, strategy=strategy)
        parts.assessor.catalogue.reload()
        converge(reconciler, name)

    return work
