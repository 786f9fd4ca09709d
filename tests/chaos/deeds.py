"""What is done to the town: drawn from a seeded stream, so that a seed gives the same deeds in the same order.

A deed may fail where it makes no sense just now (a stopped container cannot be paused); that is no fault.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable

from tests.chaos.citizen import Citizen
from tests.chaos.town import Town
from tests.parts.engine_fault import EngineFault, changing, everything
from tests.parts.registry_proxy import Lie, blobs, cut_after, flip_a_byte, manifests, refuse
from tests.parts.registry_proxy import everything as all_requests

Deed = Callable[[Town, random.Random], str]
"""Does it, and tells what it did."""


def _somebody(town: Town, chance: random.Random) -> Citizen:
    return chance.choice(town.citizens)


def new_release(town: Town, chance: random.Random) -> str:
    citizen = _somebody(town, chance)
    citizen.want(citizen.release + 1, bad=False)
    town.write(citizen)
    return f"{citizen.name} wants r{citizen.release}"


def bad_release(town: Town, chance: random.Random) -> str:
    citizen = _somebody(town, chance)
    citizen.want(citizen.release + 1, bad=True)
    town.write(citizen)
    return f"{citizen.name} wants r{citizen.release}, which is bad"


def edit_back(town: Town, chance: random.Random) -> str:
    citizen = _somebody(town, chance)
    citizen.want(max(citizen.former, default=citizen.release), bad=False)
    town.write(citizen)
    return f"{citizen.name} goes back to r{citizen.release}"


def broken_file(town: Town, chance: random.Random) -> str:
    citizen = _somebody(town, chance)
    text = chance.choice(["", "kind: [Container\n", "kind: Container\nkind: Container\n", "\0"])
    (town.stage.desired / town.file(citizen)).write_text(text)
    return f"the file of {citizen.name} breaks"


def file_gone(town: Town, chance: random.Random) -> str:
    citizen = _somebody(town, chance)
    (town.stage.desired / town.file(citizen)).unlink(missing_ok=True)
    return f"the file of {citizen.name} is gone"


def sticker_garbled(town: Town, chance: random.Random) -> str:
    citizen, what = _somebody(town, chance), chance.choice(["", "{", "half"])
    path = town.stage.sticker(citizen.name)
    if path.exists():
        path.write_text(path.read_text()[:40] if what == "half" else what)
    return f"the sticker of {citizen.name} is garbled"


BY_HAND: tuple[tuple[str, ...], ...] = (
    ("stop", "-t", "1", "NAME"),
    ("kill", "NAME"),
    ("rm", "-f", "NAME"),
    ("pause", "NAME"),
    ("rename", "NAME", "NAME-elsewhere"),
    ("update", "--memory", "64m", "--memory-swap", "64m", "NAME"),
    ("update", "--restart", "always", "NAME"),
    ("restart", "-t", "1", "NAME"),
    ("network", "disconnect", "bridge", "NAME"),
    ("image", "prune", "-af"),
)


def by_hand(town: Town, chance: random.Random) -> str:
    citizen, words = _somebody(town, chance), chance.choice(BY_HAND)
    name = chance.choice(citizen.containers)
    command = [word.replace("NAME", name) for word in words]
    docker = town.stage.engine.program.docker
    subprocess.run([docker, *command], env=town.stage.environment(), capture_output=True, timeout=60, check=False)
    return f"docker {' '.join(command)}"


def controller_killed(town: Town, chance: random.Random) -> str:
    pause = chance.uniform(0.0, 0.5)
    town.signal(signal.SIGKILL)
    time.sleep(pause)
    town.start()
    return "the controller is killed"


def controller_stopped(town: Town, _: random.Random) -> str:
    town.signal(signal.SIGTERM)
    return "the controller is told to stop"


def controller_sleeps(town: Town, chance: random.Random) -> str:
    town.signal(signal.SIGSTOP)
    time.sleep(chance.uniform(0.2, 2.0))
    town.signal(signal.SIGCONT)
    return "the controller sleeps for a while"


def controller_dies_at_an_action(town: Town, chance: random.Random) -> str:
    point = f"{chance.choice(['before', 'after'])}:{chance.randint(1, 20)}"
    town.signal(signal.SIGKILL)
    if town.running is not None:
        town.running.wait(5)
    town.start(RECONCILER_FAIL_AT=point)
    return f"the controller will die {point}"


def engine_killed(town: Town, chance: random.Random) -> str:
    town.stage.engine.kill()
    town.kills += 1
    time.sleep(chance.uniform(0.0, 2.0))
    town.stage.engine.start()
    return "the engine is killed"


def engine_call_fails(town: Town, chance: random.Random) -> str:
    how = chance.choice(["error", "reset", "hang", "lost"])
    concerned = chance.choice([changing, everything])
    nth, times = chance.randint(1, 8), chance.randint(1, 3)
    town.proxy.fault(EngineFault(concerned, how, nth=nth, times=times, status=chance.choice([409, 500])))  # type: ignore[arg-type]  # one of the words
    return f"calls {nth} to {nth + times - 1} of the engine: {how}"


def registry_lies(town: Town, chance: random.Random) -> str:
    lies = {
        "is away": Lie(all_requests, refuse(503)),
        "cuts layers": Lie(blobs, cut_after(200)),
        "alters layers": Lie(blobs, flip_a_byte),
        "alters manifests": Lie(manifests, flip_a_byte),
        "has enough": Lie(all_requests, refuse(429)),
    }
    what = chance.choice(sorted(lies))
    town.registry.tell(lies[what])
    return f"the registry {what}"


DEEDS: tuple[tuple[Deed, int], ...] = (
    (new_release, 8),
    (bad_release, 3),
    (edit_back, 3),
    (broken_file, 2),
    (file_gone, 1),
    (sticker_garbled, 2),
    (by_hand, 8),
    (controller_killed, 4),
    (controller_stopped, 1),
    (controller_sleeps, 2),
    (controller_dies_at_an_action, 4),
    (engine_killed, 1),
    (engine_call_fails, 3),
    (registry_lies, 2),
)
"""Each with its weight."""


def draw(chance: random.Random) -> Deed:
    """The next deed of the stream."""
    deeds, weights = zip(*DEEDS, strict=True)
    found: Deed = chance.choices(deeds, weights)[0]
    return found
