"""What was measured is told as it is: statistics, words, table, page, figure."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figure import WIDTH as WIDTH_OF_FIGURES
from bench.figure import svg
from bench.model import Contestant, Curve, Line, Report, Sample, from_json, to_json
from bench.page import contents, outdated, page
from bench.results import keep, kept
from bench.run import titles
from bench.statistics import floor_of, met, ours_of, spread, standings
from bench.suite import discovered
from bench.terminal import WIDTH, endings, table
from bench.turns import in_turns
from bench.watch import Ended
from bench.words import amount, goal, times, verdict
from tests.bench.samples import curve, report, row

WIDE_LETTER = 7.5
"""Pixels, on average, of names in the font of figures."""


def test_a_ratio_compares_medians() -> None:
    floor, ours, absent = standings(row())
    assert (floor.ratio, ours.ratio, absent.ratio) == (1.0, 2.5, None)
    assert (ours.cpu_s, ours.peak_mb, absent.value) == (0.002, 41.0, None)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_the_median_lies_between_the_least_and_the_most(values: list[float]) -> None:
    found = spread(values)
    assert found is not None
    assert (found.least, found.most) == (min(values), max(values))
    assert found.least <= found.median <= found.most


def test_without_samples_nothing_is_said() -> None:
    nobody = row(contestants=(Contestant("one list", "floor"), Contestant("ours", "ours")))
    assert (spread([]), floor_of(nobody), ours_of(nobody), met(nobody)) == (None, None, None, None)


@pytest.mark.parametrize(
    ("target", "limit", "so"),
    [
        (2.5, None, True),
        (2.49, None, False),
        (None, 0.005, True),
        (None, 0.0049, False),
        (3.0, 0.001, False),
        (None, None, None),
    ],
)
def test_a_target_is_met_by_the_ratio_and_a_limit_by_the_value(
    target: float | None, limit: float | None, so: bool | None
) -> None:
    assert met(row(target=target, limit=limit)) is so


def test_amounts_have_a_unit_that_fits() -> None:
    assert [amount(value, "s") for value in (0.00241, 0.0124, 0.3, 1.234)] == [
        "2.41 ms",
        "12.4 ms",
        "300 ms",
        "1.23 s",
    ]
    assert amount(44.06, "MB") == "44.1 MB"
    assert [times(value) for value in (None, 1.084, 14.2)] == ["", "1.08x", "14x"]
    assert [goal(1.5, None, "s"), goal(None, 45, "MB"), goal(None, None, "s")] == ["<= 1.5x", "<= 45.0 MB", ""]
    assert [verdict(value) for value in (True, False, None)] == ["met", "missed", ""]


def test_the_table_fits_a_terminal_and_says_who_was_not_there() -> None:
    text = table([report()])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "<= 1.5x MISSED" in text
    assert "[1 engine calls]" in text
    assert "others: not measured (pip cannot install it)" in text


def test_the_table_has_the_points_of_curves() -> None:
    text = table([report()])
    assert "  ours & theirs                         1.00       40.00" in text
    assert "  engine calls                          1.00        1.00" in text


def test_the_end_of_a_run_says_what_was_not_measured_and_of_when_its_figures_are() -> None:
    ended = (
        Ended("noop", "measured", after_s=41.7),
        Ended("page", "hung", at="the status page", after_s=180.0),
        Ended("noop", "failed", after_s=2.0),
    )
    assert list(endings(ended, {"noop": report()})) == [
        "measured: noop 42 s",
        "page has hung at 'the status page', after 180 s: it has no figures",
        "noop has failed between turns, after 2 s: its figures of 2026-01-31 stay",
    ]


def test_the_page_says_which_figures_are_of_an_earlier_run() -> None:
    old = report()
    new = replace(old, suite="bulk", conditions=replace(old.conditions, day="2026-02-01", run="2026-02-01T10:00"))
    text = page({"noop": old, "bulk": new}, {"noop": "Nothing to do", "bulk": "Many"}, {})
    assert "Measured on 2026-01-31, in an earlier run than the newest here, on 2 cores" in text
    assert "Measured on 2026-02-01 on 2 cores" in text


def test_turns_are_told_as_they_come() -> None:
    heard: list[str] = []
    turns = {"one": lambda: Sample(1.0), "other": lambda: Sample(2.0)}
    samples = in_turns(turns, rounds=1, warm_up=1, tell=heard.append)
    assert heard == ["one", "other", "other", "one", ""]
    assert samples == {"one": (Sample(1.0),), "other": (Sample(2.0),)}


def test_who_is_slow_takes_fewer_turns() -> None:
    turns = {"slow": lambda: Sample(9.0), "quick": lambda: Sample(1.0)}
    samples = in_turns(turns, rounds=4, warm_up=0, at_most={"slow": 2})
    assert {name: len(taken) for name, taken in samples.items()} == {"slow": 2, "quick": 4}


def test_a_report_comes_back_from_its_file(tmp_path: Path) -> None:
    keep(report(), tmp_path)
    assert kept(tmp_path) == {"noop": report()}
    assert from_json(json.loads(json.dumps(to_json(report())))) == report()


def test_the_page_has_every_row_with_its_note() -> None:
    text = page(
        {"noop": report()}, {"noop": "Nothing to do"}, {"noop-10": "Why it is so.\n", "documents": "Steady."}
    )
    assert "| 10 documents, nothing to do | 2.00 ms | 5.00 ms | 2.50x | <= 1.5x | missed |" in text
    assert "| others | not measured (pip cannot install it) | | | | |" in text
    assert "Why it is so.\n" in text
    assert '![A "quiet" look](images/cost-documents.svg)' in text
    assert "| documents | ours & theirs, ms | floor, ms | engine calls |" in text
    assert "| 1,000 | 40.00 | 39.00 | 1.00 |" in text


@pytest.mark.parametrize("log", [True, False])
def test_a_figure_has_its_lines_inside_and_their_names_apart(log: bool) -> None:
    root = ElementTree.fromstring(svg(curve(log=log)))  # noqa: S314  (our own)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    name = "{http://www.w3.org/2000/svg}"
    paths = [item.attrib["points"] for item in root.iter(f"{name}polyline")]
    numbers = [tuple(map(float, pair.split(","))) for path in paths for pair in path.split()]
    assert len(paths) == 2
    assert all(0 <= x <= width and 0 <= y <= height for x, y in numbers)
    labels = {item.text: float(item.attrib["y"]) for item in root.iter(f"{name}text")}
    assert abs(labels["ours & theirs"] - labels["floor"]) >= 14


@given(
    st.lists(st.tuples(st.floats(1, 1e5), st.floats(0.001, 1e6)), min_size=1, max_size=6, unique_by=lambda p: p[0])
)
def test_a_figure_is_drawn_of_any_points(points: list[tuple[float, float]]) -> None:
    drawn = svg(Curve(id="any", title="any", x="x", y="y", lines=(Line("one", tuple(sorted(points))),)))
    assert "nan" not in drawn
    assert ElementTree.fromstring(drawn).tag.endswith("svg")  # noqa: S314  (our own)


def test_each_suite_has_a_name_and_a_title() -> None:
    assert list(discovered()) == list(titles())
    assert all(re.fullmatch(r"[a-z]+", name) and title for name, title in titles().items())


def test_the_page_says_what_the_results_say() -> None:
    assert outdated(kept(), titles()) == [], "python -m bench.run --page"


def test_a_page_that_says_something_else_is_found() -> None:
    changed: dict[str, Report] = {"noop": report()}
    assert outdated(changed, {"noop": "Nothing to do"}) == ["performance.md", "cost-documents.svg"]
    assert len(contents(changed, {"noop": "Nothing to do"})) == 2


def test_samples_keep_what_was_measured() -> None:
    assert Sample(1.0) == Sample(1.0, None, None)


def test_the_names_of_lines_have_room_in_the_figures_that_are_kept() -> None:
    drawn = [svg(curve) for report in kept().values() for curve in report.curves]
    name = re.compile(r'<text x="([\d.]+)" y="[\d.]+" style=[^>]*>([^<]*)<')
    labels = [found for text in drawn for found in name.findall(text)]
    assert labels
    assert all(float(x) + WIDE_LETTER * len(name) <= WIDTH_OF_FIGURES for x, name in labels)
