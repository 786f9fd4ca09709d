"""docs/performance.md and its figures, from the results that are kept in the repository.

What only a person can say of a row (why a target is out of reach, what to think of when reading it) stands in
``notes.toml``, by the row's id. The page is written by ``make bench`` and by ``python -m bench.run --page``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.figure import svg
from bench.model import NOT_MEASURED, Conditions, Curve, Report, Row
from bench.programs import ROOT
from bench.statistics import Standing, met, ours_of, standings
from bench.words import amount, goal, times, verdict

PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "images"
NOTES = Path(__file__).parent / "notes.toml"
ROLES = {"floor": "floor: ", "ours": "**ours**: ", "peer": ""}
"""Before the name of a contestant."""

INTRODUCTION = """\
# Performance

What the controller costs, beside the least that the engine's API takes for the same work (the *floor*: bare HTTP
on the engine's socket) and beside the programs that people use for it (the *peers*). This page is made from
`bench/results` (`python -m bench.run --page`).

## How to read it

Contestants of one table take turns within one run, on one machine, so that the ratios mean something; the times
are those of that machine and no promise. A ratio is the contestant's median over the floor's; the first floor
counts. A target is what we aim at for ours. *Turns*: how often it was measured. *CPU* is processor time, of a
whole program or of the thread pool that did the work, without what the engine spends; *peak* the most memory of a
whole program. What is measured in the controller is work that the running program does; what is called by its
command is a fresh process.

`make bench` measures again, in about a quarter of an hour, on engines of its own, and writes this page;
`SUITE=noop` one part, `THOROUGH=1` longer. A part that hangs is ended, and the next one measured. The load that
is told with each part is mostly what the part makes itself. Where something else is at work, the ratios hold
better than the times, and the outages do not hold at all.
"""


def write(reports: Mapping[str, Report], titles: Mapping[str, str]) -> None:
    """Write the page and every figure."""
    for path, content in contents(reports, titles).items():
        path.write_text(content, encoding="utf-8")


def outdated(reports: Mapping[str, Report], titles: Mapping[str, str]) -> list[str]:
    """Names of the files that are missing or say something else than the results."""
    made = contents(reports, titles)
    return [path.name for path, content in made.items() if not path.exists() or path.read_text("utf-8") != content]


def contents(reports: Mapping[str, Report], titles: Mapping[str, str]) -> dict[Path, str]:
    """Each file that is made, with what is in it. ``titles`` of the suites, in the order of the page."""
    notes = tomllib.loads(NOTES.read_text("utf-8"))
    shown = {name: reports[name] for name in titles if name in reports}
    figures = {FIGURES / f"cost-{curve.id}.svg": svg(curve) for item in shown.values() for curve in item.curves}
    return {PAGE: page(shown, titles, notes), **figures}


def page(reports: Mapping[str, Report], titles: Mapping[str, str], notes: Mapping[str, str]) -> str:
    """The whole page."""
    lines = [INTRODUCTION, *_summary(reports)]
    newest = max((report.conditions.run for report in reports.values()), default="")
    for name, report in reports.items():
        lines += [f"## {titles[name]}\n", *_conditions(report.conditions, newest)]
        for row in report.rows:
            lines += [*_row(row), *_note(notes, row.id)]
        for curve in report.curves:
            lines += [*_curve(curve), *_note(notes, curve.id)]
    return "\n".join(lines).rstrip() + "\n"


def _summary(reports: Mapping[str, Report]) -> Iterator[str]:
    yield "## In short\n"
    yield "| work | floor | ours | ratio | target | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for report in reports.values():
        yield from (_line(row) for row in report.rows)
    yield ""


def _line(row: Row) -> str:
    ours, floor = ours_of(row), next((item for item in standings(row) if item.contestant.role == "floor"), None)
    cells = (
        row.work,
        amount(floor.value.median, row.unit) if floor and floor.value else NOT_MEASURED,
        amount(ours.value.median, row.unit) if ours and ours.value else NOT_MEASURED,
        times(ours.ratio) if ours else "",
        goal(row.target, row.limit, row.unit),
        verdict(met(row)),
    )
    return f"| {' | '.join(cells)} |"


def _conditions(told: Conditions, newest: str) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in told.versions.items())
    load = " to ".join(f"{value:g}" for value in told.load)
    when = f"{told.day}, in an earlier run than the newest here," if told.run != newest else told.day
    yield f"Measured on {when} on {told.machine} with {versions}; load {load}.\n"


def _row(row: Row) -> Iterator[str]:
    aim = goal(row.target, row.limit, row.unit)
    facts = "".join(f"; {count} {what}" for what, count in row.facts.items())
    said = verdict(met(row))
    yield f"**{row.work[:1].upper()}{row.work[1:]}**{f' (target {aim}: {said})' if aim else ''}{facts}\n"
    yield "| | median | least to most | turns | ratio | CPU | peak |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    yield from (_standing(item, row) for item in standings(row))
    yield ""


def _standing(item: Standing, row: Row) -> str:
    name = f"{ROLES[item.contestant.role]}{item.contestant.name}"
    note = f" ({item.contestant.note})" if item.contestant.note else ""
    if item.value is None:
        return f"| {name} | {NOT_MEASURED}{note} | | | | | |"
    cells = (
        f"{name}{note}",
        amount(item.value.median, row.unit),
        f"{amount(item.value.least, row.unit)} to {amount(item.value.most, row.unit)}",
        str(len(item.contestant.samples)),
        times(item.ratio),
        "" if item.cpu_s is None else amount(item.cpu_s, "s"),
        "" if item.peak_mb is None else amount(item.peak_mb, "MB"),
    )
    return f"| {' | '.join(cells)} |"


def _curve(curve: Curve) -> Iterator[str]:
    """The figure, and its points beside what is of other units."""
    lines = (*curve.lines, *curve.facts)
    yield f"![{curve.title}](images/cost-{curve.id}.svg)\n"
    yield f"| {curve.x} | {' | '.join(_headed(line.name, curve) for line in lines)} |"
    yield f"| {' | '.join(['---'] * (len(lines) + 1))} |"
    values = [dict(line.points) for line in lines]
    for x in sorted({x for line in lines for x, _ in line.points}):
        cells = [f"{found[x]:,.2f}" if x in found else "" for found in values]
        yield f"| {x:,.0f} | {' | '.join(cells)} |"
    yield ""


def _headed(name: str, curve: Curve) -> str:
    """With the unit of what is drawn; facts have theirs in their names."""
    return f"{name}, {curve.y}" if name in {line.name for line in curve.lines} else name


def _note(notes: Mapping[str, str], key: str) -> Iterator[str]:
    if key in notes:
        yield f"{notes[key].strip()}\n"
