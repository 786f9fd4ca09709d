"""Many new containers at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.ground import WORKERS, Ground
from bench.model import Role, Row, Sample
from bench.peers import peers, service
from bench.raw import Raw
from bench.suite import Found, suite
from bench.turns import Turn, contestants, prepared, untimed
from reconciler.controller.app import open_service
from reconciler.controller.service import Service
from tests.parts.engine import PrivateEngine

TARGET = 1.05
SIZE, LARGE, SEQUENTIAL = 50, 200, 50


@suite("bulk", "Many new containers", within_s=400.0)
def bulk(ground: Ground) -> Found:
    sizes = (SIZE, LARGE) if ground.thorough else (SIZE,)
    return tuple(_row(ground, size) for size in sizes), ()


def _row(ground: Ground, size: int) -> Row:
    image = ground.plain
    ground.have(image, ground.engine, ground.peers_engine)
    names = [f"bulk-{number}" for number in range(size)]
    roles: dict[str, Role] = {f"{WORKERS} threads": "floor", "in one apply": "ours", "one after the other": "peer"}
    at_work = peers(ground, f"bulk-{size}")
    at_work.project({name: service(image, container_name=name) for name in names})
    hands = _clients(ground, at_work.engine)
    compose = at_work.compose("--project-name", f"bulk{size}", "up", "--detach")
    turns: dict[str, Turn] = {
        f"{WORKERS} threads": _threads(ground, names, WORKERS),
        "in one apply": _ours(ground, names),
        "compose up -d": untimed(at_work.turn(*compose), before=lambda: None, after=lambda: _remove(hands, names)),
    }
    roles["compose up -d"] = "peer"
    samples = ground.turns(turns, rounds=3, warm_up=0)
    samples |= ground.turns({"one after the other": _threads(ground, names, 1)}, rounds=1, warm_up=0)
    return Row(
        id=f"bulk-{size}",
        work=f"{size} new containers",
        contestants=contestants(samples, roles),
        target=TARGET,
    )


def _threads(ground: Ground, names: list[str], count: int) -> Turn:
    image, clients = ground.plain, _clients(ground)

    def one(number: int) -> None:
        client = clients[number]
        for name in names[number::count]:
            host = {"Memory": 64 << 20}
            client.start(client.create(name, image.reference, host=host, Env=["GREETING=hello"]))

    def work() -> None:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(one, range(count)))

    return prepared(lambda: None, work, lambda: _remove(clients, names))


def _ours(ground: Ground, names: list[str]) -> Turn:
    """The documents are read before; a state of its own each time, so that all of them are new."""
    clients, rounds = _clients(ground), iter(range(1000))

    def turn() -> Sample:
        wishes = ground.wishes(f"bulk-{len(names)}-{next(rounds)}")
        for name in names:
            wishes.write(name, ground.plain)
        with open_service(wishes.settings, exclusive=True) as opened:
            return prepared(lambda: None, lambda: _apply(opened), lambda: _remove(clients, names))()

    return turn


def _apply(opened: Service) -> None:
    for applied in opened.apply(progress=lambda _document, _line: None):
        if applied.outcome != "converged":
            raise RuntimeError(f"{applied} is not converged")


def _remove(clients: Sequence[Raw], names: Sequence[str]) -> None:
    """All clients at the same time: it is no part of a turn."""

    def some(number: int) -> None:
        for name in names[number :: len(clients)]:
            clients[number].remove(name)

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(some, range(len(clients))))


def _clients(ground: Ground, engine: PrivateEngine | None = None) -> list[Raw]:
    return [ground.raw(engine) for _ in range(WORKERS)]
