"""What so many documents cost on a simulated engine, in a process of its own, so that its memory is theirs.

``python -m bench.growth SIZE ROUNDS`` prints a line of JSON. Documents, history and stickers lie in memory where
the machine has such a folder: what is measured here is processor time, and a quiet look writes nothing.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from bench.processes import resident_mb
from bench.simulated import World, in_memory
from bench.turns import here


def measured(folder: Path, size: int, rounds: int) -> dict[str, float]:
    """Milliseconds of a first look, of a quiet one, and of a look at the folder; calls; memory."""
    with closing(World(folder / "world", size)) as world:
        first = _timed(world.assess_quietly)
        calls = len(world.engine.calls)
        look, reload = (_median(work, rounds) for work in (world.assessor.assess, world.catalogue.reload))
        return {
            "first": first,
            "look": look,
            "folder": reload,
            "calls": (len(world.engine.calls) - calls) / (rounds + 1),
            "memory": resident_mb(os.getpid()),
        }


def _median(work: Callable[[], object], rounds: int) -> float:
    """After one that is not counted."""
    turn = here(work)
    turn()
    return 1000 * median(turn().value for _ in range(rounds))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def main(size: int, rounds: int) -> None:
    with in_memory() as folder:
        print(json.dumps(measured(folder, size, rounds)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
