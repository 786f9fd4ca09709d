"""Results in the repository: one JSON file a suite, in ``bench/results``."""

from __future__ import annotations

import json
from pathlib import Path

from bench.model import Report, from_json, to_json

FOLDER = Path(__file__).parent / "results"


def keep(report: Report, folder: Path = FOLDER) -> None:
    """Write the suite's file anew."""
    folder.mkdir(exist_ok=True)
    (folder / f"{report.suite}.json").write_text(json.dumps(to_json(report), indent=1) + "\n", encoding="utf-8")


def kept(folder: Path = FOLDER) -> dict[str, Report]:
    """What was measured last, by suite."""
    found = (from_json(json.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("*.json")))
    return {report.suite: report for report in found}
