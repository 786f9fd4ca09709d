"""The pages of the reference are what the program says."""

from __future__ import annotations

import runpy
from pathlib import Path

from click.testing import CliRunner

from reconciler.cli.root import ENTRIES, cli

TOOL = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "reference.py"))


def test_the_pages_are_up_to_date() -> None:
    assert TOOL["outdated"]() == [], "run: python -m tools.reference"
    assert TOOL["main"](["--check"]) == 0


def test_every_option_that_help_shows_is_on_the_page() -> None:
    page = TOOL["reference"]()
    for name in ENTRIES:
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        shown = CliRunner().invoke(cli, [name, "--help"]).output
        options = {word.strip(",") for word in shown.split() if word.startswith("--") and word != "--help"}
        missing = {option for option in options if option not in section}
        assert not missing
