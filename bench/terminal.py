"""A report as a table of 80 columns. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from bench.model import NOT_MEASURED, Report, Row
from bench.statistics import Standing, met, standings
from bench.words import amount, goal, times, verdict

WIDTH = 80
_COLUMNS = "  {name:<27.27} {median:>9} {spread:>17} {ratio:>6} {cpu:>6} {peak:>7}"


def table(reports: Iterable[Report]) -> str:
    """Row after row: floor, ours, peers."""
    return "\n".join(line.rstrip() for report in reports for row in report.rows for line in _lines(row))


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
