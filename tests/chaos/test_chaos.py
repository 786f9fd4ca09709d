"""A slice of chaos in every run of the tests; `make chaos` runs it for as long as one likes.

SEED gives the same deeds again, CHAOS_SECONDS how long, CHAOS_DOCUMENTS how many documents; what a long run came
to is written into .work/chaos.json.
"""

from __future__ import annotations

import json
import os
import platform
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.chaos.run import Chaos, tell
from tests.chaos.town import built
from tests.e2e.compose.shop import Catalogue
from tests.e2e.stage import Stage

DOCUMENTS = int(os.environ.get("CHAOS_DOCUMENTS", "12"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "0"))
ROUNDS = 4
"""Where no time is given."""

SUMMARY = Path(__file__).parents[2] / ".work" / "chaos.json"


@pytest.fixture
def seed() -> int:
    """Another one in every run, unless SEED says which."""
    return int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))


def rounds() -> Iterator[int]:
    """Until the time is over; a fixed number where none is given."""
    end, number = time.monotonic() + SECONDS, 0
    while number < ROUNDS if not SECONDS else time.monotonic() < end:
        number += 1
        yield number


@pytest.mark.fault("L1")
@pytest.mark.timeout(SECONDS + 900)
def test_random_faults_on_many_documents_leave_each_as_its_file_says(
    fresh_stage: Stage, catalogue: Catalogue, seed: int
) -> None:
    tell(f"SEED={seed}, {DOCUMENTS} documents")
    began = time.monotonic()
    with built(fresh_stage, catalogue, documents=DOCUMENTS) as town:
        chaos = Chaos(town=town, chance=random.Random(seed), tell=tell)  # noqa: S311  (to be had again)
        before = chaos.begin()
        tell("all documents are deployed")
        for number in rounds():
            chaos.round(before)
            tell(f"quiet after round {number}, in {chaos.tally.converged_s[-1]:.1f} s")
        fresh_stage.showed("converged_s", max(chaos.tally.converged_s))
        fresh_stage.showed("kills", town.kills - fresh_stage.engine.kills)
        if SECONDS:
            _summarise(chaos, seed, seconds=time.monotonic() - began)


def _summarise(chaos: Chaos, seed: int, *, seconds: float) -> None:
    told = {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "engine": chaos.town.stage.sdk.version()["Version"],
        "machine": f"{os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}",
        "seed": seed,
        "seconds": round(seconds),
        "documents": DOCUMENTS,
        "rounds": chaos.tally.rounds,
        "faults": chaos.tally.deeds.total(),
        "by kind": dict(sorted(chaos.tally.deeds.items())),
        "kills": chaos.town.kills,
        "violations": 0,
        "converged_s": round(max(chaos.tally.converged_s), 1),
    }
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text(json.dumps(told, indent=1) + "\n")
