"""A pass that finds nothing to do: in the running controller, and as a whole process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import docker

from bench import raw
from bench.ground import Ground, Wishes
from bench.model import Curve, Line, Role, Row
from bench.peers import Peers, ansible, ansible_container, peers, service, stack_service, swarm
from bench.processes import resident_mb, running
from bench.programs import PYTHON, RECONCILER
from bench.statistics import standings
from bench.suite import Found, suite
from bench.turns import Turn, contestants, here
from reconciler.controller.assess import Assessment
from tests.parts.socket_proxy import SocketProxy

SIZES = (10, 100, 300)
PEER_SIZES = (10, 100)
SLOW_PEER_SIZE = 10
TARGET = 1.5
SHOWN = ("one list", "in the controller", "docker SDK containers.list()", "compose up -d")
LOOKS_S = 3.0
PROCESS_SIZE = 100
PROCESS_TARGET = 1.25


@suite("noop", "A pass that finds nothing to do", within_s=600.0)
def noop(ground: Ground) -> Found:
    rows = tuple(_row(ground, size) for size in SIZES)
    return rows, (_curve(rows),)


def _curve(rows: Sequence[Row]) -> Curve:
    """The same medians by the number of containers."""
    points: dict[str, list[tuple[float, float]]] = {}
    facts: dict[str, list[tuple[float, float]]] = {}
    for size, row in zip(SIZES, rows, strict=True):
        for what, count in row.facts.items():
            facts.setdefault(what, []).append((float(size), float(count)))
        for item in standings(row):
            if item.value is not None and item.contestant.name in SHOWN:
                points.setdefault(item.contestant.name, []).append((float(size), 1000 * item.value.median))
    return Curve(
        id="containers",
        title="Nothing to do, by containers (real engine)",
        x="containers",
        y="ms",
        lines=tuple(Line(name, tuple(found)) for name, found in points.items()),
        facts=tuple(Line(what, tuple(found)) for what, found in facts.items()),
    )


def _row(ground: Ground, size: int) -> Row:
    """A look at everything: list, records, stickers, the plan of each document."""
    wishes = ground.fleet.grown(size)
    floor = ground.raw()
    roles: dict[str, Role] = {
        "one list": "floor",
        "in the controller": "ours",
        "one list, N inspects": "peer",
        "docker SDK containers.list()": "peer",
    }
    notes: dict[str, str] = {}
    with wishes.parts() as parts, closing(docker.DockerClient(base_url=ground.engine.url, version="auto")) as sdk:
        _quiet(parts.assessor.assess())
        turns: dict[str, Turn] = {
            "one list": here(floor.containers),
            "in the controller": here(parts.assessor.assess),
            "one list, N inspects": here(lambda: [floor.inspect(row["Id"]) for row in floor.containers()]),
            "docker SDK containers.list()": here(lambda: sdk.containers.list(all=True)),
        }
        samples = ground.turns(turns, rounds=15, warm_up=2)
    others = ground.turns(dict(_programs(ground, size, roles, notes)), rounds=3, warm_up=0)
    return Row(
        id=f"noop-{size}",
        work=f"{size} documents, nothing to do",
        contestants=contestants({**samples, **others}, roles, notes=notes),
        target=TARGET,
        facts={"engine calls": calls_of_a_pass(ground, wishes), "MB of memory": _memory(ground, wishes)},
    )


def _memory(ground: Ground, wishes: Wishes) -> int:
    """What the running controller has after a few looks."""
    with running(wishes, RECONCILER_RESYNC="1") as controller:
        time.sleep(0 if ground.quick else LOOKS_S)
        return round(resident_mb(controller.pid))


def _quiet(found: tuple[Assessment, ...]) -> None:
    loud = [item.plan for item in found if item.plan.actions or item.plan.drift]
    if loud:
        raise RuntimeError(f"there is something to do: {loud[0]}")


def calls_of_a_pass(ground: Ground, wishes: Wishes) -> int:
    """Requests of a second look at everything, as seen at the socket."""
    with SocketProxy(ground.engine.socket) as proxy:
        through = Wishes(folder=wishes.folder, engine=proxy.url)
        with through.parts() as parts:
            parts.assessor.assess()
            proxy.forget()
            parts.assessor.assess()
            return len(proxy.requests)


def _programs(
    ground: Ground, size: int, roles: dict[str, Role], notes: dict[str, str]
) -> Iterator[tuple[str, Turn]]:
    """Peers at what they have deployed already: whole programs."""
    for name, there, sizes, make in _PEERS:
        if size not in sizes:
            continue
        roles[name] = "peer"
        missing = there(ground)
        if missing:
            notes[name] = missing
            continue
        at_work = peers(ground, f"{name.split()[0]}-{size}")
        ground.have(ground.plain, ground.peers_engine)
        command = make(at_work, size)
        at_work.run(*command)
        yield name, at_work.turn(*command)


def compose_of(at_work: Peers, size: int) -> tuple[str, ...]:
    image = at_work.ground.plain
    at_work.project({f"web-{number}": service(image, network_mode="none") for number in range(size)})
    return at_work.compose("--project-name", f"noop{size}", "up", "--detach")


def _stack(at_work: Peers, size: int) -> tuple[str, ...]:
    """Services of no containers: it is the look that is compared, and starting hundreds would take minutes."""
    image = at_work.ground.plain
    wish = stack_service(image, deploy={"replicas": 0})
    at_work.project({f"web-{number}": wish for number in range(size)}, stack=True)
    file = str(at_work.folder / "stack.yaml")
    return at_work.docker("stack", "deploy", "--resolve-image", "never", "--compose-file", file, f"s{size}")


def _ansible(at_work: Peers, size: int) -> tuple[str, ...]:
    image = at_work.ground.plain
    return at_work.playbook(
        [ansible_container(f"ansible-{number}", image, network_mode="none") for number in range(size)]
    )


def _there(_ground: Ground) -> str:
    return ""


_PEERS: tuple[
    tuple[str, Callable[[Ground], str], tuple[int, ...], Callable[[Peers, int], tuple[str, ...]]], ...
] = (
    ("compose up -d", _there, PEER_SIZES, compose_of),
    ("stack deploy", swarm, PEER_SIZES, _stack),
    ("ansible-playbook", lambda _: ansible(), (SLOW_PEER_SIZE,), _ansible),
)


@suite("process", "A whole process that finds nothing to do")
def process(ground: Ground) -> Found:
    wishes = ground.fleet.grown(PROCESS_SIZE)
    run = ground.programs.turn
    script, socket = raw.__file__, str(ground.engine.socket)
    at_work = peers(ground, "process")
    ground.have(ground.plain, ground.peers_engine)
    compose = compose_of(at_work, PROCESS_SIZE)
    at_work.run(*compose)
    turns: dict[str, Turn] = {
        "Python and one list": run([PYTHON, script, socket, "list"]),
        "reconciler plan": run([RECONCILER, "plan"], environment=wishes.environment),
        "reconciler apply": run([RECONCILER, "apply"], environment=wishes.environment),
        "reconciler --help": run([RECONCILER, "--help"], environment=wishes.environment),
        "Python, list, 100 inspects": run([PYTHON, script, socket, "inspects"]),
        "python -c pass": run([PYTHON, "-c", "pass"]),
        "compose up -d": at_work.turn(*compose),
    }
    roles: dict[str, Role] = dict.fromkeys(turns, "peer")
    roles["Python and one list"] = "floor"
    for name in list(turns)[1:4]:
        roles[name] = "ours"
    samples = ground.turns(turns, rounds=7)
    row = Row(
        id="process-100",
        work="whole process, 100 documents, nothing to do",
        contestants=contestants(samples, roles),
        target=PROCESS_TARGET,
    )
    return (row,), ()
