"""Outbox: what an agent has to say over one link, and when: heartbeats, results, pieces of logs.

Results and pieces are sent once, a few at once, and again only where no acknowledgement comes for long (``Away``).
News bring the next heartbeat forward, but not past the answer to the one before: between two heartbeats there is
always a second, and to a slow orchestrator no more are sent than it answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.protocol.clock import Clock
from reconciler.protocol.held import Held
from reconciler.protocol.logs import CHUNK_BYTES, LogBuffer
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.result import LogChunk, LogPosition, TaskResult
from reconciler.protocol.message.session import DocumentReport, Heartbeat, TaskReport, Welcome
from reconciler.protocol.session.away import Away
from reconciler.protocol.wire.times import Moment

GRACE: Final = 3
"""After so many intervals of silence the link is given up."""

SOON_S: Final = 1.0
"""News are told this soon, though no heartbeat is due: at most one heartbeat in this time."""

AT_ONCE: Final = 32
"""How many results are under way at once, and how many pieces of logs."""

BUFFERS: Final = 200
"""Of how many tasks logs are kept; of more, the oldest are given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a heartbeat tells of the agent."""

    agent: str
    clock: Clock
    held: Held
    resync: bool
    documents: tuple[DocumentReport, ...]
    tasks: tuple[TaskReport, ...]
    free_places: int


@dataclass(slots=True)
class Outbox:
    """One session's; times are ticks. ``sent``: heartbeats that are not answered; ``taken``: number of the last
    that the link took. ``results_away`` by digest, ``pieces_away`` by task.
    """

    session: str
    set_id: str
    interval: int
    chunk_bytes: int
    heard: float
    beat_at: float
    beaten: float = float("-inf")
    number: int = 0
    taken: int = 0
    sent: dict[int, Moment] = field(default_factory=dict)
    results_away: Away = field(default_factory=Away)
    pieces_away: Away = field(default_factory=Away)

    @classmethod
    def of(cls, welcome: Welcome, now: Moment) -> Outbox:
        """Of a session that begins: its first heartbeat is due at once."""
        return cls(
            session=welcome.session,
            set_id=welcome.set_id,
            interval=welcome.interval_seconds,
            chunk_bytes=welcome.max_log_chunk_bytes,
            heard=now.ticks,
            beat_at=now.ticks,
        )

    @property
    def given_up_at(self) -> float:
        """When silence has lasted too long."""
        return self.heard + GRACE * self.interval

    @property
    def next_beat(self) -> float:
        """When the next heartbeat is due; never while the link has not taken the last one."""
        if self.taken < self.number:
            return math.inf
        return max(self.beat_at, self.beaten + (self.interval if self.sent else SOON_S))

    def hurry(self, now: Moment, seconds: float = SOON_S) -> None:
        """There is something to tell."""
        self.beat_at = min(self.beat_at, now.ticks + seconds)

    def answered(self, number: int, interval: int) -> Moment | None:
        """When the heartbeat was sent that is answered now; None where a later one was answered already."""
        sent = self.sent.pop(number, None)
        if sent is not None:
            self.interval = interval
            self.sent = {later: at for later, at in self.sent.items() if later > number}
        return sent

    def beat(self, look: Callable[[], State], now: Moment) -> Iterator[Heartbeat]:
        """A heartbeat, if one is due; only then ``look`` is called, which costs something for each task."""
        if now.ticks < self.next_beat:
            return
        state = look()
        self.number += 1
        self.sent[self.number] = now
        self.beaten, self.beat_at = now.ticks, now.ticks + self.interval
        known = state.clock.best(now)
        yield Heartbeat(
            session=self.session,
            agent=state.agent,
            number=self.number,
            sent_at=now.at,
            clock_offset_ms=None if known is None else round(state.clock.offset(now) * 1000),
            clock_error_ms=None if known is None else round(known.error_at(now) * 1000),
            set=state.held.position,
            pending=state.held.pending,
            resync=state.resync,
            documents=state.documents,
            tasks=state.tasks,
            free_places=state.free_places,
        )

    def results(self, told: Mapping[str, TaskResult], now: Moment) -> Iterator[TaskResult]:
        """Of the results to be told, by digest: those that are new, then those not acknowledged for long."""
        away = self.results_away
        away.only(told)
        late = away.late(now)
        room = max(0, AT_ONCE - (len(away) - len(late)))
        new = [digest for digest in told if digest not in away][:room]
        for digest in late[: room - len(new)]:
            away.again(digest)
            new.append(digest)
        for digest in new:
            away.queued(digest)
            yield told[digest]

    def pieces(self, logs: Logs, now: Moment) -> Iterator[LogChunk]:
        """Pieces of logs: what is new, and of a log of which nothing was acknowledged for long all of it."""
        away = self.pieces_away
        away.only(logs.under_way)
        for task_id in away.late(now):
            away.again(task_id)
            logs.again(task_id)
        for chunk in logs.take(self.session, AT_ONCE):
            away.queued(chunk.task_id)
            yield chunk

    def took(self, message: Message, now: Moment) -> None:
        """The link has taken this message: it is on its way, and no longer in a queue."""
        match message:
            case Heartbeat():
                self.taken = max(self.taken, message.number)
            case TaskResult():
                self.results_away.taken(message.key.result_digest, now)
            case LogChunk():
                self.pieces_away.taken(message.task_id, now)
            case _:
                pass

    def wake(self) -> float:
        """When there will be something to send, or the silence will be too long."""
        return min(self.next_beat, self.given_up_at, self.results_away.next, self.pieces_away.next)


class Logs:
    """The logs of an agent's tasks, as far as the orchestrator does not have them."""

    def __init__(self) -> None:
        self._buffers: dict[str, LogBuffer] = {}

    @property
    def under_way(self) -> frozenset[str]:
        """Tasks of whose logs pieces were sent that are not acknowledged."""
        return frozenset(name for name, buffer in self._buffers.items() if buffer.under_way)

    def add(self, task_id: str, attempt: int, text: str, chunk_bytes: int = CHUNK_BYTES) -> None:
        """A task said something."""
        if task_id not in self._buffers:
            self._buffers[task_id] = LogBuffer(task_id, attempt)
        self._buffers[task_id].add(text, chunk_bytes)
        while len(self._buffers) > BUFFERS:
            del self._buffers[next(iter(self._buffers))]

    def end(self, task_id: str) -> None:
        """A task says nothing more."""
        if task_id in self._buffers:
            self._buffers[task_id].end()

    def again(self, task_id: str) -> None:
        """What was sent of this log is sent once more."""
        self._buffers[task_id].again()

    def all_again(self) -> None:
        """A new session: what is not acknowledged is sent over it."""
        for buffer in self._buffers.values():
            buffer.again()

    def take(self, session: str, most: int) -> Iterator[LogChunk]:
        """Pieces to send now, so that no more than ``most`` are under way."""
        room = most - sum(buffer.under_way for buffer in self._buffers.values())
        for buffer in self._buffers.values():
            chunks = buffer.take(session, room)
            room -= len(chunks)
            yield from chunks

    def acknowledged(self, position: LogPosition) -> bool:
        """The orchestrator wants this piece next; whether that is news."""
        buffer = self._buffers.get(position.task_id)
        if buffer is None or not buffer.acknowledged(position):
            return False
        if buffer.done:
            del self._buffers[position.task_id]
        return True
