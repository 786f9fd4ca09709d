"""Outbox: what an agent has to say over one link, and when: heartbeats, results, pieces of logs.

Results and pieces are sent again until they are acknowledged, a few at once. News bring the next heartbeat
forward; between two heartbeats there is always a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.protocol.clock import Clock
from reconciler.protocol.held import Held
from reconciler.protocol.logs import CHUNK_BYTES, LogBuffer
from reconciler.protocol.message.result import LogChunk, LogPosition, TaskResult
from reconciler.protocol.message.session import DocumentReport, Heartbeat, TaskReport, Welcome
from reconciler.protocol.wire.times import Moment

GRACE: Final = 3
"""After so many intervals of silence the link is given up."""

SOON_S: Final = 1.0
"""News are told this soon, though no heartbeat is due: at most one heartbeat in this time."""

AGAIN_S: Final = 15.0
"""What is not acknowledged is sent again after this."""

AT_ONCE: Final = 32
"""How many results are under way at once."""

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
    """One session's; times are ticks. ``sent``: heartbeats that are not answered. ``under_way``: results by
    digest.
    """

    session: str
    set_id: str
    interval: int
    chunk_bytes: int
    heard: float
    beat_at: float
    beaten: float = float("-inf")
    number: int = 0
    sent: dict[int, Moment] = field(default_factory=dict)
    under_way: dict[str, float] = field(default_factory=dict)
    pieces_at: float = float("-inf")

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
        return max(self.beat_at, self.beaten + SOON_S)

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
        """Of the results to be told, by digest: those that are new, and those not acknowledged in time."""
        self.under_way = {digest: at for digest, at in self.under_way.items() if digest in told}
        busy = sum(now.ticks - at < AGAIN_S for at in self.under_way.values())
        due = [item for item in told if now.ticks - self.under_way.get(item, float("-inf")) >= AGAIN_S]
        for digest in due[: max(0, AT_ONCE - busy)]:
            self.under_way[digest] = now.ticks
            yield told[digest]

    def pieces(self, logs: Logs, now: Moment) -> Iterator[LogChunk]:
        """Pieces of logs: what is new, and all that is not acknowledged from time to time."""
        if now.ticks - self.pieces_at >= AGAIN_S:
            self.pieces_at = now.ticks
            logs.again()
        yield from logs.take(self.session)

    def wake(self, *, logs: bool) -> float:
        """When there will be something to send, or the silence will be too long."""
        again = [at + AGAIN_S for at in self.under_way.values()]
        again += [self.pieces_at + AGAIN_S] if logs else []
        return min(self.next_beat, self.given_up_at, *again)


class Logs:
    """The logs of an agent's tasks, as far as the orchestrator does not have them."""

    def __init__(self) -> None:
        self._buffers: dict[str, LogBuffer] = {}

    def __bool__(self) -> bool:
        return bool(self._buffers)

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

    def again(self) -> None:
        for buffer in self._buffers.values():
            buffer.again()

    def take(self, session: str) -> Iterator[LogChunk]:
        for buffer in self._buffers.values():
            yield from buffer.take(session)

    def acknowledged(self, position: LogPosition) -> None:
        """The orchestrator wants this piece next."""
        buffer = self._buffers.get(position.task_id)
        if buffer is not None and buffer.acknowledged(position) and buffer.done:
            del self._buffers[position.task_id]
