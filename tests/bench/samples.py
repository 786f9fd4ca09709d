"""A small report, as a suite finds it."""

from __future__ import annotations

from bench.model import Conditions, Contestant, Curve, Line, Report, Row, Sample


def row(**changes: object) -> Row:
    """Ours takes three times the floor; one peer was not there."""
    usual: dict[str, object] = {
        "id": "noop-10",
        "work": "10 documents, nothing to do",
        "contestants": (
            Contestant("one list", "floor", (Sample(0.002, 0.001), Sample(0.001, 0.001), Sample(0.003, 0.001))),
            Contestant("in the controller", "ours", (Sample(0.006, 0.002, 40.0), Sample(0.004, 0.002, 41.0))),
            Contestant("others", "peer", (), "pip cannot install it"),
        ),
        "target": 1.5,
        "facts": {"engine calls": 1},
    }
    return Row(**{**usual, **changes})  # type: ignore[arg-type]


def curve(*, log: bool = True) -> Curve:
    lines = (Line("ours & theirs", ((10.0, 1.0), (1000.0, 40.0))), Line("floor", ((10.0, 0.9), (1000.0, 39.0))))
    facts = (Line("engine calls", ((10.0, 1.0), (1000.0, 1.0))),)
    title = 'A "quiet" look'
    return Curve(id="documents", title=title, x="documents", y="ms", lines=lines, facts=facts, log=log)


def report() -> Report:
    conditions = Conditions(
        day="2026-01-31",
        machine="2 cores, Linux 6.1",
        versions={"Python": "3.11.7"},
        commit="abc",
        load=(0.1, 0.5),
    )
    return Report(suite="noop", conditions=conditions, rows=(row(),), curves=(curve(),))
