"""Healing: from the moment a container is gone or dead to the moment it runs again, by the engine's own clock."""

from __future__ import annotations

import itertools
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from bench.ground import Ground
from bench.model import Role, Row, Sample
from bench.peers import Peers, peers, swarm
from bench.processes import running
from bench.raw import Raw
from bench.suite import Found, suite
from bench.turns import Turn, contestants
from tests.parts.images import PublishedImage

TARGET = 1.1
PATIENCE_S = 30.0
DOCUMENTS = 8
CALM_S = 0.5
"""Between two blows: whoever heals is to be at rest."""

Blow = Callable[[Raw, str], None]
Event = Mapping[str, Any]


def removed(raw: Raw, container: str) -> None:
    """``docker rm -f``."""
    raw.remove(container)


def killed(raw: Raw, container: str) -> None:
    """``docker kill``: no restart policy of the engine's heals that."""
    raw.kill(container)


def crashed(raw: Raw, container: str) -> None:
    """Its process ends by itself, as far as the engine can see."""
    os.kill(raw.inspect(container)["State"]["Pid"], signal.SIGKILL)


@suite("heal", "Healing", within_s=400.0)
def heal(ground: Ground) -> Found:
    ground.have(ground.plain, ground.engine, ground.peers_engine)
    with _floor(ground) as floor, _ours(ground) as ours:
        rows = tuple(_row(ground, floor, ours, blow=blow) for blow in (removed, killed))
    return rows, ()


def _row(ground: Ground, floor: str, ours: Iterator[str], *, blow: Blow) -> Row:
    first, raw = ("events, create, start" if blow is removed else "events, start"), ground.raw()
    turns = {
        first: healed(raw, itertools.repeat(floor), blow),
        "reconciler run": healed(raw, ours, blow),
    }
    samples = ground.turns(turns, rounds=4, warm_up=1)
    roles: dict[str, Role] = {first: "floor", "reconciler run": "ours"}
    at_work = peers(ground, f"heal-{blow.__name__}")
    notes: dict[str, str] = {}
    others = dict(_peers(at_work, ground.plain, notes, blow=blow))
    roles |= dict.fromkeys((*others, *notes), "peer")
    samples |= ground.turns(others, rounds=3, warm_up=0)
    what = "docker rm -f" if blow is removed else "docker kill"
    contest = contestants(samples, roles, notes=notes)
    return Row(id=f"heal-{blow.__name__}", work=f"healed after {what}", contestants=contest, target=TARGET)


def healed(raw: Raw, names: Iterator[str], blow: Blow) -> Turn:
    """From the death of the container with the next name (or of that Swarm service) to the next start of one."""

    def turn() -> Sample:
        time.sleep(CALM_S)
        name = next(names)
        seen: queue.Queue[Event] = queue.Queue()
        watcher = Raw(raw.path)
        thread = threading.Thread(target=_listen, args=(watcher, seen))
        thread.start()
        try:
            time.sleep(0.1)  # the stream is open
            blow(raw, _running(raw, name))
            died = _wait(seen, name, "die")
            return Sample((_wait(seen, name, "start") - died) / 1e9)
        finally:
            watcher.close()
            thread.join()

    return turn


def _listen(watcher: Raw, seen: queue.Queue[Event]) -> None:
    with suppress(OSError, ValueError, AttributeError):  # the socket is closed under it at the end
        for event in watcher.events():
            seen.put(event)


def _wait(seen: queue.Queue[Event], name: str, action: str) -> int:
    """The time of the next such event in nanoseconds. Raises queue.Empty when none comes."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        event = seen.get(timeout=max(deadline - time.monotonic(), 0.01))
        attributes = event["Actor"]["Attributes"]
        if event["Action"] == action and name in {
            attributes.get("name"),
            attributes.get("stella.document"),
            attributes.get("com.docker.swarm.service.name"),
        }:
            return int(event["timeNano"])


def _running(raw: Raw, name: str) -> str:
    """Its id. Waits until there is one that runs."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for row in raw.containers(""):
            service = row["Labels"].get("com.docker.swarm.service.name")
            if row["State"] == "running" and name in {row["Names"][0].removeprefix("/"), service}:
                return str(row["Id"])
        time.sleep(0.05)
    raise RuntimeError(f"{name} does not run")


@contextmanager
def _floor(ground: Ground) -> Iterator[str]:
    """Heals by bare requests as soon as an event comes."""
    name, image, watcher, hand = "floor-heal", ground.plain, Raw(str(ground.engine.socket)), ground.raw()
    hand.start(hand.create(name, image.reference))

    def listen() -> None:
        with suppress(OSError, ValueError, AttributeError):
            for event in watcher.events():
                if event["Actor"]["Attributes"].get("name") != name:
                    continue
                if event["Action"] == "destroy":
                    hand.start(hand.create(name, image.reference))
                elif event["Action"] == "die":
                    with suppress(RuntimeError):  # it is being removed: the event of that comes next
                        hand.start(name)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield name
    finally:
        watcher.close()
        thread.join()


@contextmanager
def _ours(ground: Ground) -> Iterator[Iterator[str]]:
    """The real controller in a process of its own. It heals a document five times in five minutes, then holds
    it: so there are several.
    """
    names, wishes = [f"heal-{number}" for number in range(DOCUMENTS)], ground.wishes("heal")
    for name in names:
        wishes.write(name, ground.plain)
    wishes.apply()
    with running(wishes):
        time.sleep(1)  # the events are listened to
        yield itertools.cycle(names)


def _peers(
    at_work: Peers, image: PublishedImage, notes: dict[str, str], *, blow: Blow
) -> Iterator[tuple[str, Turn]]:
    ground, raw = at_work.ground, at_work.ground.raw(at_work.engine)
    missing = swarm(ground)
    for delay in ("0s", "5s"):
        title = f"swarm, restart delay {delay}" + (" (default)" if delay == "5s" else "")
        if missing:
            notes[title] = missing
            continue
        name = f"heal-{blow.__name__}-{delay}"
        create = ("service", "create", "--detach", "--name", name, "--no-resolve-image", "--restart-delay", delay)
        at_work.run(*at_work.docker(*create, image.reference))
        yield title, healed(raw, itertools.repeat(name), blow)
    if blow is killed:
        policy = {"RestartPolicy": {"Name": "unless-stopped"}}
        raw.start(raw.create("policy", image.reference, host=policy))
        yield "restart policy (its process killed)", healed(raw, itertools.repeat("policy"), crashed)
