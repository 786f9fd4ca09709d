"""The page of what one orchestrator bears is made of the figures that are kept."""

from __future__ import annotations

import json

from bench.fleet.page import PAGE, RESULTS, page


def test_the_page_says_what_was_measured_last() -> None:
    assert PAGE.read_text() == page(json.loads(RESULTS.read_text()))
