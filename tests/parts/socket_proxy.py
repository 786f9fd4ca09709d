"""A proxy in front of an engine's unix socket that writes down every request, for tests which count calls.

Bytes pass unchanged in both directions, also those of streams (events, logs, pulls) and of hijacked connections.
Invariant: a request is recorded before the engine gets its last byte, so whoever has seen an effect or an answer
finds the request in the record.
"""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.parts.folder import PrivateFolder
from tests.parts.http_stream import Request, RequestReader

_BLOCK = 64 * 1024
_Recorder = Callable[[list[Request]], None]
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_READ_LIKE = re.compile(r"^(/v[\d.]+)?(/containers/[^/]+/(wait|resize)|/exec/[^/]+/resize|/auth|/session)(\?|$)")
"""POST requests which change nothing on the host (Docker Engine API 1.41)."""


class SocketProxy:
    """Listens on a socket of its own and forwards to the socket ``engine``."""

    def __init__(self, engine: Path) -> None:
        self._folder = PrivateFolder()
        self.socket = self._folder.path / "docker.sock"
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._server = _Server(str(self.socket), engine, self._record)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """For ``DOCKER_HOST`` and the SDK's ``base_url``."""
        return f"unix://{self.socket}"

    @property
    def requests(self) -> tuple[Request, ...]:
        """All requests since the start or the last ``forget``, in order of arrival."""
        with self._lock:
            return tuple(self._requests)

    def mutating(self) -> tuple[Request, ...]:
        """Those which may change the host: POST, PUT, PATCH, DELETE but for the few that only read."""
        return tuple(r for r in self.requests if r.method in _CHANGING and not _READ_LIKE.match(r.path))

    def forget(self) -> None:
        """Begin the record anew."""
        with self._lock:
            self._requests.clear()

    def start(self) -> None:
        """Serve (the socket exists since construction, connections wait in its queue)."""
        self._thread.start()

    def stop(self) -> None:
        """Break all connections, end all threads, remove the socket."""
        self._server.shutdown()
        self._thread.join()
        self._server.break_connections()
        self._server.server_close()
        self._folder.remove()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _record(self, requests: list[Request]) -> None:
        with self._lock:
            self._requests += requests


class _Server(socketserver.ThreadingUnixStreamServer):
    """One thread per connection; all are joined on close."""

    request_queue_size = 128

    def __init__(self, path: str, engine: Path, record: _Recorder) -> None:
        super().__init__(path, _Connection)
        self.engine = engine
        self.record = record
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def opened(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open.update(ends)

    def closed(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(ends)

    def break_connections(self) -> None:
        with self._lock:
            for end in self._open:
                _shut(end, socket.SHUT_RDWR)


class _Connection(socketserver.BaseRequestHandler):
    """Carries one connection: this thread what the client says, a second one what the engine says."""

    server: _Server

    def handle(self) -> None:
        client: socket.socket = self.request
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            try:
                engine.connect(str(self.server.engine))
            except OSError:
                return  # no engine: the client's connection ends without an answer, as with an engine that crashed
            self.server.opened(client, engine)
            answers = threading.Thread(target=_pump, args=(engine, client))
            answers.start()
            _pump(client, engine, reader=RequestReader(), record=self.server.record)
            answers.join()
            self.server.closed(client, engine)


def _pump(
    source: socket.socket,
    goal: socket.socket,
    *,
    reader: RequestReader | None = None,
    record: _Recorder | None = None,
) -> None:
    """Carry bytes until the source ends, then pass that end on (half-closed connections stay half open)."""
    try:
        while data := source.recv(_BLOCK):
            if reader is not None and record is not None:
                record(reader.feed(data))
            goal.sendall(data)
    except OSError:
        _shut(source, socket.SHUT_RD)  # either side broke off; the other pump ends by the shutdown below
    _shut(goal, socket.SHUT_WR)


def _shut(end: socket.socket, how: int) -> None:
    try:
        end.shutdown(how)
    except OSError:
        return  # not connected any more
