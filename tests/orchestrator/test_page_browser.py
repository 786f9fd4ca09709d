"""The fleet's page in a real browser: with hostile texts, by keyboard, without script, narrow and wide."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from reconciler.orchestrator.store import agents
from reconciler.web.access import Access, Patience
from reconciler.web.live import Live
from reconciler.web.site import Site
from tests.orchestrator.furnished import LAYOUT, ROLLED_BACK, Stage, ask, changed, furnished, join
from tests.parts.browser import Browser
from tests.web.accessible import barriers, focused, overflow
from tests.web.showroom import Serving, serving_site

MARKUP = "<img src=x onerror='window.ran = 1'>"
LONG = "x" * 63
PAGES = (
    "/",
    "/agents/host-001",
    f"/agents/{LONG}",
    "/documents",
    "/documents/orders",
    "/rollouts",
    "/tasks",
    "/agents/nobody",
)
SIZES: tuple[ViewportSize, ...] = tuple({"width": width, "height": 800} for width in (320, 1280))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A small fleet, in which some say what others should not believe."""
    with furnished(tmp_path_factory.mktemp("fleet"), 34) as made:
        with made.database.write() as on:
            join(on, LONG, {"region": MARKUP, LONG: LONG}, seen=made.now, now=made.now, version=MARKUP)
            agents.reported(on, LONG, [{"id": LONG, "phase": "failed", "refused": MARKUP * 20, "release": LONG}])
            join(on, MARKUP, {}, seen=None, now=made.now)
            changed(on, "host-001", "edge", refused=f"{MARKUP} {'so' * 200}", release=MARKUP)
            ask(on, LONG, 60, now=made.now, state="failed", error=f"{MARKUP} {'w' * 500}")
        yield made


@pytest.fixture
def served(stage: Stage) -> Iterator[Serving]:
    def site() -> Site:
        return Site(
            routes=stage.pages().routes,
            layout=LAYOUT,
            access=Access(clock=time.time, here_only=True),
            patience=Patience(time.monotonic),
            live=Live(pause_s=0.01),
            names=frozenset({"localhost"}),
        )

    with serving_site(site) as serving_it:
        yield serving_it


def names(page: Page) -> list[str]:
    return page.locator(".agents tbody th").all_inner_texts()


def test_every_page_can_be_used_by_everybody_and_runs_nothing_of_others(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        for path in PAGES:
            page.goto(served.url + path)
            assert barriers(page) == [], path
            page.emulate_media(color_scheme="dark")
            assert barriers(page) == [], f"{path} in the dark"
            page.emulate_media(color_scheme="light")
            for size in SIZES:
                page.set_viewport_size(size)
                assert overflow(page) == 0, (path, size)
            assert page.evaluate("() => window.ran") is None
            assert page.locator("img").count() == 0

    browser.visit(story)


def test_without_script_it_is_filtered_and_leads_from_page_to_page(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        expect(page).to_have_title(re.compile("1 stale|2 stale"))
        page.get_by_label("Label", exact=True).fill("region=north")
        page.get_by_label("Condition").select_option("RolledBack")
        page.get_by_role("button", name="Show").click()
        assert names(page) == ["host-001"]
        page.get_by_role("link", name="host-001").click()
        expect(page.locator("main")).to_contain_text("ends in 14h")
        page.get_by_role("link", name="orders").click()
        expect(page.locator("main")).to_contain_text("1 of 11 hosts failed")
        page.get_by_role("link", name="Tasks", exact=True).click()
        page.get_by_role("link", name=re.compile("failed")).click()
        expect(page.locator("main")).to_contain_text("the container edge is not there")

    browser.visit(story, url=served.url, java_script_enabled=False)


def test_the_keyboard_reaches_everything(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        reached = []
        page.keyboard.press("Tab")
        while (now := focused(page))["tag"] != "BODY":
            assert now["seen"], now
            reached.append(now["text"])
            page.keyboard.press("Tab")
        assert reached[:2] == ["To the content", "reconciler"]
        assert {"Agents", "Rollouts", "q", "label", "presence", "condition", "Show", "host-001"} <= set(reached)
        assert len(reached) == page.locator("a, input, select, button").count()

    browser.visit(story, url=served.url + "/?q=host-00")


def test_a_change_comes_to_the_page_by_itself(served: Serving, browser: Browser, stage: Stage) -> None:
    def story(page: Page) -> None:
        expect(page.locator("#live")).to_have_text("live")
        page.evaluate("() => { window.same = true; }")
        page.get_by_role("link", name="host-005").focus()
        with stage.database.write() as on:
            changed(on, "host-006", "edge", **ROLLED_BACK)
        served.announce()
        expect(page.locator("#agent-host-006")).to_contain_text("RolledBack edge")
        assert names(page)[:2] == ["host-001", "host-006"]
        assert focused(page)["text"] == "host-005"
        assert page.evaluate("() => window.same")

    browser.visit(story, url=served.url + "/?q=host-00")
