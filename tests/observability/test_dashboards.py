"""The dashboards: made from their panels, and kept to what Grafana's makers ask of good ones."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tools.dashboards.__main__ import BOARDS, FOLDER, files, main, outdated
from tools.dashboards.board import Board
from tools.dashboards.panel import COLUMNS, SOURCE
from tools.reference_metrics import metrics_page

SUFFIX = re.compile(r"_(bucket|sum|count)$")
Json = dict[str, Any]


@pytest.fixture(params=BOARDS, ids=lambda board: str(board.uid))
def board(request: pytest.FixtureRequest) -> Board:
    found: Board = request.param
    return found


@pytest.fixture
def made(board: Board) -> Json:
    found: Json = json.loads(board.text())
    return found


def expressions(made: Json) -> list[str]:
    return [target["expr"] for panel in made["panels"] for target in panel["targets"]]


def test_the_files_are_up_to_date() -> None:
    assert outdated() == [], "run: python -m tools.dashboards"
    assert main(["--check"]) == 0
    assert set(files()) == set(FOLDER.iterdir())


def test_the_data_source_is_a_variable_and_the_only_one(made: Json) -> None:
    sources = [item for item in made["templating"]["list"] if item["type"] == "datasource"]
    assert [item["name"] for item in sources] == ["datasource"]
    used = [panel["datasource"] for panel in made["panels"]]
    used += [target["datasource"] for panel in made["panels"] for target in panel["targets"]]
    used += [item["datasource"] for item in made["templating"]["list"] if item["type"] == "query"]
    assert used
    assert all(source == SOURCE for source in used)


def test_every_panel_says_what_it_shows_and_in_which_unit(made: Json) -> None:
    titles = [panel["title"] for panel in made["panels"]]
    assert len(set(titles)) == len(titles)
    for panel in made["panels"]:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_panels_lie_side_by_side(made: Json) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < COLUMNS
        assert not taken & cells
        taken |= cells


def test_rates_are_over_the_interval_that_grafana_works_out(made: Json) -> None:
    for expression in expressions(made):
        assert set(re.findall(r"\[(.*?)\]", expression)) <= {"$__rate_interval", "$__range"}, expression
        if "rate(" in expression:
            assert "[$__rate_interval]" in expression


def test_every_query_is_about_our_job_and_metrics_that_there_are(made: Json) -> None:
    known = set(re.findall(r"^\| `(\w+)`", metrics_page(), re.MULTILINE)) | {"up"}
    for expression in expressions(made):
        asked = re.findall(r"(\w+)\{([^}]*)\}", expression)
        assert asked, expression
        assert all('job="reconciler"' in labels for _, labels in asked)
        assert {SUFFIX.sub("", name) if SUFFIX.sub("", name) in known else name for name, _ in asked} <= known


def test_every_variable_is_used_and_every_used_one_is_there(made: Json) -> None:
    there = {item["name"] for item in made["templating"]["list"]} - {"datasource"}
    used = {
        name for text in expressions(made) for name in re.findall(r"\$(\w+)", text) if not name.startswith("_")
    }
    assert used == there


def test_legends_name_labels_only(made: Json) -> None:
    for panel in made["panels"]:
        for target in panel["targets"]:
            assert re.sub(r"\{\{\w+\}\}", "", target["legendFormat"]).count("{") == 0
