"""What registries are asked, whom a login is told, and what their answers mean."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.core.login import Login
from reconciler.core.secret import Secret
from reconciler.errors import (
    ImageNotFound,
    ReconcilerError,
    RegistryDenied,
    RegistryUnavailable,
    VerificationFailed,
)
from reconciler.registry.challenge import read_challenges
from reconciler.registry.client import RegistryClient
from reconciler.registry.names import place_of, scheme_of
from reconciler.registry.transport import Transport

BODY = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
LOGIN = Login(username="ana", password=Secret(b"pass:word"), origin="127.0.0.1 in registries.age")
BASIC = f"Basic {base64.b64encode(b'ana:pass:word').decode()}"
Reply = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    authorization: str
    form: Mapping[str, list[str]]


@dataclass
class Site:
    """A server on this machine that answers as ``answer`` says."""

    answer: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(lambda _: (200, {}, BODY))

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            asked = Asked(self.command, self.path, self.headers.get("Authorization") or "", parse_qs(form))
            made.asked.append(asked)
            status, headers, body = made.answer(asked)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _reply  # noqa: N815  (the base class's names)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def client(login: Login | None = None, **limits: float) -> RegistryClient:
    return RegistryClient(lambda _: login, transport=Transport(**limits))  # type: ignore[arg-type]  # numbers alone


def test_a_manifest_is_what_its_digest_says(site: Site) -> None:
    found = client().manifest(f"{site.address}/team/app", DIGEST)
    assert (found.digest, found.content) == (DIGEST, BODY)
    assert site.asked[0].path == f"/v2/team/app/manifests/{DIGEST}"
    assert client().manifest(f"{site.address}/team/app", "1.0").digest == DIGEST
    assert client().blob(f"{site.address}/app", DIGEST, limit=100) == BODY


def test_other_bytes_than_those_of_the_digest_are_refused(site: Site) -> None:
    wrong = f"sha256:{'0' * 64}"
    for ask in (
        lambda: client().manifest(f"{site.address}/app", wrong),
        lambda: client().blob(f"{site.address}/app", wrong, limit=100),
    ):
        with pytest.raises(VerificationFailed, match="gives other bytes"):
            ask()


def test_an_answer_that_is_too_large_or_breaks_off_is_refused(site: Site) -> None:
    with pytest.raises(VerificationFailed, match="larger than 10 bytes"):
        client().blob(f"{site.address}/app", DIGEST, limit=10)
    site.answer = lambda _: (200, {"Content-Length": "100", "Connection": "close"}, BODY)
    with pytest.raises(RegistryUnavailable, match="broke off"):
        client().blob(f"{site.address}/app", DIGEST, limit=1000)


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (404, ImageNotFound, "404, manifest unknown"),
        (403, RegistryDenied, "403"),
        (401, RegistryDenied, "wants to know who asks"),
        (429, RegistryUnavailable, "429"),
        (500, RegistryUnavailable, "500"),
    ],
)
def test_what_a_status_means(site: Site, status: int, error: type[ReconcilerError], told: str) -> None:
    said = json.dumps({"errors": [{"code": "X", "message": "manifest\nunknown"}]}).encode()
    site.answer = lambda _: (status, {"Retry-After": "7"}, said)
    with pytest.raises(error, match=told) as raised:
        client().manifest(f"{site.address}/app", "1.0")
    if isinstance(raised.value, RegistryUnavailable):
        assert raised.value.retry_after == 7


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(RegistryUnavailable, match="refused"):
            client().manifest(f"127.0.0.1:{taken.getsockname()[1]}/app", "1.0")


def test_a_silent_registry_is_given_up(site: Site) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(RegistryUnavailable, match="timed out"):
            client(answer_s=0.1).manifest(f"127.0.0.1:{silent.getsockname()[1]}/app", "1.0")
    with pytest.raises(RegistryUnavailable, match="not done after"):
        client(whole_s=-1.0).manifest(f"{site.address}/app", "1.0")


def guarded(challenge: str, accepted: str) -> Callable[[Asked], Reply]:
    """A registry that wants this Authorization."""

    def answer(asked: Asked) -> Reply:
        if asked.authorization == accepted:
            return 200, {}, BODY
        return 401, {"WWW-Authenticate": challenge}, b""

    return answer


def test_a_password_is_told_only_when_it_is_asked_for(site: Site) -> None:
    site.answer = guarded('Basic realm="registry, of the team"', BASIC)
    assert client(LOGIN).manifest(f"{site.address}/app", "1.0").content == BODY
    assert [asked.authorization for asked in site.asked] == ["", BASIC]


def test_a_login_that_is_not_accepted_is_told_without_its_secret(site: Site) -> None:
    site.answer = guarded("Basic realm=x", "never")
    with pytest.raises(RegistryDenied, match="401") as refused:
        client(LOGIN).manifest(f"{site.address}/app", "1.0")
    assert "pass:word" not in str(refused.value)


def tokens(site: Site, said: bytes, status: int = 200) -> Callable[[Asked], Reply]:
    """A registry with a token server beside it."""
    realm = f'Bearer realm="http://{site.address}/token",service="the registry",scope="repository:app:pull"'
    registry = guarded(realm, "Bearer t0ken")

    def answer(asked: Asked) -> Reply:
        return (status, {}, said) if asked.path.startswith("/token") else registry(asked)

    return answer


def test_a_token_is_got_with_the_login_and_used_while_it_is_good(site: Site) -> None:
    site.answer = tokens(site, b'{"token": "t0ken", "expires_in": 300}')
    asking = client(LOGIN)
    asking.manifest(f"{site.address}/app", "1.0")
    asking.manifest(f"{site.address}/app", "1.0")
    paths = [urlsplit(asked.path) for asked in site.asked]
    assert [path.path.rpartition("/")[2] for path in paths] == ["1.0", "token", "1.0", "1.0"]
    assert parse_qs(paths[1].query) == {"service": ["the registry"], "scope": ["repository:app:pull"]}
    assert [asked.authorization for asked in site.asked] == ["", BASIC, "Bearer t0ken", "Bearer t0ken"]


def test_a_token_is_got_without_a_login_and_with_an_identity_token(site: Site) -> None:
    site.answer = tokens(site, b'{"access_token": "t0ken"}')
    client().manifest(f"{site.address}/app", "1.0")
    assert site.asked[1].authorization == ""
    client(Login(identity_token=Secret(b"refresh"))).manifest(f"{site.address}/app", "1.0")
    posted = next(asked for asked in site.asked if asked.method == "POST")
    assert posted.form["refresh_token"] == ["refresh"]
    assert posted.form["grant_type"] == ["refresh_token"]


@pytest.mark.parametrize(
    ("status", "said", "error", "told"),
    [
        (401, b"", RegistryDenied, "does not accept the login of 127.0.0.1 in registries.age"),
        (500, b"", RegistryUnavailable, "at its token server"),
        (200, b"[]", RegistryUnavailable, "gives no token"),
        (200, b"{", RegistryUnavailable, "gives no token"),
    ],
)
def test_a_token_server_that_gives_none(
    site: Site, status: int, said: bytes, error: type[ReconcilerError], told: str
) -> None:
    site.answer = tokens(site, said, status)
    with pytest.raises(error, match=told):
        client(LOGIN).manifest(f"{site.address}/app", "1.0")


def test_a_login_goes_to_no_token_server_in_clear_text(site: Site) -> None:
    site.answer = guarded('Bearer realm="http://tokens.example.com/",service=x', "never")
    with pytest.raises(RegistryDenied, match="not asked over HTTPS"):
        client(LOGIN).manifest(f"{site.address}/app", "1.0")


def test_a_registry_elsewhere_has_nothing_on_this_machine_asked_for_it() -> None:
    (local,) = read_challenges(['Bearer realm="http://127.0.0.1:8080/secrets"'])
    assert local.private("localhost:5000")
    assert not local.private("registry.example.com")
    (known,) = read_challenges(['Bearer realm="https://tokens.example.com/"'])
    assert known.private("registry.example.com")


@pytest.mark.parametrize(
    "challenge",
    [
        'Bearer realm=,service="x"',
        'Bearer realm="https://["',
        'Bearer ="',
        'Bearer realm="http://127.0.0.1:1/\u00e9"',
    ],
)
def test_a_challenge_that_makes_no_sense_is_told_as_one(site: Site, challenge: str) -> None:
    site.answer = guarded(challenge, "never")
    with pytest.raises((RegistryDenied, RegistryUnavailable), match="asking"):
        client(LOGIN).manifest(f"{site.address}/app", "1.0")


def test_a_token_that_is_no_header_is_not_quoted(site: Site) -> None:
    site.answer = tokens(site, b'{"token": "t0ken\\nX-Other: 1"}')
    with pytest.raises(RegistryUnavailable, match="what HTTP does not allow") as refused:
        client(LOGIN).manifest(f"{site.address}/app", "1.0")
    assert "t0ken" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "headers", [{"Content-Length": "\u00b2"}, {"Location": "http://["}, {"Retry-After": "\u00b2"}]
)
def test_headers_that_make_no_sense_are_no_bug(site: Site, headers: dict[str, str]) -> None:
    site.answer = lambda _: (302 if "Location" in headers else 503, {**headers, "Connection": "close"}, BODY)
    with pytest.raises(RegistryUnavailable):
        client().manifest(f"{site.address}/app", "1.0")


def test_a_digest_that_no_address_can_have_is_no_bug(site: Site) -> None:
    with pytest.raises(RegistryUnavailable, match="what HTTP does not allow"):
        client().blob(f"{site.address}/app", "sha256:\u00e9", limit=100)


def test_a_redirect_is_followed_without_credentials(site: Site) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/store"):
            return 200, {}, BODY
        if asked.authorization != BASIC:
            return 401, {"WWW-Authenticate": "Basic realm=x"}, b""
        return 307, {"Location": f"http://{site.address}/store?permission=1"}, b""

    site.answer = answer
    assert client(LOGIN).blob(f"{site.address}/app", DIGEST, limit=100) == BODY
    assert [asked.authorization for asked in site.asked if asked.path.startswith("/store")] == [""]


def test_a_redirect_leads_to_the_web_alone(site: Site) -> None:
    site.answer = lambda _: (302, {"Location": "ftp://127.0.0.1/x"}, b"")
    with pytest.raises(RegistryUnavailable, match="leads from http to ftp"):
        client().blob(f"{site.address}/app", DIGEST, limit=100)


@pytest.mark.parametrize(
    ("repository", "base"),
    [
        ("busybox", "https://registry-1.docker.io/v2/library/busybox"),
        ("docker.io/shop/web", "https://registry-1.docker.io/v2/shop/web"),
        ("registry.example.com/shop/web", "https://registry.example.com/v2/shop/web"),
        ("localhost:5000/web", "http://localhost:5000/v2/web"),
        ("127.4.0.1:5000/web", "http://127.4.0.1:5000/v2/web"),
        ("[::1]:5000/web", "http://[::1]:5000/v2/web"),
        ("192.168.0.1:5000/web", "https://192.168.0.1:5000/v2/web"),
    ],
)
def test_where_a_repository_is_asked_for(repository: str, base: str) -> None:
    assert place_of(repository).base == base


def test_only_this_machine_is_asked_in_clear_text() -> None:
    assert {scheme_of(host) for host in ("localhost.example.com", "10.0.0.1", "127.0.0.1.nip.io:80")} == {"https"}
