"""What a suite finds: rows of contestants with every sample, and curves. Frozen values, to and from JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

Role = Literal["floor", "ours", "peer"]
Unit = Literal["s", "MB"]
NOT_MEASURED: Final = "not measured"


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn. ``value`` is in the row's unit; processor seconds and peak memory where they can be told apart."""

    value: float
    cpu_s: float | None = None
    peak_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who took part; ``note`` says what differs, or why nobody was there (then there are no samples)."""

    name: str
    role: Role
    samples: tuple[Sample, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison. ``target`` bounds ours as a multiple of the floor, ``limit`` as a plain value in the unit.
    ``facts`` are counts that do not depend on the machine, such as calls to the engine.
    """

    id: str
    work: str
    contestants: tuple[Contestant, ...]
    unit: Unit = "s"
    target: float | None = None
    limit: float | None = None
    facts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a curve: its name and its points (x, y), ordered by x."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How a cost grows. ``lines`` are drawn; ``facts`` are of other units, and told beside them."""

    id: str
    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    facts: tuple[Line, ...] = ()
    log: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """On what, and beside what load, it was measured. ``run``: when the run began that it was part of."""

    day: str
    machine: str
    versions: Mapping[str, str]
    commit: str
    load: tuple[float, float]
    run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one suite found."""

    suite: str
    conditions: Conditions
    rows: tuple[Row, ...] = ()
    curves: tuple[Curve, ...] = ()


def to_json(report: Report) -> dict[str, Any]:
    """Everything, also every sample."""
    told: dict[str, Any] = asdict(report)
    return told


def from_json(told: Mapping[str, Any]) -> Report:
    """The same report again."""
    return Report(
        suite=told["suite"],
        conditions=Conditions(**{**told["conditions"], "load": _pair(told["conditions"]["load"])}),
        rows=tuple(_row(item) for item in told["rows"]),
        curves=tuple(_curve(item) for item in told["curves"]),
    )


def _row(told: Mapping[str, Any]) -> Row:
    contestants = (
        Contestant(**{**item, "samples": tuple(Sample(**sample) for sample in item["samples"])})
        for item in told["contestants"]
    )
    return Row(**{**told, "contestants": tuple(contestants)})


def _curve(told: Mapping[str, Any]) -> Curve:
    return Curve(**{**told, "lines": _lines(told["lines"]), "facts": _lines(told["facts"])})


def _lines(told: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    return tuple(Line(item["name"], tuple(_pair(point) for point in item["points"])) for item in told)


def _pair(told: Sequence[float]) -> tuple[float, float]:
    first, second = told
    return (first, second)
