"""Replacing a container: the outage that a client sees who asks every 5 ms."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.ground import WEB_PORT, Ground
from bench.model import Role, Row
from bench.outage import outage_during
from bench.peers import Peers, ansible, ansible_container, peers, service, swarm
from bench.raw import Raw
from bench.suite import Found, suite
from bench.suites.b_deploy import converge, steady
from bench.turns import Turn, contestants, untimed
from tests.parts.images import PublishedImage
from tests.parts.ports import free_port

TARGET = 1.15
EXPOSED: dict[str, Any] = {f"{WEB_PORT}/tcp": {}}
FLOOR = "create, stop, start"
REFRESHED = "the same, neighbour entry refreshed"
OURS = "in the controller"
ASKS_SOON = "asked again for the address after 50 ms"
FLOOR_SOON, OURS_SOON = f"{FLOOR}; {ASKS_SOON}", f"{OURS}; {ASKS_SOON}"
HOLDER = "the same, behind a holder of the port"
STOP_FIRST = "stop, remove, create, start"


@suite("replace", "A replacement with a host port", within_s=400.0)
def replace(ground: Ground) -> Found:
    image = ground.web("v1")
    for engine in (ground.engine, ground.peers_engine):
        ground.have(image, engine)
    roles: dict[str, Role] = {
        FLOOR: "floor",
        OURS: "ours",
        OURS_SOON: "ours",
        FLOOR_SOON: "floor",
        REFRESHED: "floor",
        HOLDER: "floor",
        STOP_FIRST: "floor",
    }
    notes: dict[str, str] = {}
    samples = ground.turns(dict(_ours_and_floors(ground, image)), rounds=9)
    at_work = peers(ground, "replace")
    others = dict(_peers(at_work, image, notes))
    roles |= dict.fromkeys((*others, *notes), "peer")
    samples |= ground.turns(others, rounds=3, warm_up=0)
    row = Row(
        id="replace",
        work="replacement with a host port: outage",
        contestants=contestants(samples, roles, notes=notes),
        target=TARGET,
    )
    return (row,), ()


def _ours_and_floors(ground: Ground, image: PublishedImage) -> Iterator[tuple[str, Turn]]:
    raw = ground.raw()
    for name, change in ((FLOOR, _create_first), (REFRESHED, _refreshed), (STOP_FIRST, _stop_first)):
        served = _Served(raw, image, free_port(), ground.engine.bridge.name)
        served.start(served.create("web-0"))
        turn = outage_during(_numbered(change, served), served.port)
        yield name, turn
        if name == FLOOR:
            yield FLOOR_SOON, _asked_soon(turn, ground.engine.bridge.name)
    held = _Served(raw, image, free_port(), ground.engine.bridge.name)
    held.keep_port()
    held.start(held.create("web-0"))
    yield HOLDER, outage_during(_numbered(_create_first, held), held.port)
    ours = _ours(ground, image)
    yield OURS, ours
    yield OURS_SOON, _asked_soon(ours, ground.engine.bridge.name)


def _asked_soon(turn: Turn, bridge: str) -> Turn:
    """With a host that asks for a container's address again after 50 ms, not after a second (arp(7))."""
    setting = Path(f"/proc/sys/net/ipv4/neigh/{bridge}/retrans_time_ms")
    usual = setting.read_text()
    return untimed(turn, before=lambda: setting.write_text("50"), after=lambda: setting.write_text(usual))


def _ours(ground: Ground, image: PublishedImage) -> Turn:
    wishes, port = ground.wishes("replace"), free_port()
    parts = ground.stack.enter_context(wishes.parts())
    reconciler, releases = steady(parts), itertools.count()

    def next_release() -> None:
        release = str(next(releases))
        wishes.write("web", image, release, config={"ports": [f"127.0.0.1:{port}:{WEB_PORT}"]})
        parts.assessor.catalogue.reload()
        converge(reconciler, "web")

    next_release()
    return outage_during(next_release, port)


