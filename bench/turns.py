"""Taking turns: contestants go one after the other, round after round, so that a busy moment hits all alike.

The order of a round turns by one each time, so that nobody always follows the same one.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence

from bench.model import Contestant, Role, Sample

Turn = Callable[[], Sample]


def in_turns(
    turns: Mapping[str, Turn],
    *,
    rounds: int,
    warm_up: int = 1,
    at_most: Mapping[str, int] | None = None,
    tell: Callable[[str], None] = lambda _name: None,
) -> dict[str, tuple[Sample, ...]]:
    """The samples of each contestant; those of the first ``warm_up`` rounds are not kept. Who is in ``at_most``
    has enough after so many samples, and leaves the other rounds out. ``tell`` hears whose turn it is, and "" when
    it is nobody's any more.
    """
    enough = {**dict.fromkeys(turns, rounds), **(at_most or {})}
    samples: dict[str, list[Sample]] = {name: [] for name in turns}
    names = list(turns)
    for round_ in range(rounds + warm_up if turns else 0):
        start = round_ % len(names)
        for name in names[start:] + names[:start]:
            if len(samples[name]) >= enough[name]:
                continue
            tell(name)
            sample = turns[name]()
            if round_ >= warm_up:
                samples[name].append(sample)
    tell("")
    return {name: tuple(taken) for name, taken in samples.items()}


def here(work: Callable[[], object]) -> Turn:
    """A turn in this process: its time, and the processor seconds of all threads here. What lies about is swept up
    before it, not in it.
    """

    def turn() -> Sample:
        gc.collect()
        cpu, began = time.process_time(), time.perf_counter()
        work()
        return Sample(time.perf_counter() - began, time.process_time() - cpu)

    return turn


def contestants(
    samples: Mapping[str, Sequence[Sample]], roles: Mapping[str, Role], *, notes: Mapping[str, str] | None = None
) -> tuple[Contestant, ...]:
    """In the order of ``roles``; whoever has a role and no samples was not measured."""
    told = notes or {}
    return tuple(
        Contestant(name, role, tuple(samples.get(name, ())), told.get(name, "")) for name, role in roles.items()
    )


def prepared(before: Callable[[], object], work: Callable[[], object], after: Callable[[], object]) -> Turn:
    """As ``here``; what goes before and after is no part of it."""
    timed = here(work)

    def turn() -> Sample:
        before()
        try:
            return timed()
        finally:
            after()

    return turn


def untimed(work: Turn, *, before: Callable[[], object], after: Callable[[], object]) -> Turn:
    """A turn that tells its own sample, with what goes before and after it."""

    def turn() -> Sample:
        before()
        try:
            return work()
        finally:
            after()

    return turn
