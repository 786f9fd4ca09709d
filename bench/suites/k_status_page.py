"""The status page of 500 documents in a real browser, against the same bytes from memory: what making it costs."""

from __future__ import annotations

import http.server
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Page

from bench.ground import Ground
from bench.model import Row, Sample
from bench.suite import Found, suite
from bench.turns import contestants, here
from reconciler.web.assets import load_assets
from tests.parts.browser import Browser
from tests.web.showroom import Showroom, a_status, serving

DOCUMENTS = 500
SAME = "the same bytes from memory"
OURS = "the status page"
TARGET = 1.5
WITHIN_S = 1.0


@suite("page", "The status page in a browser")
def page(ground: Ground) -> Found:
    """From asking for the page to its last pixel laid out."""
    room = Showroom(statuses=[a_status(f"service-{number:03}") for number in range(DOCUMENTS)])
    with serving(room) as served, Browser() as browser:
        with urllib.request.urlopen(served.url) as answer:  # noqa: S310  (our own loopback address)
            whole = answer.read()
        files = {"/": ("text/html; charset=utf-8", whole)}
        files |= {asset.address: (asset.content_type, asset.content) for asset in load_assets().values()}
        with _files(files) as plain:

            def story(page: Page) -> dict[str, tuple[Sample, ...]]:
                turns = {SAME: here(lambda: page.goto(plain)), OURS: here(lambda: page.goto(served.url))}
                return ground.turns(turns, rounds=15)

            samples = browser.visit(story, expected="")  # where nothing is live, the console says so
    row_of = contestants(samples, {SAME: "floor", OURS: "ours"})
    facts = {"kB of HTML": len(whole) // 1000}
    work = f"open the page of {DOCUMENTS} documents"
    return (Row(id="page", work=work, contestants=row_of, target=TARGET, limit=WITHIN_S, facts=facts),), ()


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