@dataclass(slots=True)
class _Served:
    """A container behind a port, replaced by bare requests."""

    raw: Raw
    image: PublishedImage
    port: int
    bridge: str
    current: str = ""
    holder: str = ""

    def keep_port(self) -> None:
        """From now on a container that only sleeps has the port, and all others its network."""
        host = {"PortBindings": self._published}
        self.holder = self.raw.create(
            f"holder-{self.port}", self.image.reference, host=host, ExposedPorts=EXPOSED, Cmd=["sleep", "1000000"]
        )
        self.raw.start(self.holder)

    def create(self, name: str) -> str:
        with suppress(RuntimeError):
            self.raw.remove(f"{name}-{self.port}")
        place: dict[str, Any] = {"PortBindings": self._published}
        if self.holder:
            place = {"NetworkMode": f"container:{self.holder}"}
        exposed = {} if self.holder else {"ExposedPorts": EXPOSED}
        host = {**place, "Memory": 64 << 20}
        return self.raw.create(f"{name}-{self.port}", self.image.reference, host=host, **exposed)

    @property
    def _published(self) -> dict[str, Any]:
        return {f"{WEB_PORT}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(self.port)}]}

    def start(self, container: str) -> None:
        self.raw.start(container)
        self.current = container


def _numbered(change: Callable[[_Served, str], None], served: _Served) -> Callable[[], None]:
    numbers = itertools.count(1)
    return lambda: change(served, f"web-{next(numbers)}")


def _create_first(served: _Served, name: str) -> None:
    old, new = served.current, served.create(name)
    served.raw.stop(old)
    served.start(new)
    served.raw.remove(old)


def _refreshed(served: _Served, name: str) -> None:
    """As above; then the host is told where the new one's address is, so that it does not have to ask in vain."""
    old, new = served.current, served.create(name)
    served.raw.stop(old)
    served.start(new)
    network = served.raw.inspect(new)["NetworkSettings"]
    entry = (network["IPAddress"], "lladdr", network["MacAddress"], "dev", served.bridge, "nud", "reachable")
    subprocess.run(["ip", "neigh", "replace", *entry], check=True, timeout=10)
    served.raw.remove(old)


def _stop_first(served: _Served, name: str) -> None:
    served.raw.stop(served.current)
    served.raw.remove(served.current)
    served.start(served.create(name))


def _peers(at_work: Peers, image: PublishedImage, notes: dict[str, str]) -> Iterator[tuple[str, Turn]]:
    yield "compose up -d", _compose(at_work, image)
    missing = swarm(at_work.ground)
    if missing:
        notes["swarm service update"] = missing
    else:
        yield "swarm service update", _swarm(at_work, image)
    missing = ansible()
    if missing:
        notes["ansible-playbook"] = missing
    else:
        yield "ansible-playbook", _ansible(at_work, image)


def _compose(at_work: Peers, image: PublishedImage) -> Turn:
    port, releases = free_port(), itertools.count()

    def up() -> None:
        published = [f"127.0.0.1:{port}:{WEB_PORT}"]
        environment = {"RELEASE": str(next(releases))}
        at_work.project({"web": service(image, ports=published, environment=environment)})
        at_work.run(*at_work.compose("--project-name", "replace", "up", "--detach"))

    up()
    return outage_during(up, port)


def _swarm(at_work: Peers, image: PublishedImage) -> Turn:
    """As a swarm does it by itself: the old task is stopped, then the new one made. Its delays are turned off."""
    port, releases = free_port(), itertools.count()
    published = f"mode=host,published={port},target={WEB_PORT}"
    create = ("service", "create", "--detach=false", "--name", "replace", "--publish", published)
    at_work.run(*at_work.docker(*create, "--no-resolve-image", "--restart-delay", "0s", image.reference))
    update = ("service", "update", "--detach=false", "--no-resolve-image", "--update-monitor", "0s", "replace")
    return outage_during(
        lambda: at_work.run(*at_work.docker(*update, "--env-add", f"RELEASE={next(releases)}")), port
    )


def _ansible(at_work: Peers, image: PublishedImage) -> Turn:
    port, releases = free_port(), itertools.count()

    def play() -> None:
        more: dict[str, Any] = {"published_ports": [f"127.0.0.1:{port}:{WEB_PORT}"], "stop_timeout": 3}
        wish = ansible_container("ansible-web", image, **more)
        at_work.run(*at_work.playbook([{**wish, "env": {"RELEASE": str(next(releases))}}]))

    play()
    return outage_during(play, port)
