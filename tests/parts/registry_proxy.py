"""A proxy in front of a registry that can lie: alters, swaps, cuts or refuses what the registry answers.

Leaves to the tests which lie is told: each is a ``Lie`` (for which requests, how the answer changes). Without lies
everything passes unchanged, in particular repeated ``Accept`` headers stay repeated: merged into one, an old
registry answers with an old kind of manifest. Invariant: answers have a true ``Content-Length`` unless cut.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.parts.http_stream import Request

ENDLESS_BYTES = 1 << 30
TRICKLE_S = 0.05
_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length"})
_ERROR_CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS"}
"""Of the OCI distribution specification, section "Error Codes"."""

_MANIFEST = re.compile(r"^/v2/.+/manifests/[^/]+$")
_BLOB = re.compile(r"^/v2/.+/blobs/sha256:[0-9a-f]+$")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the registry said, or what the client is made to believe it said."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cut: bool = False
    """The connection breaks after the body, though more was announced."""
    endless: bool = False
    """The body never ends: after it a byte follows now and then, as long as somebody listens."""


Change = Callable[[Answer], Answer]


@dataclass(frozen=True, slots=True)
class Lie:
    """``change`` is applied to the answers of all requests which ``concerns`` accepts."""

    concerns: Callable[[Request], bool]
    change: Change


def manifests(request: Request) -> bool:
    """Reads of manifests and indexes, by tag or digest."""
    return request.method in {"GET", "HEAD"} and _MANIFEST.match(request.path) is not None


def blobs(request: Request) -> bool:
    """Reads of layers and configs."""
    return request.method == "GET" and _BLOB.match(request.path) is not None


def named(digest: str) -> Callable[[Request], bool]:
    """Reads of one blob or manifest."""
    return lambda request: request.method in {"GET", "HEAD"} and request.path.endswith(digest)


def everything(_: Request) -> bool:
    """Every request."""
    return True


def flip_a_byte(answer: Answer) -> Answer:
    """The middle byte differs; the length is the same."""
    middle = len(answer.body) // 2
    changed = answer.body[:middle] + bytes([answer.body[middle] ^ 1]) + answer.body[middle + 1 :]
    return dataclasses.replace(answer, body=changed)


def pad_json(answer: Answer) -> Answer:
    """Other bytes with the same meaning: valid JSON, only its digest differs."""
    return dataclasses.replace(answer, body=json.dumps(json.loads(answer.body), indent=7).encode())


def swap_for(body: bytes) -> Change:
    """Another (valid) content, with its own length; headers such as the digest still tell of the true one."""
    return lambda answer: dataclasses.replace(answer, body=body)


def cut_after(size: int) -> Change:
    """The connection breaks after ``size`` bytes of the body."""
    return lambda answer: dataclasses.replace(answer, body=answer.body[:size], cut=True)


def trickle(answer: Answer) -> Answer:
    """More and more comes, slowly, and it is never all."""
    return dataclasses.replace(answer, endless=True)


def refuse(status: int, *headers: tuple[str, str]) -> Change:
    """An error in the registry's own form (401, 429, 500, ...), for example with ``("Retry-After", "5")``."""
    error = {"code": _ERROR_CODES.get(status, "UNKNOWN"), "message": f"refused with {status} by the proxy"}
    body = json.dumps({"errors": [error]}).encode()
    return lambda _: Answer(status, (("Content-Type", "application/json"), *headers), body)


class RegistryProxy:
    """Listens on a port of its own on 127.0.0.1 and forwards to the registry at ``upstream`` (``host:port``).

    The port is its own from the beginning; until ``start`` connections to it are refused.
    """

    def __init__(self, upstream: str) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._lies: tuple[Lie, ...] = ()
        self._server = _Server(upstream, self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def address(self) -> str:
        """Host and port, as written in image references."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> tuple[Request, ...]:
        """All requests so far, with their headers."""
        with self._lock:
            return tuple(self._requests)

    def tell(self, *lies: Lie) -> None:
        """From now on tell these lies (none: the truth)."""
        with self._lock:
            self._lies = lies

    def start(self) -> None:
        """Serve."""
        self._server.server_activate()
        self._thread.start()

    def stop(self) -> None:
        """End all threads and free the port."""
        self._server.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: Request, truth: Callable[[], Answer]) -> Answer:
        """Note the request and work out what the client gets to see."""
        with self._lock:
            self._requests.append(request)
            lies = self._lies
        answer = truth()
        for lie in lies:
            if lie.concerns(request):
                answer = lie.change(answer)
        return answer

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, upstream: str, proxy: RegistryProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.server_bind()
        self.stopping = threading.Event()
        self.upstream = upstream
        self.proxy = proxy


class _Handler(BaseHTTPRequestHandler):
    """One connection per request: nothing of a lie can leak into the next answer."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        fields = tuple((name.lower(), value) for name, value in self.headers.items())
        request = Request(self.command, self.path, fields)
        body = b"".join(self._body())
        answer = self.server.proxy.answer(request, lambda: self._ask(request, body))
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        announced = ENDLESS_BYTES if answer.endless else len(answer.body) + answer.cut
        self.send_header("Content-Length", str(announced))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
            if answer.endless:
                self._trickle()
        self.close_connection = True

    def _trickle(self) -> None:
        """Until nobody listens any more."""
        with contextlib.suppress(ConnectionError):
            while not self.server.stopping.wait(TRICKLE_S):
                self.wfile.write(b"x")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815 -- the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Keep standard error clean: requests are in the record."""

    def _ask(self, request: Request, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                if name not in _HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
            return Answer(response.status, tuple(response.getheaders()), content)
        finally:
            connection.close()

    def _body(self) -> Iterator[bytes]:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
