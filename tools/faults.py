"""Write docs/faults.md: every fault, what is promised, and what the tests showed.

python -m tools.faults                 from the figures of the last full run, which are kept in the repository
python -m tools.faults --take REPORT   keep the figures of this run first (`make faults` does)
python -m tools.faults --add REPORT    take the rows of this run alone, which came after the last full one
python -m tools.faults --check         exit 1 when the page is not up to date

The list of faults is tests/faults/catalogue.py, what was found on the way tests/faults/found.py; the figures are
tests/faults/results.json and, of the chaos run, tests/faults/chaos.json.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.catalogue import AREAS, Row
from tests.faults.found import FOUND
from tests.parts import engine_program, host

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "faults.md"
RESULTS = ROOT / "tests" / "faults" / "results.json"
CHAOS = ROOT / "tests" / "faults" / "chaos.json"
Json = Mapping[str, Any]

INTRODUCTION = """\
# Faults

What was done to the controller, to the engine, the registry, the disk, the files and the clock, and what held.
Every row is one or more tests: on a real engine and registry where containers are concerned, else on the files,
messages or certificates that the row is about. After each on an engine the same oracle looks: one whole release
per document, running or as it was, nothing left over, nobody else's containers touched, history, sticker and
container telling the same, no secret anywhere, and nothing more to do. What is promised, in plain words, stands in
[promises](promises.md); what is out of reach, in [limits](limits.md).

`make faults` runs all of it and writes this page (`python -m tools.faults`); `make chaos` is the long run of
random faults. Every change runs the tests of all rows, but for variants that repeat what another shows.
"""


def page(results: Json, chaos: Json) -> str:
    """The whole page."""
    parts = [INTRODUCTION, *_numbers(results, chaos)]
    for area in AREAS:
        parts += _table(area.letter, area.title, area.rows, results["rows"])
    return "\n".join([*parts, *_found()])


def _numbers(results: Json, chaos: Json) -> Iterator[str]:
    yield "## In numbers\n"
    yield "| | all rows | chaos |"
    yield "| --- | --- | --- |"
    rows = results["rows"].values()
    broken = sum(row["tests"] - row["passed"] for row in rows)
    yield f"| when | {results['day']} | {chaos['day']} |"
    yield f"| engine | {results['engine']} | {chaos['engine']} |"
    yield f"| machine | {results['machine']} | {chaos['machine']} |"
    yield f"| what | {len(rows)} rows, {results['tests']} tests | {_chaos_size(chaos)} |"
    yield f"| kills | {results['kills']} | {chaos['kills']} |"
    yield f"| violations | {broken} | {chaos['violations']} |"
    yield f"| longest outage | {_seconds(results['outage_s'])} | not measured: it takes services away by itself |"
    yield f"| longest way to converged | {_seconds(results['converged_s'])} | {_seconds(chaos['converged_s'])} |\n"


def _chaos_size(chaos: Json) -> str:
    size = f"{chaos['documents']} documents, {chaos['faults']} faults in {chaos['seconds']} s"
    return f"{size}, seed {chaos['seed']}"


def _table(letter: str, title: str, rows: Sequence[Row], shown: Json) -> Iterator[str]:
    yield f"## {letter}: {title.lower() if title.startswith('The ') else title}\n"
    yield "| row | what breaks | what holds | tests | kills | longest outage |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in rows:
        told = shown.get(row.id, {"tests": 0, "passed": 0, "kills": 0, "outage_s": None})
        tests = f"{told['passed']} of {told['tests']}"
        figures = f"{tests} | {told['kills'] or ''} | {_seconds(told['outage_s'])}"
        yield f"| {row.id} | {row.breaks} | {row.promise} | {figures} |"
    files = sorted({file for row in rows for file in shown.get(row.id, {}).get("files", ())})
    yield f"\nShown by {', '.join(f'`{file}`' for file in files)}.\n" if files else ""


def _found() -> Iterator[str]:
    yield "## Found on the way\n"
    yield "What these tests found wrong, each mended and held by a test since.\n"
    yield "| row | what was wrong | held by |"
    yield "| --- | --- | --- |"
    yield from (f"| {item.row} | {item.wrong} | `{item.held_by}` |" for item in FOUND)
    yield ""


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def take(report: Json) -> dict[str, Any]:
    """The figures of one run, by row: what the plugin of the tests wrote down, each test on its own."""
    rows: dict[str, list[Json]] = {}
    files: dict[str, set[str]] = {}
    for name, test in report.items():
        for row in test["rows"]:
            rows.setdefault(row, []).append(test)
            files.setdefault(row, set()).add(name.partition("::")[0])
    everything = list(report.values())
    return {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "engine": _engine(),
        "machine": f"{os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}",
        "tests": len(everything),
        "kills": _kills(everything),
        "outage_s": _most(everything, "outage_s"),
        "converged_s": _most(everything, "converged_s"),
        "rows": {row: _row(tests, files[row]) for row, tests in sorted(rows.items())},
    }


def _engine() -> str:
    """Such as ``20.10.24+dfsg1``."""
    said = host.run(engine_program.chosen().dockerd, "--version")
    return said.partition("version ")[2].partition(",")[0]


def _row(tests: Sequence[Json], files: Collection[str]) -> dict[str, Any]:
    return {
        "files": sorted(files),
        "tests": len(tests),
        "passed": sum(test["passed"] for test in tests),
        "kills": _kills(tests),
        "outage_s": _most(tests, "outage_s"),
    }


def _kills(tests: Sequence[Json]) -> int:
    return int(sum(sum(test["figures"].get("kills", ())) for test in tests))


def _most(tests: Sequence[Json], figure: str) -> float | None:
    found = [value for test in tests for value in test["figures"].get(figure, ())]
    return round(max(found), 2) if found else None


def current() -> str:
    """The page, from what is kept in the repository."""
    return page(json.loads(RESULTS.read_text()), json.loads(CHAOS.read_text()))


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit status."""
    match list(arguments):
        case ["--check"]:
            fresh = PAGE.exists() and PAGE.read_text() == current()
            if not fresh:
                print("docs/faults.md is out of date: python -m tools.faults", file=sys.stderr)
            return 0 if fresh else 1
        case ["--take", report]:
            RESULTS.write_text(json.dumps(take(json.loads(Path(report).read_text())), indent=1) + "\n")
        case ["--add", report]:
            kept = json.loads(RESULTS.read_text())
            later = take(json.loads(Path(report).read_text()))["rows"]
            kept["rows"] = dict(sorted({**kept["rows"], **later}.items()))
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
        case []:
            pass
        case _:
            print(__doc__, file=sys.stderr)
            return 64
    PAGE.write_text(current())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
