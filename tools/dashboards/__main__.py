"""Write observability/dashboards from the panels.

python -m tools.dashboards           write them
python -m tools.dashboards --check   exit 1 when one is not up to date
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.dashboards.controller import CONTROLLER
from tools.dashboards.document import DOCUMENT_BOARD
from tools.dashboards.fleet import FLEET

FOLDER = Path(__file__).parents[2] / "observability" / "dashboards"
BOARDS = (FLEET, DOCUMENT_BOARD, CONTROLLER)


def files() -> dict[Path, str]:
    """Each file and what it must say."""
    return {FOLDER / f"{board.uid}.json": board.text() for board in BOARDS}


def outdated() -> list[Path]:
    """Files that are missing or say something else."""
    return [path for path, text in files().items() if not path.exists() or path.read_text() != text]


def main(words: list[str]) -> int:
    """Exit status."""
    if words == ["--check"]:
        found = outdated()
        for path in found:
            print(f"{path}: not up to date", file=sys.stderr)
        return int(bool(found))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in files().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
