"""What follows from samples: medians with their spread, ratios to the floor, whether a target is met. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from bench.model import Contestant, Row


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some samples, and the least and the most of them."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One contestant of a row: its values, and its ratio to the floor (None for what was not measured)."""

    contestant: Contestant
    value: Spread | None
    cpu_s: float | None
    peak_mb: float | None
    ratio: float | None


def spread(values: Iterable[float]) -> Spread | None:
    """None for no values."""
    found = sorted(values)
    return Spread(statistics.median(found), found[0], found[-1]) if found else None


def standings(row: Row) -> tuple[Standing, ...]:
    """Every contestant, in the row's order. The first floor is what ratios are to."""
    floor = floor_of(row)
    return tuple(_standing(item, floor) for item in row.contestants)


def floor_of(row: Row) -> float | None:
    """The median of the row's first floor."""
    floors = (spread(sample.value for sample in item.samples) for item in row.contestants if item.role == "floor")
    return next((found.median for found in floors if found is not None), None)


def ours_of(row: Row) -> Standing | None:
    """The first of ours that was measured."""
    return next((item for item in standings(row) if item.contestant.role == "ours" and item.value), None)


def met(row: Row) -> bool | None:
    """Whether ours is within target and limit; None where there is none, or nothing was measured."""
    ours = ours_of(row)
    if ours is None or ours.value is None or (row.target is None and row.limit is None):
        return None
    within = row.limit is None or ours.value.median <= row.limit
    return within and (row.target is None or (ours.ratio is not None and round(ours.ratio, 2) <= row.target))


def _standing(item: Contestant, floor: float | None) -> Standing:
    value = spread(sample.value for sample in item.samples)
    cpu = spread(sample.cpu_s for sample in item.samples if sample.cpu_s is not None)
    peak = spread(sample.peak_mb for sample in item.samples if sample.peak_mb is not None)
    return Standing(
        contestant=item,
        value=value,
        cpu_s=cpu.median if cpu else None,
        peak_mb=peak.most if peak else None,
        ratio=value.median / floor if value and floor else None,
    )
