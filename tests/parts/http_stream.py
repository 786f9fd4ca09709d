"""Finds the requests in the bytes that a client sends over one HTTP/1.1 connection, however the bytes are cut.

Decides only where each request begins; whoever forwards the bytes forwards them unchanged. Keep-alive, bodies with
``Content-Length`` and chunked bodies are followed. After a request that asks for an upgrade (attach, exec) the
rest of the connection is no longer HTTP and is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

_END_OF_HEAD = b"\r\n\r\n"
_END_OF_LINE = b"\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    """One request line, and the headers with lower-case names (repeated ones kept)."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def header(self, name: str) -> str:
        """The first value of a header, or an empty text."""
        return next((value for key, value in self.headers if key == name), "")


class _Expect(Enum):
    HEAD = auto()
    BODY = auto()
    CHUNK_SIZE = auto()
    TRAILER = auto()
    RAW = auto()


class RequestReader:
    """Feed it what the client sent; it returns the requests whose heads are now complete."""

    def __init__(self) -> None:
        self._buffer = b""
        self._expect = _Expect.HEAD
        self._chunked = False
        self._left = 0

    def feed(self, data: bytes) -> list[Request]:
        """Take the next bytes of the connection."""
        self._buffer += data
        found: list[Request] = []
        while self._step(found):
            pass
        return found

    def _step(self, found: list[Request]) -> bool:
        """Take one piece off the buffer; False when more bytes are needed."""
        match self._expect:
            case _Expect.HEAD:
                return self._head(found)
            case _Expect.BODY:
                return self._body()
            case _Expect.CHUNK_SIZE:
                return self._chunk_size()
            case _Expect.TRAILER:
                return self._trailer()
            case _Expect.RAW:
                self._buffer = b""
                return False

    def _head(self, found: list[Request]) -> bool:
        head, end, rest = self._buffer.partition(_END_OF_HEAD)
        if not end:
            return False
        self._buffer = rest
        request = _parse(head)
        found.append(request)
        self._chunked = "chunked" in request.header("transfer-encoding").lower()
        if request.header("upgrade"):
            self._expect = _Expect.RAW
        elif self._chunked:
            self._expect = _Expect.CHUNK_SIZE
        else:
            self._left = int(request.header("content-length") or 0)
            self._expect = _Expect.BODY
        return True

    def _body(self) -> bool:
        taken = min(self._left, len(self._buffer))
        self._buffer = self._buffer[taken:]
        self._left -= taken
        if self._left:
            return False
        self._expect = _Expect.CHUNK_SIZE if self._chunked else _Expect.HEAD
        return True

    def _chunk_size(self) -> bool:
        line, end, rest = self._buffer.partition(_END_OF_LINE)
        if not end:
            return False
        self._buffer = rest
        size = int(line.partition(b";")[0], 16)
        self._left = size + len(_END_OF_LINE)
        self._expect = _Expect.BODY if size else _Expect.TRAILER
        return True

    def _trailer(self) -> bool:
        line, end, rest = self._buffer.partition(_END_OF_LINE)
        if not end:
            return False
        self._buffer = rest
        if not line:
            self._expect = _Expect.HEAD
        return True


def _parse(head: bytes) -> Request:
    line, *fields = head.decode("latin-1").lstrip("\r\n").split("\r\n")
    method, path, _ = line.split(" ", 2)
    pairs = (one.partition(":") for one in fields)
    return Request(method, path, tuple((name.strip().lower(), value.strip()) for name, _, value in pairs))
