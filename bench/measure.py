"""Measuring: contestants take turns, so that a busy moment of the machine hits all of them alike.

The time of a contestant is its median; a ratio compares medians of the same rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

WARM_UP_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``floor``, ``ours`` and ``peers`` are seconds; ``target`` is the ratio aimed at."""

    work: str
    floor: float
    ours: float
    target: float
    peers: Mapping[str, float]
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.floor


def in_turns(contestants: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Median seconds of each contestant."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(rounds + WARM_UP_ROUNDS):
        for name, work in contestants.items():
            started = time.perf_counter()
            work()
            if round_ >= WARM_UP_ROUNDS:
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def row(work: str, medians: Mapping[str, float], *, target: float, note: str = "") -> Row:
    """A row from medians named ``floor``, ``ours``, and others, which are peers."""
    peers = {name: value for name, value in medians.items() if name not in {"floor", "ours"}}
    return Row(work, medians["floor"], medians["ours"], target, peers, note)


def table(rows: Sequence[Row]) -> str:
    """Aligned text, one line a row."""
    head = ("work", "floor", "ours", "ratio", "target", "", "others (x floor)")
    lines = [head, *(_cells(one) for one in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cells(one: Row) -> tuple[str, ...]:
    others = [f"{name} {seconds / one.floor:.1f}" for name, seconds in one.peers.items()]
    return (
        one.work,
        f"{one.floor * 1000:.2f} ms",
        f"{one.ours * 1000:.2f} ms",
        f"{one.ratio:.2f}",
        f"<= {one.target:g}",
        "ok" if one.ratio <= one.target else "MISSED",
        "; ".join([*others, *([one.note] if one.note else [])]),
    )
