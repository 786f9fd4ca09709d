"""What a task says while it runs: numbered pieces, sent from a cursor on, bounded on both sides.

The agent keeps pieces until the orchestrator has them, and no more than its bound: where the orchestrator is away
for long, the oldest are dropped, and the next one tells how many. The orchestrator takes pieces in order, each
once, and answers with the number that it wants next.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from reconciler.protocol.message.result import LogChunk, LogPosition

KEPT_BYTES: Final = 256 << 10
CHUNK_BYTES: Final = 32 << 10
WINDOW: Final = 8
"""How many pieces are under way at once."""

CUT: Final = "[…] "
"""Stands where a text was cut off."""


def tail(text: str, most: int) -> str:
    """The end of a text, of at most so many bytes of UTF-8, with a mark where something was cut off."""
    content = text.encode("utf-8", "replace")
    if len(content) <= most:
        return content.decode("utf-8")
    room = max(0, most - len(CUT.encode()))
    return CUT + content[len(content) - room :].decode("utf-8", "ignore")


class LogBuffer:
    """One task's pieces at the agent."""

    def __init__(self, task_id: str, attempt: int, *, kept_bytes: int = KEPT_BYTES) -> None:
        self.task_id = task_id
        self.attempt = attempt
        self._kept_bytes = kept_bytes
        self._pieces: deque[str] = deque()
        self._first = 0
        self._acknowledged = 0
        self._sent = 0
        self._ended = False

    @property
    def done(self) -> bool:
        """Whether all of it is with the orchestrator."""
        return self._ended and self._acknowledged > self._last

    @property
    def _last(self) -> int:
        """Number of the last piece; the end has one of its own, which may be empty."""
        return self._first + len(self._pieces) - 1

    def add(self, text: str, chunk_bytes: int = CHUNK_BYTES) -> None:
        """The task said something. After its end nothing is taken."""
        if self._ended:
            return
        for piece in _cut(text.encode("utf-8", "replace"), chunk_bytes):
            self._pieces.append(piece)
        self._bound()

    def end(self) -> None:
        """Nothing comes any more."""
        if not self._ended:
            self._pieces.append("")
            self._ended = True

    def again(self) -> None:
        """A new session, or no answer for a while: what is not acknowledged is sent once more."""
        self._sent = self._acknowledged

    def acknowledged(self, position: LogPosition) -> bool:
        """The orchestrator wants this piece next. Whether that is news: an earlier one than before is too, where
        it has forgotten what it had; what is gone here is told as dropped then.
        """
        if (
            position.attempt != self.attempt
            or position.next == self._acknowledged
            or position.next > self._last + 1
        ):
            return False
        self._sent = max(self._sent, position.next) if position.next > self._acknowledged else position.next
        self._acknowledged = position.next
        while self._pieces and self._first < position.next:
            self._pieces.popleft()
            self._first += 1
        return True

    @property
    def under_way(self) -> int:
        """How many pieces were sent and are not acknowledged."""
        return max(0, self._sent - max(self._acknowledged, self._first))

    def take(self, session: str, most: int = WINDOW) -> tuple[LogChunk, ...]:
        """Pieces to send now, at most so many."""
        begin = max(self._sent, self._first)
        end = min(self._last + 1, max(self._acknowledged, self._first) + WINDOW, begin + max(0, most))
        self._sent = max(self._sent, end)
        return tuple(self._chunk(session, number) for number in range(begin, end))

    def _chunk(self, session: str, number: int) -> LogChunk:
        lost = max(0, self._first - self._acknowledged) if number == self._first else 0
        return LogChunk(
            session=session,
            task_id=self.task_id,
            attempt=self.attempt,
            number=number,
            dropped_chunks=lost,
            text=self._pieces[number - self._first],
            last=self._ended and number == self._last,
        )

    def _bound(self) -> None:
        size = sum(len(piece.encode()) for piece in self._pieces)
        while size > self._kept_bytes and len(self._pieces) > 1:
            size -= len(self._pieces.popleft().encode())
            self._first += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCursor:
    """How far a task's log has come at the orchestrator. A later attempt begins anew; pieces of an earlier one are
    late.
    """

    task_id: str
    attempt: int = 1
    next: int = 0
    dropped: int = 0
    complete: bool = False

    @property
    def position(self) -> LogPosition:
        return LogPosition(task_id=self.task_id, attempt=self.attempt, next=self.next)

    def took(self, chunk: LogChunk) -> LogCursor | None:
        """The cursor after this piece; None where it is not the one that is wanted."""
        cursor = self if chunk.attempt <= self.attempt else LogCursor(task_id=self.task_id, attempt=chunk.attempt)
        if chunk.attempt < self.attempt or cursor.complete or chunk.number != cursor.next + chunk.dropped_chunks:
            return None
        return replace(
            cursor, next=chunk.number + 1, dropped=cursor.dropped + chunk.dropped_chunks, complete=chunk.last
        )


def _cut(content: bytes, most: int) -> list[str]:
    """A text in pieces of at most so many bytes, none of them with half a character."""
    pieces: list[str] = []
    while content:
        end = min(most, len(content))
        while end > 1 and end < len(content) and content[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(content[:end].decode("utf-8"))
        content = content[end:]
    return pieces
