"""Reading the engine's endless answers: JSON lines, each bounded, and closable from another thread.

Leaves to others what the lines mean. Closing ends the reading side of the socket: that wakes a thread which is
blocked on it, and the engine gives up the work when the reader then closes the connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from reconciler.engine.transport import BROKEN, Response

LINE_LIMIT = 1024 * 1024
CHUNK = 64 * 1024


class LineStream:
    """The JSON objects of one response, in order, for one reading thread.

    Lines that are no JSON object, or longer than ``LINE_LIMIT`` bytes, are left out and counted in ``skipped``.
    """

    def __init__(self, response: Response) -> None:
        self._response = response
        self.closed = False
        self.skipped = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Raises one of ``BROKEN`` when the connection breaks; ends quietly after ``close``."""
        try:
            for line in self._lines():
                message = _object(line)
                if self.closed:
                    return
                if message is None:
                    self.skipped += 1
                else:
                    yield message
        except BROKEN:
            if not self.closed:
                raise
        finally:
            self._response.close()

    def close(self) -> None:
        """End it: from any thread, any number of times."""
        self.closed = True
        with suppress(ValueError, RuntimeError, OSError):  # it is over already, which is what was wanted
            self._response.shutdown()

    def _lines(self) -> Iterator[bytes]:
        rest, dropping = b"", False
        for chunk in self._response.chunks(CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line.strip() and not dropping:
                    yield line
                dropping = False
            if len(rest) > LINE_LIMIT:
                self.skipped += not dropping
                rest, dropping = b"", True
        if rest.strip() and not dropping:
            yield rest


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
