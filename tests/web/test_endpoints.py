"""Over real sockets: what a scraper, a probe and a nosy stranger get."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from reconciler.web.endpoints import SECURITY_HEADERS, make_app
from reconciler.web.server import Server

PAGE = b"# HELP up Whether.\n# TYPE up gauge\nup 1.0\n"


class Site:
    """An application whose answers a test sets."""

    def __init__(self) -> None:
        self.render: Callable[[], bytes] = lambda: PAGE
        self.ready = (True, "")
        self.healthy = (True, "")
        self.session: aiohttp.ClientSession
        self.url = ""

    def visit(self, scenario: Callable[[], Awaitable[None]], *, render_within_s: float = 5.0) -> None:
        async def main() -> None:
            app = make_app(
                self.render,
                lambda: self.ready,
                lambda: self.healthy,
                render_within_s=render_within_s,
            )
            server = Server(app, ("127.0.0.1", 0))
            await server.start()
            self.url = server.url
            async with aiohttp.ClientSession() as self.session:
                try:
                    await scenario()
                finally:
                    await server.stop()

        asyncio.run(main())

    async def ask(self, path: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
        async with self.session.request(method, self.url + path) as response:
            return response.status, await response.text(), dict(response.headers)


@pytest.fixture
def site() -> Site:
    return Site()


def test_metrics_are_served_as_prometheus_expects_them(site: Site) -> None:
    async def scenario() -> None:
        status, text, headers = await site.ask("/metrics")
        assert (status, text) == (200, PAGE.decode())
        assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"

    site.visit(scenario)


def test_metrics_are_rendered_in_a_thread_of_their_own(site: Site) -> None:
    threads: list[str] = []

    def render() -> bytes:
        threads.append(threading.current_thread().name)
        return PAGE

    async def scenario() -> None:
        for _ in range(3):
            await site.ask("/metrics")
        assert set(threads) == {"metrics_0"}

    site.render = render
    site.visit(scenario)


def test_health_answers_while_a_scrape_hangs_and_the_scrape_is_given_up(site: Site) -> None:
    release = threading.Event()

    def render() -> bytes:
        release.wait(20)
        return PAGE

    async def scenario() -> None:
        scrapes = [asyncio.create_task(site.ask("/metrics")) for _ in range(2)]
        await asyncio.sleep(0.02)
        assert (await site.ask("/healthz"))[0] == 200
        for scrape in scrapes:
            status, text, _ = await scrape
            assert (status, text) == (503, "metrics were not rendered within 0.2 s\n")
        release.set()

    site.render = render
    site.visit(scenario, render_within_s=0.2)


def test_a_scrape_that_fails_tells_a_stranger_nothing(site: Site) -> None:
    def render() -> bytes:
        raise RuntimeError("a secret")

    async def scenario() -> None:
        status, text, _ = await site.ask("/metrics")
        assert status == 500
        assert "secret" not in text
        assert "RuntimeError" not in text

    site.render = render
    site.visit(scenario)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_all_well_is_200_and_not_well_is_503_with_the_reason(site: Site, path: str) -> None:
    async def scenario() -> None:
        assert (await site.ask(path))[:2] == (200, "ok\n")
        site.ready = site.healthy = (False, "the engine does not answer")
        assert (await site.ask(path))[:2] == (503, "the engine does not answer\n")

    site.visit(scenario)


def test_ready_and_healthy_are_two_questions(site: Site) -> None:
    async def scenario() -> None:
        site.ready = (False, "loading")
        assert (await site.ask("/healthz"))[0] == 200
        assert (await site.ask("/readyz"))[0] == 503

    site.visit(scenario)


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_head_is_answered_without_a_body(site: Site, path: str) -> None:
    async def scenario() -> None:
        status, text, _ = await site.ask(path, "HEAD")
        assert (status, text) == (200, "")

    site.visit(scenario)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_no_method_that_could_change_something_is_allowed(site: Site, path: str, method: str) -> None:
    async def scenario() -> None:
        status, _, headers = await site.ask(path, method)
        assert status == 405
        assert headers["Allow"] == "GET,HEAD"

    site.visit(scenario)


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/metrics/", "/metrics/..", "/%2e%2e/etc/passwd", "/static/"]
)
def test_other_paths_are_not_found_and_list_nothing(site: Site, path: str) -> None:
    async def scenario() -> None:
        status, text, _ = await site.ask(path)
        assert (status, text) == (404, "404: Not Found")

    site.visit(scenario)


@pytest.mark.parametrize(
    ("path", "method"), [("/metrics", "GET"), ("/healthz", "GET"), ("/nowhere", "GET"), ("/readyz", "POST")]
)
def test_every_answer_has_the_security_headers_and_names_no_software(site: Site, path: str, method: str) -> None:
    async def scenario() -> None:
        _, _, headers = await site.ask(path, method)
        assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "Server" not in headers

    site.visit(scenario)
