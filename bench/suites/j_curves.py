"""How the cost of a look grows with the documents: what we ourselves take, on a simulated engine."""

from __future__ import annotations

import json
import subprocess

from bench.ground import Ground
from bench.model import Curve, Line
from bench.programs import PYTHON, ROOT
from bench.suite import Found, suite

SIZES = (10, 100, 1000, 3000, 10_000)
QUICK_SIZES = (10, 100)
ROUNDS = 5
DRAWN = {"first": "first look", "look": "quiet look", "folder": "look at the folder"}
FACTS = {"calls": "engine calls of a quiet look", "memory": "memory, MB"}


@suite("curves", "How costs grow with documents", within_s=900.0)
def curves(ground: Ground) -> Found:
    """Everything of 10 to 10,000 documents whose containers run."""
    found: dict[str, list[tuple[float, float]]] = {key: [] for key in (*DRAWN, *FACTS)}
    for size in QUICK_SIZES if ground.quick else SIZES:
        ground.tell(f"{size:,} documents")
        for key, value in _measured(size, ground.rounds(ROUNDS)).items():
            found[key].append((float(size), round(value, 3)))
    curve = Curve(
        id="documents",
        title="A look, by documents (simulated engine)",
        x="documents",
        y="ms",
        lines=tuple(Line(name, tuple(found[key])) for key, name in DRAWN.items()),
        facts=tuple(Line(name, tuple(found[key])) for key, name in FACTS.items()),
    )
    return (), (curve,)


def _measured(size: int, rounds: int) -> dict[str, float]:
    argv = [PYTHON, "-m", "bench.growth", str(size), str(rounds)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    told: dict[str, float] = json.loads(done.stdout)
    return told
