"""A report as tables of 80 columns, and how a run ended. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.model import NOT_MEASURED, Curve, Report, Row
from bench.statistics import Standing, met, standings
from bench.watch import Ended
from bench.words import amount, goal, times, verdict

WIDTH = 80
_COLUMNS = "  {name:<27.27} {median:>9} {spread:>17} {ratio:>6} {cpu:>6} {peak:>7}"


def table(reports: Iterable[Report]) -> str:
    """Row after row: floor, ours, peers; then the curves."""
    return "\n".join(line.rstrip() for report in reports for line in _of(report))


def endings(ended: Sequence[Ended], kept: Mapping[str, Report]) -> Iterator[str]:
    """How long each suite took; which has hung or failed, where, and of when its figures are."""
    taken = ", ".join(f"{item.suite} {item.after_s:.0f} s" for item in ended if item.how == "measured")
    yield from textwrap.wrap(f"measured: {taken or 'nothing'}", WIDTH)
    for item in ended:
        if item.how == "measured":
            continue
        at = f"at {item.at!r}" if item.at else "between turns"
        old = kept.get(item.suite)
        stays = f"its figures of {old.conditions.day} stay" if old else "it has no figures"
        yield from textwrap.wrap(f"{item.suite} has {item.how} {at}, after {item.after_s:.0f} s: {stays}", WIDTH)


def _of(report: Report) -> Iterator[str]:
    for row in report.rows:
        yield from _lines(row)
    for curve in report.curves:
        yield from _curve(curve)


def _curve(curve: Curve) -> Iterator[str]:
    """A line for each, a column for each place."""
    lines = (*curve.lines, *curve.facts)
    places = sorted({x for line in lines for x, _ in line.points})
    yield from textwrap.wrap(curve.title, WIDTH)
    yield f"  {curve.x:<30.30}" + "".join(f"{place:>12,.0f}" for place in places)
    for line in lines:
        found = dict(line.points)
        cells = (f"{found[place]:,.2f}" if place in found else "" for place in places)
        yield f"  {line.name:<30.30}" + "".join(f"{cell:>12}" for cell in cells)
    yield ""


def _lines(row: Row) -> Iterator[str]:
    aim = " ".join(filter(None, (goal(row.target, row.limit, row.unit), verdict(met(row)).upper())))
    facts = ", ".join(f"{count} {what}" for what, count in row.facts.items())
    yield from textwrap.wrap(f"{row.work}{f' [{facts}]' if facts else ''}", WIDTH - len(aim) - 2) or [""]
    if aim:
        yield f"{aim:>{WIDTH}}"
    yield _COLUMNS.format(name="", median="median", spread="min-max", ratio="ratio", cpu="CPU", peak="peak")
    for item in standings(row):
        yield from _standing(item, row)
    yield ""


def _standing(item: Standing, row: Row) -> Iterator[str]:
    name = {"floor": "floor: ", "ours": "ours: ", "peer": ""}[item.contestant.role] + item.contestant.name
    if item.value is None:
        reason = f"  {name}: {NOT_MEASURED}{f' ({item.contestant.note})' if item.contestant.note else ''}"
        yield from textwrap.wrap(reason, WIDTH, subsequent_indent="    ")
        return
    between = f"{_bare(item.value.least, row)}-{amount(item.value.most, row.unit)}"
    yield _COLUMNS.format(
        name=name,
        median=amount(item.value.median, row.unit),
        spread=between,
        ratio=times(item.ratio),
        cpu="" if item.cpu_s is None else amount(item.cpu_s, "s").replace(" ", ""),
        peak="" if item.peak_mb is None else f"{item.peak_mb:.0f} MB",
    )


def _bare(value: float, row: Row) -> str:
    """Without its unit where that is the unit of everything about it."""
    text, _, unit = amount(value, row.unit).rpartition(" ")
    return text if unit != "s" else f"{text} s"
