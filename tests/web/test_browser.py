"""The status page in a real browser: by eye, by keyboard, without script, live, on a phone and on a wall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.parts.browser import Browser
from tests.web.accessible import barriers, focused, overflow
from tests.web.showroom import (
    DRIFTED,
    MEMORY,
    PORTRAIT,
    Serving,
    Showroom,
    a_status,
    furnished,
    serving,
)

PAGES = {
    "table": "/",
    "filtered": "/?q=web&sync=OutOfSync",
    "nothing": "/?q=nothing-is-like-that",
    "document": "/documents/web",
    "events": "/documents/web/events",
    "generation": "/documents/web/generations/6",
    "unknown": "/documents/nobody",
}
NARROW: ViewportSize = {"width": 320, "height": 640}
PHONE: ViewportSize = {"width": 360, "height": 740}
TWICE: ViewportSize = {"width": 640, "height": 360}
"""What a window of 1280 by 720 has left at a zoom of 200 %."""

DESK: ViewportSize = {"width": 1280, "height": 800}
WALL: ViewportSize = {"width": 2560, "height": 1440}
TOKEN = "0123456789abcdef0123456789abcdef"
LONG = "x" * 63


@pytest.fixture
def room() -> Showroom:
    return furnished()


@pytest.fixture
def served(room: Showroom) -> Iterator[Serving]:
    with serving(room, pause_s=0.01) as serving_it:
        yield serving_it


def names(page: Page) -> list[str]:
    """The documents in the table, in their order."""
    return page.locator(".documents tbody th").all_inner_texts()


def test_every_page_can_be_read_by_everybody(served: Serving, browser: Browser, room: Showroom) -> None:
    room.troubles, room.problems = ("the engine cannot be reached",), ("web.yaml:3:5: spec.digest: is missing",)

    def story(page: Page) -> None:
        for path in PAGES.values():
            page.goto(served.url + path)
            for details in page.locator("details").all():
                details.evaluate("(one) => { one.open = true; }")
            assert barriers(page) == [], path
            page.emulate_media(color_scheme="dark")
            assert barriers(page) == [], f"{path} in the dark"
            page.emulate_media(color_scheme="light")

    browser.visit(story, viewport=DESK)


def test_what_finds_barriers_finds_them(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        page.evaluate(
            """() => {
              document.querySelector("h1").outerHTML = "<h3>Documents</h3><a></a><input><p id=q>twice</p>";
              document.documentElement.lang = "";
              document.querySelector(".found").style.color = "#999";
              document.querySelector("caption").remove();
            }"""
        )
        found = " ".join(barriers(page))
        for what in ("no language", "level 3", "not one h1", "no name", "no label", "a double id", "contrast"):
            assert what in found, what
        assert "a table without caption" in found

    browser.visit(story, url=served.url)


def test_no_page_has_to_be_scrolled_sideways(served: Serving, browser: Browser, room: Showroom) -> None:
    long = replace(
        MEMORY, path=f"config.environment.{LONG.upper()}", wanted="w" * 200, found="/srv/" + "deep/" * 60 + LONG
    )
    room.statuses[0] = replace(DRIFTED, drift=(long,), running_release=LONG, reason=f"it is {'so' * 200}")
    room.statuses.append(a_status(LONG, desired_release=LONG))
    room.portraits["web"] = replace(PORTRAIT, status=room.statuses[0], advice="a" * 300)

    def story(page: Page) -> None:
        for path in (*PAGES.values(), f"/documents/{LONG}"):
            page.goto(served.url + path)
            for size in (NARROW, PHONE, TWICE, DESK, WALL):
                page.set_viewport_size(size)
                assert overflow(page) == 0, (path, size)

    browser.visit(story)


def test_the_worst_is_first_and_the_title_tells_how_much_is_wrong(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        assert names(page)[:3] == ["api", "shop", "web"]
        assert page.title() == "3 OutOfSync, 1 Missing · host-a"

    browser.visit(story, url=served.url, viewport=DESK)


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_form_filters(served: Serving, browser: Browser, script: bool) -> None:
    def story(page: Page) -> None:
        page.get_by_label("Filter").fill("worker")
        page.get_by_label("Sync", exact=True).select_option("Synced")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".found")).to_contain_text(re.compile(r"^5 of 8 documents"))
        assert len(names(page)) == 5
        assert page.url.removesuffix("&health=") == f"{served.url}/?q=worker&sync=Synced"
        page.get_by_role("link", name="Clear").click()
        expect(page.locator(".found")).to_contain_text(re.compile(r"^8 documents"))

    browser.visit(story, url=served.url, java_script_enabled=script)


def test_typing_filters_at_once_and_the_address_says_so(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        page.evaluate("() => { window.same = true; }")
        page.get_by_label("Filter").press_sequentially("limits")
        expect(page.locator(".found")).to_contain_text(re.compile(r"^1 of 8 documents"))
        assert names(page) == ["web"]
        assert page.url == f"{served.url}/?q=limits"
        assert page.get_by_label("Filter").input_value() == "limits"
        assert focused(page)["text"] == "q"
        page.get_by_label("Filter").fill("")
        expect(page.locator(".found")).to_contain_text(re.compile(r"^8 documents"))
        assert page.url == f"{served.url}/"
        assert page.evaluate("() => window.same")

    browser.visit(story, url=served.url)


def test_without_script_everything_is_there(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        page.get_by_role("link", name="web", exact=True).click()
        for said in ("64Mi", "128Mi", "heal (restarts: 0)", "200 OK", "/var/stella/web/version.json"):
            expect(page.locator("main")).to_contain_text(said)
        page.get_by_text("2 fields as wanted").click()
        expect(page.get_by_text("127.0.0.1:8080:80/tcp").first).to_be_visible()
        page.get_by_role("link", name="6", exact=True).click()
        expect(page.locator(".patch")).to_contain_text("+    memoryLimit: 64Mi")
        page.get_by_role("link", name="web", exact=True).click()
        page.get_by_role("link", name="Older events").click()
        assert page.locator(".events tbody tr").count() == 100
        page.get_by_role("link", name="Older events").click()
        assert page.locator(".events tbody tr").count() == 20
        page.get_by_role("link", name="All documents").click()
        assert page.url == f"{served.url}/"

    browser.visit(story, url=served.url, java_script_enabled=False)


def test_the_keyboard_reaches_everything_and_one_sees_where_it_is(served: Serving, browser: Browser) -> None:
    def walk(page: Page) -> list[str]:
        reached = []
        while (now := focus_next(page))["tag"] != "BODY":
            assert now["seen"], now
            reached.append(now["text"])
        return reached

    def focus_next(page: Page) -> dict[str, str]:
        page.keyboard.press("Tab")
        return focused(page)

    def story(page: Page) -> None:
        reached = walk(page)
        assert reached[0] == "To the content"
        for name in ("q", "sync", "health", "Show", "shop", "web", "worker-5"):
            assert name in reached
        assert len(reached) == page.locator("a, input, select, button").count()
        page.goto(served.url + PAGES["document"])
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert focused(page)["text"] == "content"
        page.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(page.locator("details")).to_have_attribute("open", "")

    browser.visit(story, url=served.url, viewport=DESK)


def test_a_change_comes_to_the_page_by_itself_and_nothing_else_moves(
    served: Serving, browser: Browser, room: Showroom
) -> None:
    def change(statuses: list[object]) -> None:
        room.statuses[:] = statuses  # type: ignore[assignment]  # a test's own lists
        served.announce()

    def story(page: Page) -> None:
        page.evaluate("() => { window.same = true; }")
        expect(page.locator("#live")).to_have_text("live")
        page.get_by_role("link", name="worker-3").focus()
        change([a_status("web"), *room.statuses[3:], a_status("new")])
        expect(page.locator("#document-new")).to_be_visible()
        expect(page).to_have_title("all Synced · host-a")
        expect(page.locator("#told")).to_have_text("all Synced · host-a")
        assert names(page) == ["new", "web", *[f"worker-{number}" for number in range(1, 6)]]
        assert focused(page)["text"] == "worker-3"
        assert page.evaluate("() => window.same")

    browser.visit(story, url=served.url)


def test_what_is_unfolded_stays_so_when_a_documents_page_changes(
    served: Serving, browser: Browser, room: Showroom
) -> None:
    def story(page: Page) -> None:
        page.get_by_text("2 fields as wanted").click()
        room.portraits["web"] = replace(PORTRAIT, advice="", status=replace(DRIFTED, health="Degraded"))
        served.announce()
        expect(page.locator(".words")).to_contain_text("Degraded")
        expect(page.get_by_text("Next:")).to_have_count(0)
        expect(page.locator("details")).to_have_attribute("open", "")

    browser.visit(story, url=served.url + PAGES["document"])


def test_a_page_that_could_not_be_made_just_now_is_asked_for_again(
    served: Serving, browser: Browser, room: Showroom
) -> None:
    """Its server tells of no other change."""

    def busy() -> None:
        raise TimeoutError

    def story(page: Page) -> None:
        expect(page.locator("#live")).to_have_text("live")
        room.reading = busy
        served.announce()
        expect(page.get_by_role("heading", name="Too busy")).to_be_visible()
        room.reading = lambda: None
        expect(page.locator("#document-web")).to_be_visible(timeout=10_000)

    browser.visit(story, url=served.url)


def test_a_server_that_is_gone_is_told_and_one_that_is_back_is_watched_again(
    browser: Browser, room: Showroom
) -> None:
    first = serving(room)
    served = first.__enter__()
    port = int(served.url.rpartition(":")[2])

    def story(page: Page) -> None:
        expect(page.locator("#live")).to_have_text("live")
        first.__exit__(None, None, None)
        expect(page.locator("#live")).to_have_text("not live")
        room.statuses.append(a_status("new"))
        with serving(room, port=port):
            expect(page.locator("#document-new")).to_be_visible()
            expect(page.locator("#live")).to_have_text("live")

    browser.visit(story, url=served.url, expected="ERR_")


def test_whoever_has_the_token_logs_in_with_a_browser(browser: Browser, room: Showroom) -> None:
    def story(page: Page) -> None:
        assert barriers(page) == []
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text("That is not the token.")
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("web")
        assert page.url == f"{at.url}/documents/web"
        expect(page.locator("#live")).to_have_text("live")
        assert TOKEN not in str(page.context.cookies())
        assert page.evaluate("() => document.cookie") == ""

    with serving(room, token=TOKEN) as at:
        browser.visit(story, url=f"{at.url}/documents/web", viewport=PHONE)


def test_who_is_not_known_any_more_is_asked_to_log_in(browser: Browser, room: Showroom) -> None:
    def story(page: Page) -> None:
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator("#live")).to_have_text("live")
        page.context.clear_cookies()
        at.announce()
        expect(page.get_by_label("Token")).to_be_visible()

    with serving(room, token=TOKEN) as at:
        browser.visit(story, url=at.url)


def test_a_page_that_would_run_something_is_caught(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        page.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "window.ran = true";
              document.body.append(script);
              document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = true'>");
            }"""
        )
        page.wait_for_timeout(50)
        assert page.evaluate("() => window.ran") is None

    with pytest.raises(AssertionError, match="Content Security Policy"):
        browser.visit(story, url=served.url)


def test_who_wants_no_motion_gets_none(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        moving = page.evaluate(
            """() => [...document.querySelectorAll("*")].filter(
              (one) => parseFloat(getComputedStyle(one).transitionDuration) > 0
                || getComputedStyle(one).animationName !== "none").length"""
        )
        assert moving == 0

    browser.visit(story, url=served.url, reduced_motion="reduce")


def test_words_keep_their_shape_where_colours_are_forced(served: Serving, browser: Browser) -> None:
    def story(page: Page) -> None:
        border = page.locator(".word").first.evaluate("(one) => getComputedStyle(one).borderTopColor")
        assert border != "rgba(0, 0, 0, 0)"

    browser.visit(story, url=served.url, forced_colors="active")
