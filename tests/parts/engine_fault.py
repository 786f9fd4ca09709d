"""What goes wrong with an engine's answers: an error, a broken connection, silence, or an answer that gets lost.

Says which requests are concerned and how; the proxy on the engine's socket does it (``socket_proxy``).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from tests.parts.http_stream import Request

How = Literal["error", "reset", "hang", "lost"]
"""``error``: an answer with a status, the engine never hears the request. ``reset``: the connection breaks, the
engine never hears it. ``hang``: silence. ``lost``: the engine does it, and nobody hears that it did.
"""

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_READ_LIKE = re.compile(r"^(/v[\d.]+)?(/containers/[^/]+/(wait|resize)|/exec/[^/]+/resize|/auth|/session)(\?|$)")
"""POST requests which change nothing on the host (Docker Engine API 1.41)."""


def everything(_: Request) -> bool:
    """Every request."""
    return True


def changing(request: Request) -> bool:
    """What may change the host: POST, PUT, PATCH, DELETE but for the few that only read."""
    return request.method in _CHANGING and _READ_LIKE.match(request.path) is None


def asks(method: str, path: str) -> Callable[[Request], bool]:
    """Requests of a method whose path, after the version, matches a regular expression from its beginning."""
    wanted = re.compile(rf"(/v[\d.]+)?{path}")
    return lambda request: request.method == method and wanted.match(request.path) is not None


@dataclass(frozen=True)
class EngineFault:
    """The ``nth`` request (from 1) that is concerned goes wrong, and those after it until ``times`` did (0: all).

    ``status`` and ``message`` are of an ``error``; ``content`` is its whole body, in place of a message.
    """

    concerns: Callable[[Request], bool]
    how: How
    nth: int = 1
    times: int = 1
    status: int = 500
    message: str = "the proxy broke this"
    content: bytes = b""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    def hits(self, request: Request) -> bool:
        """Asked once for every request, in order."""
        if not self.concerns(request):
            return False
        number = next(self._numbers)
        return self.nth <= number and (self.times == 0 or number < self.nth + self.times)

    def answer(self) -> bytes:
        """The whole answer of an ``error``, in the engine's own form."""
        body = self.content or json.dumps({"message": self.message}).encode()
        head = (
            f"HTTP/1.1 {self.status} Broken\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body
