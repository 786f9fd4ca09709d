"""Talking HTTP to the engine: versions, timeouts, answers.

Requests and answers are the engine's documented JSON, built and read by the ``translate_*`` modules, so nothing is
lost or renamed on the way; what carries them is a ``transport``.

Invariants: every request has a timeout; whatever goes wrong between us and the engine is EngineUnavailable; an
answer of the engine, also a refusal, is an ``Answer`` and no error. After trouble what was kept open is dropped
and the version negotiated anew, since another engine may answer next time.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode

from reconciler.engine.failures import engine_failure, printable, unreachable
from reconciler.engine.transport import BROKEN, Response, Transport
from reconciler.engine.unix_transport import UnixTransport
from reconciler.engine.versions import common_version, text
from reconciler.errors import EngineUnavailable, EngineUnsupported, ReconcilerError

READ_S = 30.0
CHANGE_S = 120.0
CONNECT_S = 10.0
"""Seconds that an engine may be silent, and that it may take to accept a connection."""

_UNIX = "unix://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. ``body`` is sent as JSON, or as a tar archive when it is bytes. ``timeout_s`` bounds the wait
    for each next byte; None waits for ever, "usual" as long as the connection usually does.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | Literal["usual"] | None = "usual"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine said. ``message`` is its reason when it refused."""

    status: int
    content: bytes

    @property
    def accepted(self) -> bool:
        return self.status < 400

    @property
    def json(self) -> Any:
        """The body. Raises EngineUnavailable when it is no JSON (a proxy's page, half an answer)."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise EngineUnavailable(
                "the engine's answer is not JSON", hint="check what listens on the engine's address"
            ) from error

    @property
    def message(self) -> str:
        try:
            return str(json.loads(self.content)["message"])
        except (ValueError, KeyError, TypeError):
            return self.content.decode("utf-8", "replace") or f"status {self.status}"

    def must(self, doing: str) -> Answer:
        """The answer itself if the engine accepted; raises what its refusal means."""
        if self.accepted:
            return self
        raise self.refusal(doing)

    def refusal(self, doing: str) -> ReconcilerError:
        return engine_failure(doing, self.message)


class Connection:
    """Requests to one engine, from any thread. ``url`` as in ``DOCKER_HOST``; for ``tcp://`` the TLS files are
    those of ``DOCKER_CERT_PATH`` and ``DOCKER_TLS_VERIFY`` in ``environment``, as for the docker command.
    ``change_s``: how long the engine may be silent when it is to change something.
    """

    def __init__(
        self, url: str, *, environment: Mapping[str, str] | None = None, change_s: float = CHANGE_S
    ) -> None:
        self.url = url
        self.change_s = change_s
        self.read_s = min(READ_S, change_s)
        self._environment = {**(os.environ if environment is None else environment), "DOCKER_HOST": url}
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._version: tuple[int, int] | None = None
        self.epoch = 0
        """Grows when another engine may be answering from now on."""

    @property
    def api_version(self) -> str:
        """The version we speak with this engine. Raises EngineUnsupported, EngineUnavailable."""
        version = self._version
        if version is None:
            version = self._version = self._negotiate()
        return text(version)

    def get(self, doing: str, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask for something. ``doing`` names the attempt in errors."""
        return self.send(doing, Request(method="GET", path=path, params=params or {}))

    def send(self, doing: str, request: Request) -> Answer:
        """Send and read the whole answer."""
        with self.streaming(doing, request) as response:
            return Answer(response.status, response.read())

    @contextmanager
    def streaming(self, doing: str, request: Request) -> Iterator[Response]:
        """The response, its body not read yet. Trouble while the block reads it is translated too."""
        response = self.open(doing, request)
        try:
            yield response
        except BROKEN as error:
            self.drop()
            raise unreachable(doing, error, changes=request.method != "GET") from error
        finally:
            response.close()

    def open(self, doing: str, request: Request) -> Response:
        """The response, for the caller to read and close."""
        return self._open(doing, request, prefix=f"/v{self.api_version}")

    def drop(self) -> None:
        """Forget what is kept open: it is broken."""
        self.renew()
        if self._transport is not None:
            self._transport.drop()

    def renew(self) -> None:
        """Ask for the version again before the next request: what answers next may be another engine."""
        self._version = None
        self.epoch += 1

    def close(self) -> None:
        """Close every thread's connections."""
        if self._transport is not None:
            self._transport.close()

    def _open(self, doing: str, request: Request, *, prefix: str) -> Response:
        archive = isinstance(request.body, bytes)
        body = request.body if request.body is None or archive else json.dumps(request.body).encode()
        kind = {} if body is None else {"Content-Type": f"application/{'x-tar' if archive else 'json'}"}
        query = f"?{urlencode(request.params)}" if request.params else ""
        try:
            return self._way().request(
                request.method,
                f"{prefix}{request.path}{query}",
                body=body,
                headers={**kind, **request.headers},
                timeouts=(min(CONNECT_S, self.change_s), self._timeout(request)),
            )
        except BROKEN as error:
            self.drop()
            raise unreachable(doing, error, changes=request.method != "GET") from error

    def _timeout(self, request: Request) -> float | None:
        if request.timeout_s != "usual":
            return request.timeout_s
        return self.read_s if request.method == "GET" else self.change_s

    def _way(self) -> Transport:
        """What carries our requests. Raises InvalidSettings for an address that is none."""
        with self._lock:
            if self._transport is None:
                self._transport = self._made()
            return self._transport

    def _made(self) -> Transport:
        if self.url.startswith(_UNIX):
            return UnixTransport(self.url.removeprefix(_UNIX))
        from reconciler.engine.sdk_transport import SdkTransport  # noqa: PLC0415  (10 MB that a socket never needs)

        return SdkTransport(self._environment)

    def _negotiate(self) -> tuple[int, int]:
        doing = f"asking the engine at {printable(self.url)} for its version"
        request = Request(method="GET", path="/version")
        try:
            with self._open(doing, request, prefix="") as response:
                answer = Answer(response.status, response.read())
        except BROKEN as error:
            self.drop()
            raise unreachable(doing, error, changes=False) from error
        return common_version(_told(answer, doing), at=f"the engine at {printable(self.url)}")


def _told(answer: Answer, doing: str) -> object:
    """What was told of the version; None for what is no JSON. Raises EngineUnsupported, EngineUnavailable."""
    if not answer.accepted:
        refusal = answer.refusal(doing)
        if isinstance(refusal, EngineUnavailable):
            raise refusal
        raise EngineUnsupported(refusal.message, hint="check what listens there: every engine tells its version")
    try:
        return json.loads(answer.content)
    except ValueError:
        return None


def route(path: str, *parts: str) -> str:
    """``path`` with each ``{}`` filled by a part, quoted except for what image references are made of."""
    return path.format(*(quote(part, safe="/:@") for part in parts))
