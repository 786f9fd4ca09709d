"""HTTP over the engine's unix socket, by what Python has itself: a quiet pass is one request.

Decides which connections are kept: those whose answer was read to its end, for whichever thread comes next; one
that the engine has closed meanwhile is not used again. Nothing is sent twice.
"""

from __future__ import annotations

import http
import http.client
import select
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Self

IDLE_CONNECTIONS = 8


class UnixTransport:
    """See ``transport.Transport``; ``path`` is the socket's."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._finalizer = weakref.finalize(self, _close_all, self._idle)

    def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeouts: tuple[float, float | None],
    ) -> UnixResponse:
        connection = self._kept() or _Connection(self._path, timeouts[0])
        try:
            connection.patient(timeouts[1])
            connection.request(method, target, body=body, headers=dict(headers))
            return UnixResponse(connection, self._give_back)
        except BaseException:
            connection.close()
            raise

    def drop(self) -> None:
        with self._lock:
            _close_all(self._idle)

    def close(self) -> None:
        self.drop()

    def _kept(self) -> _Connection | None:
        """The connection that was used last, unless it has ended."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not connection.ended():
                return connection
            connection.close()

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()


class _Connection(http.client.HTTPConnection):
    """One connection, made when it is made: ``connect_s`` bounds that alone."""

    def __init__(self, path: str, connect_s: float) -> None:
        super().__init__("localhost")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.auto_open = 0
        try:
            self.sock.settimeout(connect_s)
            self.sock.connect(path)
        except BaseException:
            self.close()
            raise

    def patient(self, timeout_s: float | None) -> None:
        """Wait so long for every next byte."""
        self.sock.settimeout(timeout_s)

    def ended(self) -> bool:
        """Whether the other side has closed it, or said what nobody asked for."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))


class UnixResponse:
    """See ``transport.Response``. Its connection is kept for others when all of it was read."""

    def __init__(self, connection: _Connection, give_back: Callable[[_Connection], None]) -> None:
        self._connection = connection
        self._socket = connection.sock
        self._give_back = give_back
        self._response = connection.getresponse()
        self._lock = threading.Lock()
        self._shut = False
        self._closed = False

    @property
    def status(self) -> int:
        return self._response.status

    def read(self, size: int | None = None) -> bytes:
        return self._response.read(size) or self._ended()

    def chunks(self, size: int) -> Iterator[bytes]:
        while chunk := self._response.read1(size) or self._ended():
            yield chunk

    def _ended(self) -> bytes:
        """The end of the body, where it is one: what is read in parts is otherwise not asked for its length."""
        missing = self._response.length or 0
        if missing > 0:
            raise http.client.IncompleteRead(b"", missing)
        return b""

    def shutdown(self) -> None:
        with self._lock:  # whoever has the connection next must not be cut
            if not self._closed:
                self._shut = True
                self._socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            kept = not self._shut and self.status >= http.HTTPStatus.OK  # after 1xx another answer may come
        whole = kept and self._read_to_its_end() and not self._response.will_close
        self._response.close()
        if whole:
            self._give_back(self._connection)
        else:
            self._connection.close()

    def _read_to_its_end(self) -> bool:
        """What was read in parts up to its length is not closed by itself."""
        return self._response.isclosed() or self._response.length == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _close_all(connections: list[_Connection]) -> None:
    while connections:
        connections.pop().close()
