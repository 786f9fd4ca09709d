"""A real Chromium, driven by Playwright, once for a test process.

Playwright's event loop would be in the way of tests that have one of their own, so it lives in a thread, and what
a test does with a page is done there. Every visit has a fresh profile; what its pages said that no page should say
(errors, violations of their own policy) fails it at its end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import ConsoleMessage, Page, Playwright, expect, sync_playwright

from tests.parts import host

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WITHIN_MS = 20_000
"""On a machine that has much else to do."""

_REFUSED = "Failed to load resource: the server responded with a status of"
"""How the console tells of an answer that is no success: that is for the test to judge."""

Result = TypeVar("Result")


class Browser:
    """As long as the block."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="browser")
        self._playwright: Playwright
        self._chromium: Chromium

    def __enter__(self) -> Self:
        self._thread.submit(self._start).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.submit(self._stop).result()
        self._thread.shutdown()

    def visit(
        self, story: Callable[[Page], Result], *, url: str = "", expected: str = _REFUSED, **profile: Any
    ) -> Result:
        """Do this with a new page of a new profile; ``url`` is opened first. What the console tells with the word
        ``expected`` is no failure. ``profile``: options of Playwright's contexts, such as ``viewport``.
        """
        return self._thread.submit(self._visit, story, url, expected, profile).result()

    def _start(self) -> None:
        self._playwright = sync_playwright().start()
        path = host.program("chromium", package="chromium")
        self._chromium = self._playwright.chromium.launch(executable_path=path, args=list(FLAGS))

    def _stop(self) -> None:
        self._chromium.close()
        self._playwright.stop()

    def _visit(self, story: Callable[[Page], Result], url: str, expected: str, profile: dict[str, Any]) -> Result:
        context = self._chromium.new_context(**profile)
        context.set_default_timeout(WITHIN_MS)
        expect.set_options(timeout=WITHIN_MS)  # has a shorter one of its own
        try:
            page = context.new_page()
            with _listened(page, expected) as told:
                if url:
                    page.goto(url)
                result = story(page)
            assert not told, told
            return result
        finally:
            context.close()


@contextlib.contextmanager
def _listened(page: Page, expected: str) -> Iterator[list[str]]:
    """What its console says that it should not; violations of its policy are told there too."""
    told: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and expected not in message.text:
            told.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: told.append(str(error)))
    yield told
