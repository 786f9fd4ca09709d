"""A proxy in front of an engine's unix socket: writes down every request, and breaks those it is told to break.

Bytes pass unchanged in both directions, also those of streams (events, logs, pulls) and of hijacked connections,
but for requests that a fault concerns (``engine_fault``).
Invariant: a request is recorded before the engine gets its last byte, so whoever has seen an effect or an answer
finds the request in the record.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.parts.engine_fault import EngineFault, changing
from tests.parts.folder import PrivateFolder
from tests.parts.http_stream import Request, RequestReader

_BLOCK = 64 * 1024
_Recorder = Callable[[list[Request]], EngineFault | None]


class SocketProxy:
    """Listens on a socket of its own and forwards to the socket ``engine``."""

    def __init__(self, engine: Path) -> None:
        self._folder = PrivateFolder()
        self.socket = self._folder.path / "docker.sock"
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._faults: tuple[EngineFault, ...] = ()
        self._broken: list[Request] = []
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
        """Those which may change the host."""
        return tuple(request for request in self.requests if changing(request))

    @property
    def broken(self) -> tuple[Request, ...]:
        """The requests that faults have hit since they were given."""
        with self._lock:
            return tuple(self._broken)

    def fault(self, *faults: EngineFault) -> None:
        """From now on these go wrong, and nothing else; ``broken`` begins anew. The first that hits counts."""
        with self._lock:
            self._faults = faults
            self._broken = []

    def heal(self) -> None:
        """Nothing goes wrong any more; connections that hang end without an answer."""
        with self._lock:
            self._faults = ()
        self._server.break_connections(only_hanging=True)

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
        self._server.end_connections()
        self._server.server_close()
        self._folder.remove()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _record(self, requests: list[Request]) -> EngineFault | None:
        """Take them down; what goes wrong with one of them."""
        with self._lock:
            self._requests += requests
            for request in requests:
                for fault in self._faults:
                    if fault.hits(request):
                        self._broken.append(request)
                        return fault
        return None


class _Server(socketserver.ThreadingUnixStreamServer):
    """One thread per connection; all are joined on close."""

    request_queue_size = 128

    def __init__(self, path: str, engine: Path, record: _Recorder) -> None:
        super().__init__(path, _Connection)
        self.engine = engine
        self.record = record
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._hanging: set[socket.socket] = set()
        self._ending = False

    def opened(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open.update(ends)
            ending = self._ending
        if ending:  # accepted in the last moment: nobody else would break it
            self.break_connections()

    def closed(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(ends)
            self._hanging.difference_update(ends)

    def hangs(self, client: socket.socket) -> None:
        with self._lock:
            self._hanging.add(client)

    def end_connections(self) -> None:
        """All that are there, and those that come yet."""
        with self._lock:
            self._ending = True
        self.break_connections()

    def break_connections(self, *, only_hanging: bool = False) -> None:
        with self._lock:
            for end in self._hanging if only_hanging else self._open:
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
            self._lost = threading.Event()
            answers = threading.Thread(target=self._carry_answers, args=(engine, client))
            answers.start()
            self._carry_requests(client, engine)
            answers.join()
            self.server.closed(client, engine)

    def _carry_requests(self, client: socket.socket, engine: socket.socket) -> None:
        """Then pass the end on: half-closed connections stay half open, broken ones are closed."""
        reader = RequestReader()
        ended = socket.SHUT_WR
        try:
            while data := client.recv(_BLOCK):
                fault = self.server.record(reader.feed(data))
                if fault is not None and fault.how == "lost":
                    self._lost.set()
                elif fault is not None:
                    ended = socket.SHUT_RDWR
                    self._break(client, fault)
                    break
                engine.sendall(data)
        except OSError:
            _shut(client, socket.SHUT_RD)  # either side broke off; the other thread ends by the shutdown below
        _shut(engine, ended)

    def _break(self, client: socket.socket, fault: EngineFault) -> None:
        """The engine hears nothing of this request, nor of any other on this connection."""
        if fault.how == "error":
            client.sendall(fault.answer())
        if fault.how == "hang":
            self.server.hangs(client)
        if fault.how != "reset":
            while client.recv(_BLOCK):  # until the client has enough of it
                pass

    def _carry_answers(self, engine: socket.socket, client: socket.socket) -> None:
        """An answer that gets lost is waited for: then the engine has done what it was asked."""
        try:
            while (data := engine.recv(_BLOCK)) and not self._lost.is_set():
                client.sendall(data)
        except OSError:
            _shut(engine, socket.SHUT_RD)
        _shut(client, socket.SHUT_RDWR if self._lost.is_set() else socket.SHUT_WR)


def _shut(end: socket.socket, how: int) -> None:
    try:
        end.shutdown(how)
    except OSError:
        return  # not connected any more
