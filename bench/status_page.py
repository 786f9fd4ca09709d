"""The status page of 500 documents in a real browser, against the same bytes from memory: what making it costs."""

from __future__ import annotations

import http.server
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Page

from bench.measure import Row, in_turns, row
from reconciler.web.assets import load_assets
from tests.parts.browser import Browser
from tests.web.showroom import Showroom, a_status, serving

DOCUMENTS = 500
ROUNDS = 15
TARGET = 1.5


def rows() -> Iterator[Row]:
    """One row: from asking for the page to its last pixel laid out."""
    room = Showroom(statuses=[a_status(f"service-{number:03}") for number in range(DOCUMENTS)])
    with serving(room) as served, Browser() as browser:
        with urllib.request.urlopen(served.url) as answer:  # noqa: S310  (our own loopback address)
            whole = answer.read()
        files = {"/": ("text/html; charset=utf-8", whole)}
        files |= {asset.address: (asset.content_type, asset.content) for asset in load_assets().values()}
        with _files(files) as plain:

            def story(page: Page) -> dict[str, float]:
                contestants = {"floor": lambda: page.goto(plain), "ours": lambda: page.goto(served.url)}
                return in_turns(contestants, rounds=ROUNDS)

            medians = browser.visit(story, expected="")  # where nothing is live, the console says so
    yield row(f"open the page of {DOCUMENTS} documents", medians, target=TARGET, note=f"{len(whole) // 1000} kB")


@contextmanager
def _files(files: Mapping[str, tuple[str, bytes]]) -> Iterator[str]:
    """The address of a site that is always the same: type and content by path."""

    class Same(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content_type, content = files.get(self.path, ("text/plain", b""))
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Same)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
