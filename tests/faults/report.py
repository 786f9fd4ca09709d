"""What the rows of faults showed: a pytest plugin that writes down the end and the figures of every marked test.

Asked for by FAULTS_REPORT (the file to write, JSON). With several test processes the one that hears all of them
writes. ``tools.faults`` makes the page docs/faults.md of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "FAULTS_REPORT"
_ROW = "fault"


@dataclass
class Shown:
    """One test: the rows it is of, whether all its phases passed, its figures."""

    rows: tuple[str, ...] = ()
    passed: bool = True
    figures: dict[str, list[float]] = field(default_factory=dict)


class FaultReport:
    """Hears the reports of all tests, from whichever process they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tests: dict[str, Shown] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take down one phase of one test; a later phase repeats what an earlier one told of itself."""
        rows = tuple(str(value) for name, value in report.user_properties if name == _ROW)
        if not rows:
            return
        shown = self._tests.setdefault(report.nodeid, Shown(rows=rows))
        shown.passed = shown.passed and report.outcome == "passed"
        shown.figures = _figures(report.user_properties)

    def pytest_sessionfinish(self) -> None:
        """Write the file; what an earlier session of the same run wrote into it stays."""
        before = json.loads(self._path.read_text()) if self._path.exists() else {}
        found = {**before, **{name: vars(shown) for name, shown in sorted(self._tests.items())}}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(found, indent=1) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that hears all tests reports (xdist gives its workers a ``workerinput``)."""
    path = os.environ.get(VARIABLE)
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(FaultReport(Path(path)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The rows of a test travel with its reports."""
    for item in items:
        item.user_properties += [(_ROW, str(row)) for mark in item.iter_markers(_ROW) for row in mark.args]


def _figures(properties: Iterable[tuple[str, Any]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for name, value in properties:
        if name != _ROW:
            found.setdefault(name, []).append(float(value))
    return found
