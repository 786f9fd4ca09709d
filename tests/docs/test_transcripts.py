"""Pages that show a terminal show what a terminal shows: each is typed into a playground, from top to bottom."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.docs.console import Call, Shell, calls, is_as_shown
from tests.docs.pages import PAGES, ROOT
from tests.parts.engine import PrivateEngine
from tests.parts.registry import PrivateRegistry
from tools.playground import laid_out

LOOKS = (
    "cat ",
    "curl ",
    "docker ps ",
    "promtool query ",
    "reconciler fleet documents",
    "reconciler fleet status",
    "reconciler history ",
    "reconciler status",
    "reconciler why ",
)
"""What changes nothing is asked again until it shows what the page shows: a controller takes its time."""

WITHIN_S = 90.0
SHOWN = [page for page in PAGES if any(calls(page))]


@pytest.mark.timeout(600)  # a page is thirty programs one after another, each as slow as a busy machine makes it
@pytest.mark.parametrize("page", SHOWN, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.usefixtures("images")
def test_what_a_page_shows_is_what_happens(
    page: Path, tmp_path: Path, fresh_engine: PrivateEngine, registry: PrivateRegistry
) -> None:
    with (
        laid_out(tmp_path, engine=fresh_engine.url, registry=registry.address) as playground,
        Shell(tmp_path, playground.environment) as shell,
    ):
        for call in calls(page):
            printed = printed_at_last(shell, call)
            assert is_as_shown(printed, call.prints), f"{page.name}:{call.line}: {call.command}\n{printed}"


def printed_at_last(shell: Shell, call: Call) -> str:
    """What it prints; where it only looks, once that is what is shown, or after long enough."""
    end = time.monotonic() + (WITHIN_S if call.command.startswith(LOOKS) else 0)
    while not is_as_shown(printed := shell.run(call.command), call.prints) and time.monotonic() < end:
        time.sleep(0.5)
    return printed


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("web v1", "web v1\n"),
        ("web …  done", "web heal 3s  done\n"),
        ("a\n…\nd", "a\nb\nc\n\nd\n"),
        ("a\n…", "a\n"),
        ("…wants v3…", "a\n    wants v3, RolledBack\n"),
        ("", ""),
    ],
)
def test_what_is_left_out_may_be_anything(shown: str, printed: str) -> None:
    assert is_as_shown(printed, shown)


@pytest.mark.parametrize(("shown", "printed"), [("web v1", "web v2\n"), ("a", "a\nb\n"), ("", "error\n")])
def test_what_is_shown_has_to_come_and_nothing_else(shown: str, printed: str) -> None:
    assert not is_as_shown(printed, shown)
