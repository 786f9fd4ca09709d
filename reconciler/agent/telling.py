"""Telling: what a command says, as lines that may be told: whole, stripped of control, masked, and bounded.

A line is masked before it is told; and where one is cut, so much more is left out that no part of a secret can be
at its end.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from reconciler.core.display import secret_values
from reconciler.core.evidence import spoken
from reconciler.protocol.logs import CUT

LINE_BYTES: Final = 16 << 10
ALL_BYTES: Final = 256 << 10


class Telling:
    """``environment`` is that of the container, ``secrets`` are spellings of opened ones. One thread takes, and
    another one may drain.
    """

    def __init__(self, environment: Mapping[str, str], secrets: Sequence[str], *, most: int = ALL_BYTES) -> None:
        self._environment = environment
        self._secrets = secrets
        self._margin = max(map(len, (*secrets, *secret_values(environment))), default=0)
        self._most = most
        self._line = b""
        self._cut_line = False
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._told = 0
        self.heard = 0
        """Bytes that were said."""
        self.cut = False
        """Whether something of it is not told."""

    def take(self, piece: bytes) -> None:
        """More was said."""
        self.heard += len(piece)
        if self._told >= self._most:
            self.cut = True
            return
        *whole, rest = piece.split(b"\n")
        for part in whole:
            self._add(part)
            self._end_line()
        self._add(rest)

    def end(self, *, whole: bool = True) -> None:
        """Nothing more is said. Not ``whole``: nobody knows whether more of the last line would have come."""
        if self._line and self._told < self._most:
            self._cut_line = self._cut_line or not whole
            self._end_line()
        if self.cut:
            with self._lock:
                self._lines.append(f"{CUT}it said {self.heard} bytes, and not all of them are told")

    def drain(self) -> str:
        """The lines that are new, without the last one's end."""
        with self._lock:
            lines, self._lines = self._lines, []
        return "\n".join(lines)

    def _add(self, part: bytes) -> None:
        room = LINE_BYTES - len(self._line)
        self._line += part[:room]
        self._cut_line = self._cut_line or len(part) > room

    def _end_line(self) -> None:
        text = self._line.decode("utf-8", "replace")
        told = spoken([text], environment=self._environment, opened=self._secrets, limit=len(text.encode()) * 4)
        if self._cut_line:
            told = _without_end(told[: max(0, len(told) - self._margin)]) + f" {CUT}"
            self.cut = True
        self._line, self._cut_line = b"", False
        self._told += len(told.encode()) + 1
        if self._told > self._most:
            self.cut = True
            return
        with self._lock:
            self._lines.append(told)


def _without_end(text: str) -> str:
    """Without a URL at its end, whose credentials are only known by what stands behind them."""
    head, space, last = text.rpartition(" ")
    return head + space + last.partition("://")[0]
