"""Every fault has tests, every mark is of a fault, and the page is made of both."""

from __future__ import annotations

import ast
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.catalogue import AREAS
from tests.faults.found import FOUND, Found

TESTS = Path(__file__).parents[1]
ROWS = [row.id for area in AREAS for row in area.rows]


def marks() -> Iterator[tuple[str, str]]:
    """File and id of every mark in the tests' sources."""
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                for argument in node.args:
                    assert isinstance(argument, ast.Constant), f"{path.name}: write the id of the row itself"
                    yield path.name, str(argument.value)


def test_ids_are_told_once_and_begin_with_their_area() -> None:
    assert len(set(ROWS)) == len(ROWS)
    assert all(row.id.startswith(area.letter) for area in AREAS for row in area.rows)


def test_every_row_has_a_test_and_every_mark_a_row() -> None:
    marked = {row for _, row in marks()}
    assert sorted(set(ROWS) - marked) == []
    assert sorted(marked - set(ROWS)) == []


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.held_by)
def test_what_was_found_is_held_by_a_test_that_exists(found: Found) -> None:
    assert found.row in ROWS
    file, _, name = found.held_by.partition("::")
    assert f"def {name}(" in (TESTS / file).read_text()


def test_the_page_is_up_to_date() -> None:
    tool = runpy.run_path(str(TESTS.parent / "tools" / "faults.py"))
    assert tool["main"](["--check"]) == 0


def test_figures_of_tests_are_put_together_by_row() -> None:
    tool = runpy.run_path(str(TESTS.parent / "tools" / "faults.py"))
    first = {"rows": ["C1-C12", "E1"], "passed": True, "figures": {"kills": [1, 1], "outage_s": [0.2]}}
    second = {"rows": ["E1"], "passed": False, "figures": {"outage_s": [1.234, 0.1]}}
    taken = tool["take"]({"tests/a.py::one": first, "tests/b.py::two[x]": second})
    assert taken["tests"] == 2
    assert taken["rows"]["E1"] == {
        "files": ["tests/a.py", "tests/b.py"],
        "tests": 2,
        "passed": 1,
        "kills": 2,
        "outage_s": 1.23,
    }
    assert taken["rows"]["C1-C12"]["files"] == ["tests/a.py"]
