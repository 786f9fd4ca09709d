"""Over real sockets: what a browser, a program and a stranger get of the status page."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import trustme
from structlog.testing import capture_logs

from reconciler.errors import StateDamaged
from reconciler.web.access import TRIES
from reconciler.web.encryption import page_context, server_context
from reconciler.web.login import LONGEST
from reconciler.web.making import WAITING
from reconciler.web.site import NOT_HERE, POLICY
from tests.web.showroom import Serving, Showroom, furnished, serving

TOKEN = "0123456789abcdef0123456789abcdef"
HTML = {"Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGES = ("/", "/documents/web", "/documents/web/events", "/documents/web/generations/6")
Answer = tuple[int, str, http.client.HTTPMessage]


def ask(
    served: Serving,
    path: str,
    method: str = "GET",
    *,
    headers: dict[str, str] | None = None,
    body: str | None = None,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """One request, on a connection of its own."""
    host = urlsplit(served.url).netloc
    connection = (
        http.client.HTTPSConnection(host, timeout=10, context=context)
        if served.url.startswith("https")
        else http.client.HTTPConnection(host, timeout=10)
    )
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        connection.close()


@pytest.fixture(scope="module")
def plain() -> Iterator[Serving]:
    """On the loopback address, with nothing asked for."""
    with serving(furnished()) as served:
        yield served


@pytest.fixture(scope="module")
def guarded() -> Iterator[Serving]:
    """Elsewhere, with a token; it has seen no wrong one."""
    with serving(furnished(), token=TOKEN, here_only=False) as served:
        yield served


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_html_that_may_run_and_load_nothing_but_our_own_files(plain: Serving, path: str) -> None:
    status, text, headers = ask(plain, path)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert text.startswith("<!doctype html>")
    assert headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert "Server" not in headers


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_only_read(plain: Serving, path: str) -> None:
    assert ask(plain, path, "HEAD")[:2] == (200, "")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert ask(plain, path, method)[0] == 405


@pytest.mark.parametrize(
    "path",
    [
        "/documents/nobody",
        "/documents/nobody/events",
        "/documents/web/generations/99",
        "/documents/web/generations/x",
        "/documents/",
        "/documents/a%2Fb",
        "/documents/%3Cscript%3E",
        "/assets/",
        "/assets/status.css",
        "/nowhere",
    ],
)
def test_what_nobody_knows_is_not_found(plain: Serving, path: str) -> None:
    status, text, _ = ask(plain, path)
    assert status == 404
    assert "<script>" not in text


def test_style_and_script_are_kept_for_ever_under_their_digest(plain: Serving) -> None:
    _, page, _ = ask(plain, "/")
    for asset in plain.site.layout.assets.values():
        assert asset.address in page
        status, text, headers = ask(plain, asset.address)
        assert (status, text.encode()) == (200, asset.content)
        assert headers["Content-Type"] == asset.content_type
        assert "immutable" in headers["Cache-Control"]


def test_a_page_is_compressed_for_who_can_read_that(plain: Serving) -> None:
    host = urlsplit(plain.url).netloc
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", "/", headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.read(2) == b"\x1f\x8b"
    connection.close()


@pytest.mark.parametrize("path", [*PAGES, "/live", "/login"])
def test_who_comes_by_a_name_that_somebody_else_gave_us_is_not_answered(plain: Serving, path: str) -> None:
    status, text, _ = ask(plain, path, headers={"Host": "evil.example"})
    assert (status, text) == (421, "This host is not known by that name: see the setting web-names.\n")


def test_elsewhere_without_a_guard_there_is_only_a_word_of_why() -> None:
    with serving(furnished(), here_only=False) as served:
        assert ask(served, "/")[:2] == (403, NOT_HERE)
        for path in (*PAGES[1:], "/live", "/login"):
            assert ask(served, path)[0] == 404
        assert ask(served, "/healthz")[0] == 200


def test_without_the_token_a_browser_gets_the_form_and_a_program_a_line(guarded: Serving) -> None:
    for path in PAGES:
        status, text, headers = ask(guarded, path, headers=HTML)
        assert status == 401
        assert headers["WWW-Authenticate"].startswith("Bearer")
        assert headers["Content-Security-Policy"] == POLICY
        assert f'value="{path}"' in text
        assert "config.memoryLimit" not in text
        assert ask(guarded, path)[:2] == (401, "The token is needed to see this page.\n")
    assert ask(guarded, "/live")[0] == 401
    assert ask(guarded, "/healthz")[0] == 200
    assert ask(guarded, "/metrics")[0] == 200


def test_the_token_in_a_header_admits(guarded: Serving) -> None:
    for path in PAGES:
        assert ask(guarded, path, headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200


def log_in(served: Serving, token: str, to: str = "/documents/web", **headers: str) -> Answer:
    body = urlencode({"token": token, "to": to})
    return ask(served, "/login", "POST", headers={**FORM, **headers}, body=body)


def test_logging_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(guarded: Serving) -> None:
    status, _, headers = log_in(guarded, TOKEN)
    assert (status, headers["Location"]) == (303, "/documents/web")
    cookie = headers["Set-Cookie"]
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    name = cookie.split(";")[0]
    assert ask(guarded, "/", headers={"Cookie": name})[0] == 200
    assert ask(guarded, "/", headers={"Cookie": name + "0"})[0] == 401
    status, _, headers = ask(guarded, "/login", headers={"Cookie": name})
    assert (status, headers["Location"]) == (303, "/")


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil", "javascript:1", "/login"])
def test_logging_in_leads_to_our_own_pages_alone(guarded: Serving, to: str) -> None:
    assert log_in(guarded, TOKEN, to)[2]["Location"] == "/"


def test_the_form_is_shown_to_who_asks_for_it(guarded: Serving, plain: Serving) -> None:
    status, text, _ = ask(guarded, "/login")
    assert status == 200
    assert 'type="password"' in text
    assert ask(plain, "/login")[2]["Location"] == "/"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_form_of_another_site_logs_nobody_in(headers: dict[str, str]) -> None:
    with serving(furnished(), token=TOKEN, here_only=False) as served:
        status, _, answered = log_in(served, TOKEN, **headers)
        assert status == 403
        assert "Set-Cookie" not in answered
        here = {"Origin": served.url, "Sec-Fetch-Site": "same-origin"}
        assert log_in(served, TOKEN, **here)[0] == 303


def test_what_no_form_of_ours_sends_is_a_wrong_token() -> None:
    with serving(furnished(), token=TOKEN, here_only=False) as served:
        assert log_in(served, TOKEN, Origin="http://[")[0] == 403
        many = urlencode({"token": TOKEN, **{f"field{number}": "x" for number in range(20)}})
        assert ask(served, "/login", "POST", headers=FORM, body=many)[0] == 403


@pytest.mark.parametrize("way", ["form", "header"])
def test_who_guesses_is_made_to_wait(way: str) -> None:
    def guess(served: Serving) -> Answer:
        if way == "form":
            return log_in(served, "wrong")
        return ask(served, "/", headers={"Authorization": "Bearer wrong"})

    with serving(furnished(), token=TOKEN, here_only=False) as served:
        for _ in range(TRIES):
            assert guess(served)[0] in {401, 403}
        status, _, headers = guess(served)
        assert status == 429
        assert 0 < int(headers["Retry-After"]) < 60
        assert log_in(served, TOKEN)[0] == 429
        assert ask(served, "/", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 429


def test_a_form_that_is_too_long_says_nothing() -> None:
    with serving(furnished(), token=TOKEN, here_only=False) as served:
        body = urlencode({"token": TOKEN, "to": "x" * LONGEST})
        assert ask(served, "/login", "POST", headers=FORM, body=body)[0] == 403


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """An authority, and a folder with its certificate and those of a server."""
    folder, authority = tmp_path_factory.mktemp("papers"), trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    server.private_key_pem.write_to_path(str(folder / "key.pem"))
    server.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return authority, folder


def test_with_a_client_certificate_the_page_is_seen_and_without_one_only_metrics(
    papers: tuple[trustme.CA, Path],
) -> None:
    authority, folder = papers
    context = server_context(folder / "certificate.pem", folder / "key.pem", folder / "ca.pem")
    stranger, known = (ssl.create_default_context() for _ in range(2))
    for one in (stranger, known):
        authority.configure_trust(one)
    authority.issue_cert("ana@example.com").configure_cert(known)
    with serving(furnished(), here_only=False, certificates=True, encryption=context) as served:
        assert served.url.startswith("https://")
        assert ask(served, "/", context=known)[0] == 200
        status, text, _ = ask(served, "/", context=stranger)
        assert (status, text) == (403, "A client certificate is needed to see this page.\n")
        assert ask(served, "/metrics", context=stranger)[0] == 200


def test_over_tls_the_cookie_is_for_tls_alone(papers: tuple[trustme.CA, Path]) -> None:
    authority, folder = papers
    context, client = (
        server_context(folder / "certificate.pem", folder / "key.pem", None),
        ssl.create_default_context(),
    )
    authority.configure_trust(client)
    with serving(furnished(), here_only=False, token=TOKEN, encryption=context) as served:
        body = urlencode({"token": TOKEN})
        _, _, headers = ask(served, "/login", "POST", headers=FORM, body=body, context=client)
        assert headers["Set-Cookie"].startswith("__Host-reconciler=")
        assert "Secure" in headers["Set-Cookie"].split("; ")


def status_for(served: Serving, authority: trustme.CA, *, of: trustme.CA | None = None) -> int:
    """What a client gets that trusts this authority, with a certificate of ``of``; 0 for no connection."""
    client = ssl.create_default_context()
    authority.configure_trust(client)
    if of is not None:
        of.issue_cert("ana@example.com").configure_cert(client)
    try:
        return ask(served, "/", context=client)[0]
    except (ssl.SSLError, ConnectionError):
        return 0


def test_certificates_that_change_on_the_disk_are_used_from_the_next_connection_on(tmp_path: Path) -> None:
    first, second = trustme.CA(), trustme.CA()

    def write(authority: trustme.CA, *parts: str) -> None:
        made = authority.issue_cert("127.0.0.1")
        papers = {
            "certificate.pem": made.cert_chain_pems[0],
            "key.pem": made.private_key_pem,
            "ca.pem": authority.cert_pem,
        }
        for part in parts or papers:
            fresh = tmp_path / "fresh"
            papers[part].write_to_path(str(fresh))
            fresh.rename(tmp_path / part)

    write(first)
    certificate, key, known = (tmp_path / name for name in ("certificate.pem", "key.pem", "ca.pem"))
    context = page_context(certificate, key, known).context
    with (
        serving(furnished(), here_only=False, certificates=True, encryption=context) as served,
        capture_logs() as said,
    ):
        assert status_for(served, first, of=first) == 200
        write(second, "certificate.pem")
        assert status_for(served, first, of=first) == 200
        assert status_for(served, first) == 403
        assert [line["event"] for line in said] == ["the former certificate is still served"]
        key.unlink()
        assert status_for(served, first, of=first) == 200
        write(second)
        assert status_for(served, first, of=first) == 0
        assert status_for(served, second) == 403
        assert status_for(served, second, of=second) == 200
        assert status_for(served, second, of=first) == 0


def test_a_history_that_cannot_be_read_is_told_and_stops_nothing() -> None:
    def damaged() -> None:
        raise StateDamaged("the history is damaged")

    room = furnished()
    room.reading = damaged
    with serving(room) as served:
        status, text, _ = ask(served, "/")
        assert status == 503
        assert "the history is damaged" in text
        assert ask(served, "/healthz")[0] == 200


def test_a_bug_in_a_page_tells_a_stranger_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("a secret")

    room = furnished()
    room.reading = broken
    with serving(room) as served:
        status, text, _ = ask(served, "/")
        assert status == 500
        assert "secret" not in text


def test_pages_that_hang_stop_neither_health_nor_the_loop_and_are_bounded() -> None:
    release, room = threading.Event(), furnished()
    room.reading = lambda: (release.wait(20), None)[1]
    with ExitStack() as stack:
        served = stack.enter_context(serving(room))
        stack.callback(release.set)
        hanging = [threading.Thread(target=ask, args=(served, f"/?q={number}")) for number in range(WAITING)]
        for thread in hanging:
            thread.start()
        until(lambda: served.site.making.waiting == WAITING)
        assert ask(served, "/healthz")[0] == 200
        status, _, headers = ask(served, "/")
        assert (status, headers["Retry-After"]) == (503, "5")
        release.set()
        for thread in hanging:
            thread.join(10)


def test_a_page_is_made_once_for_all_who_ask_for_it_at_the_same_time() -> None:
    """As when something changes: everybody who watches asks."""
    release, room, read, asked = threading.Event(), furnished(), list[int](), 2 * WAITING

    def reading() -> None:
        read.append(1)
        release.wait(20)

    room.reading = reading
    with serving(room) as served, ThreadPoolExecutor(asked) as screens:
        answers = [screens.submit(ask, served, "/") for _ in range(asked)]
        until(lambda: len(read) == 1)
        time.sleep(0.3)
        release.set()
        assert {answer.result(10)[0] for answer in answers} == {200}
        assert len(read) < WAITING


def until(so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + 10
    while not so():
        assert time.monotonic() < end
        time.sleep(0.01)


class Watching:
    """A browser that hears of changes."""

    def __init__(self, served: Serving) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=10)
        self.connection.request("GET", "/live")
        self.response = self.connection.getresponse()

    def line(self) -> str:
        """The next line that says something; "" at the end."""
        while True:
            line = self.response.readline()
            if line.strip() or not line:
                return line.decode().strip()

    def close(self) -> None:
        self.response.close()
        self.connection.close()


def test_who_watches_is_told_of_changes_and_those_that_come_together_are_told_once() -> None:
    with serving(furnished(), pause_s=0.2, heartbeat_s=0.5) as served:
        browser = Watching(served)
        assert browser.response.headers["Content-Type"].startswith("text/event-stream")
        _, page, _ = ask(served, "/")
        now = served.site.live.number
        assert f'data-number="{now}"' in page
        assert [browser.line() for _ in range(2)] == ["retry: 2000", f"data: {now}"]
        for _ in range(50):
            served.announce()
        told = [browser.line()]
        while (line := browser.line()).startswith("data: "):
            told.append(line)
        assert told[-1] == f"data: {now + 50}" == f"data: {served.site.live.number}"
        assert len(told) <= 2
        assert line == ": still here"
        browser.close()


def test_only_so_many_watch_at_once_and_who_leaves_makes_room() -> None:
    with serving(furnished(), most=2, heartbeat_s=0.1) as served:
        browsers = [Watching(served) for _ in range(2)]
        status, _, headers = ask(served, "/live")
        assert (status, headers["Retry-After"]) == (503, "30")
        browsers[0].close()
        until(lambda: served.site.live.watching == 1)
        again = Watching(served)
        assert again.response.status == 200
        for browser in (browsers[1], again):
            browser.close()


def test_who_watches_is_let_go_at_once_when_the_server_stops() -> None:
    with ExitStack() as stack:
        with serving(furnished()) as served:
            browsers = [Watching(served) for _ in range(5)]
            for browser in browsers:
                stack.callback(browser.close)
                assert browser.line() == "retry: 2000"
                assert browser.line().startswith("data: ")
            began = time.monotonic()
        assert time.monotonic() - began < 1.0
        assert [browser.line() for browser in browsers] == [""] * 5
        served.announce()


def test_a_room_without_documents_says_so() -> None:
    with serving(Showroom()) as served:
        status, text, _ = ask(served, "/")
        assert status == 200
        assert "No document is known here" in text
