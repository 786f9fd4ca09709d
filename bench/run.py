"""``make bench``: measure, keep the results, print the table, write the page.

SUITE=noop (or several, with commas) measures these alone; THOROUGH=1 the long forms, too; QUICK=1 everything once,
without keeping anything: to see that the bench works. A missed target is told, not an error: it says as much about
a busy machine. A suite that hangs or fails is one: the others are measured, and of this one the former figures
stay.
"""

from __future__ import annotations

import faulthandler
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime

from bench import page
from bench.ground import Ground
from bench.model import Conditions, Report
from bench.peers import ansible
from bench.programs import PYTHON, ROOT
from bench.results import keep, kept
from bench.suite import Suite, discovered
from bench.terminal import endings, table
from bench.watch import Told, Watch
from reconciler.compose.program import find
from tests.parts import engine_program, host

WITH_ANSIBLE = frozenset({"noop", "deploy", "replace"})
"""Suites with a peer that has to be installed first."""

PATIENCE_THOROUGH = 4
"""How much longer suites may take in their long forms."""


def main(environment: Mapping[str, str]) -> int:
    """Measure what the environment asks for; the exit status."""
    suites = discovered()
    asked = [name for name in environment.get("SUITE", "").split(",") if name] or list(suites)
    unknown = [name for name in asked if name not in suites]
    if unknown:
        print(f"no suite is called {', '.join(unknown)}; there are: {', '.join(suites)}", file=sys.stderr)
        return 64
    began = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"
    patience = PATIENCE_THOROUGH if environment.get("THOROUGH") else 1
    watch = Watch(
        command=lambda names, out: [PYTHON, "-m", "bench.run", "--measure", ",".join(names), str(out), began],
        within_s={name: suite.within_s * patience for name, suite in suites.items()},
    )
    if WITH_ANSIBLE.intersection(asked):
        ansible()  # made before any suite's time begins; each tells where it cannot be had
    try:
        ended = watch.over([name for name in suites if name in asked])  # in their order: what they share grows
    finally:
        if not environment.get("QUICK"):
            page.write(kept(), titles())
            print("written: bench/results, docs/performance.md")
    print("\n".join(endings(ended, kept())))
    return int(any(item.how != "measured" for item in ended))


def titles() -> dict[str, str]:
    """The suites' titles, in their order."""
    return {name: suite.title for name, suite in discovered().items()}


def measure(names: Sequence[str], out: int, began: str) -> None:
    """Measure these suites one after the other, on the same engines, telling a ``Watch`` of each step."""
    faulthandler.register(signal.SIGUSR1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell has it ignored in the background
    suites, environment = discovered(), os.environ
    thorough, quick = bool(environment.get("THOROUGH")), bool(environment.get("QUICK"))
    with os.fdopen(out, "w") as pipe:
        told = Told(pipe)
        with closing(Ground(thorough=thorough, quick=quick, tell=told.at)) as ground:
            for name in names:
                told.begins(name)
                print(f"{suites[name].title} ({name})\n", flush=True)
                report = measured(suites[name], ground, began)
                print(table([report]), flush=True)
                if not quick:
                    keep(report)
                told.measured(name)


def measured(suite: Suite, ground: Ground, began: str) -> Report:
    """What a suite finds, with the conditions under which it did."""
    before = os.getloadavg()[0]
    rows, curves = suite.measure(ground)
    return Report(suite=suite.name, conditions=conditions(before, began), rows=rows, curves=curves)


def conditions(load_before: float, began: str) -> Conditions:
    """The machine, its programs, and how busy it was."""
    return Conditions(
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=f"{os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}",
        versions={
            "Python": platform.python_version(),
            "Docker Engine": engine_program.chosen().version,
            "Docker Compose": host.run(find(os.environ), "version", "--short").strip(),
        },
        commit=_said("git", "describe", "--always", "--dirty", "--abbrev=10"),
        load=(round(load_before, 1), round(os.getloadavg()[0], 1)),
        run=began,
    )


def _said(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT, timeout=10)
    return done.stdout.strip() or "unknown"


def arguments(words: Sequence[str]) -> int:
    """``--page`` and ``--check`` write and compare the page from what is kept; without, everything is measured."""
    match list(words):
        case ["--page"]:
            page.write(kept(), titles())
            return 0
        case ["--check"]:
            return int(bool(page.outdated(kept(), titles())))
        case ["--measure", names, out, began]:
            measure(names.split(","), int(out), began)
            return 0
        case []:
            return main(os.environ)
        case _:
            print(__doc__, file=sys.stderr)
            return 64


if __name__ == "__main__":
    sys.exit(arguments(sys.argv[1:]))
