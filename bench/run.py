"""``make bench``: measure, keep the results, print the table, write the page.

SUITE=noop (or several, with commas) measures these alone; THOROUGH=1 the long forms, too; QUICK=1 everything once,
without keeping anything: to see that the bench works. A missed target is told, not an error: it says as much about
a busy machine.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime

from bench import page
from bench.ground import Ground
from bench.model import Conditions, Report
from bench.programs import ROOT
from bench.results import keep, kept
from bench.suite import Suite, discovered
from bench.terminal import table
from reconciler.compose.program import find
from tests.parts import engine_program, host


def main(environment: Mapping[str, str]) -> int:
    """Measure what the environment asks for; the exit status."""
    suites = discovered()
    wanted = [name for name in environment.get("SUITE", "").split(",") if name] or list(suites)
    unknown = [name for name in wanted if name not in suites]
    if unknown:
        print(f"no suite is called {', '.join(unknown)}; there are: {', '.join(suites)}", file=sys.stderr)
        return 64
    quick = bool(environment.get("QUICK"))
    with closing(Ground(thorough=bool(environment.get("THOROUGH")), quick=quick)) as ground:
        for name in wanted:
            report = measured(suites[name], ground)
            print(table([report]), flush=True)
            if not quick:
                keep(report)
    if not quick:
        page.write(kept(), titles())
        print("written: bench/results, docs/performance.md")
    return 0


def titles() -> dict[str, str]:
    """The suites' titles, in their order."""
    return {name: suite.title for name, suite in discovered().items()}


def measured(suite: Suite, ground: Ground) -> Report:
    """What a suite finds, with the conditions under which it did."""
    before = os.getloadavg()[0]
    rows, curves = suite.measure(ground)
    return Report(suite=suite.name, conditions=conditions(before), rows=rows, curves=curves)


def conditions(load_before: float) -> Conditions:
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
        case []:
            return main(os.environ)
        case _:
            print(__doc__, file=sys.stderr)
            return 64


if __name__ == "__main__":
    sys.exit(arguments(sys.argv[1:]))
