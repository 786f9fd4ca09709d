"""OrchestratorSession: the orchestrator's side of one agent's session.

Fed with what the agent sends and with moments; returns Steps. Its store stands behind it: what events tell is kept
before the messages of the same Step go out, so that an acknowledgement is a promise that was kept. It holds no
task's state: what the agent reports goes through ``states`` where the store applies it.

Over HTTP each message of the agent is a request, and the one message of the Step its answer. Over a WebSocket
(``push``) changes are sent as they come, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.protocol.assignment_log import AssignmentLog, Budget
from reconciler.protocol.logs import LogCursor
from reconciler.protocol.message.common import UNDERSTOOD, Message, ResultKey
from reconciler.protocol.message.result import Acknowledgement, LogChunk, TaskResult
from reconciler.protocol.message.session import (
    Close,
    CloseReason,
    Heartbeat,
    HeartbeatAnswer,
    Hello,
    Ping,
    Pong,
    Welcome,
)
from reconciler.protocol.session.delivery import Delivery
from reconciler.protocol.session.events import (
    AgentAhead,
    Alive,
    Began,
    Closed,
    DocumentsReported,
    Event,
    Finished,
    Logged,
    Refused,
    Reported,
    Step,
)
from reconciler.protocol.wire.codec import API_VERSION
from reconciler.protocol.wire.limits import DEFAULT, Limits
from reconciler.protocol.wire.times import Moment

GRACE: Final = 3
"""After so many intervals of silence an agent's session is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorSettings:
    """How sessions are wanted. ``spread_seconds`` comes from ``reconnect.spread_for``."""

    interval_seconds: int = 30
    spread_seconds: int = 5
    log_chunk_bytes: int = 32 << 10
    limits: Limits = DEFAULT
    budget: Budget = field(default_factory=Budget)
    push: bool = False


class OrchestratorSession:
    """``agent`` is who the link's certificate says; ``session`` a new UUID; ``cursors`` how far logs have come."""

    def __init__(
        self,
        agent: str,
        session: str,
        *,
        log: AssignmentLog,
        settings: OrchestratorSettings,
        cursors: Mapping[str, LogCursor] | None = None,
    ) -> None:
        self._agent = agent
        self._session = session
        self._log = log
        self._settings = settings
        self._cursors = dict(cursors or {})
        self._stored: dict[str, ResultKey] = {}
        most = settings.limits.message_bytes // 2
        self._delivery = Delivery(log, session, budget=settings.budget, most=most)
        self._begun = False
        self._heard: float | None = None
        self._said = 0.0
        self._pings = 0

    def receive(self, message: Message, now: Moment) -> Step:
        """A message has come from the agent."""
        self._heard = now.ticks
        if isinstance(message, Hello):
            return self._hello(message, now)
        if isinstance(message, Close):
            return Step(events=(Closed(message.reason, message.message),))
        if not self._begun or getattr(message, "session", self._session) != self._session:
            return self._close("session-unknown", "this session is not known; begin one")
        return self._said_in_session(message, now)

    def _said_in_session(self, message: Message, now: Moment) -> Step:
        match message:
            case TaskResult():
                return self._result(message, now)
            case Heartbeat():
                return self._heartbeat(message, now)
            case LogChunk():
                return self._piece(message, now)
            case Ping():
                return self._say(Pong(session=self._session, number=message.number), now=now)
            case _:
                return Step(wake=self._wake())

    def tick(self, now: Moment) -> Step:
        """Time has passed, or something was assigned. Only for links over which one may send unasked."""
        if not self._begun or self._heard is None:
            return Step()
        interval = self._settings.interval_seconds
        if now.ticks - self._heard >= GRACE * interval:
            return self._close("silent", f"nothing was heard for {GRACE * interval} s")
        news = self._delivery.news() if self._settings.push else ()
        if news:
            return self._say(*news, now=now)
        if now.ticks - max(self._heard, self._said) >= interval:
            self._pings += 1
            return self._say(Ping(session=self._session, number=self._pings), now=now)
        return Step(wake=self._wake())

    def _hello(self, message: Hello, now: Moment) -> Step:
        if message.agent != self._agent:
            return self._close("forbidden", "the certificate is that of another agent")
        if API_VERSION not in message.versions:
            return self._close("no-common-version", f"{API_VERSION} is spoken here")
        self._begun = True
        settings = self._settings
        welcome = Welcome(
            session=self._session,
            version=API_VERSION,
            understands=tuple(sorted(UNDERSTOOD)),
            server_time=now.at,
            set_id=self._log.position.id,
            interval_seconds=settings.interval_seconds,
            reconnect_spread_seconds=settings.spread_seconds,
            max_message_bytes=settings.limits.message_bytes,
            max_log_chunk_bytes=settings.log_chunk_bytes,
        )
        return self._say(welcome, events=(Began(message),), now=now)

    def _heartbeat(self, message: Heartbeat, now: Moment) -> Step:
        if message.agent != self._agent:
            return self._close("forbidden", "the certificate is that of another agent")
        events: list[Event] = [Alive(self._agent, message.set, message.free_places, message.clock_offset_ms)]
        events += [Reported(report) for report in message.tasks]
        events.append(DocumentsReported(message.documents))
        for item in message.documents:
            ours, theirs = self._log.generation(item.id), item.generation or 0
            if 0 < ours < theirs:
                events.append(AgentAhead(item.id, theirs, ours))
        listed = {report.result_digest for report in message.tasks}
        answer = HeartbeatAnswer(
            session=self._session,
            number=message.number,
            server_time=now.at,
            interval_seconds=self._settings.interval_seconds,
            set=self._log.position,
            set_digest=self._log.digest,
            assignments=self._delivery.answer(message),
            acknowledged=tuple(key for digest, key in self._stored.items() if digest in listed),
        )
        self._stored = {digest: key for digest, key in self._stored.items() if digest in listed}
        return self._say(answer, events=tuple(events), now=now)

    def _result(self, message: TaskResult, now: Moment) -> Step:
        if message.agent != self._agent:
            refused = Refused("message", message.task_id, "a result of another agent")
            return self._close("forbidden", "a result of another agent", refused)
        key = message.key
        self._stored[key.result_digest] = key
        self._log.done(message.task_id)
        told = Acknowledgement(session=self._session, results=(key,), logs=())
        return self._say(told, events=(Finished(message),), now=now)

    def _piece(self, message: LogChunk, now: Moment) -> Step:
        cursor = self._cursors.get(message.task_id) or LogCursor(task_id=message.task_id, attempt=message.attempt)
        after = cursor.took(message)
        events: tuple[Event, ...] = ()
        if after is not None:
            self._cursors[message.task_id] = cursor = after
            events = (
                Logged(
                    message.task_id,
                    message.attempt,
                    message.text,
                    next=after.next,
                    dropped_chunks=message.dropped_chunks,
                    last=message.last,
                ),
            )
        told = Acknowledgement(session=self._session, results=(), logs=(cursor.position,))
        return self._say(told, events=events, now=now)

    def _say(self, *messages: Message, now: Moment, events: tuple[Event, ...] = ()) -> Step:
        self._said = now.ticks
        return Step(events=events, messages=messages, wake=self._wake())

    def _close(self, reason: CloseReason, message: str, *events: Event) -> Step:
        self._begun = False
        return Step(events=(*events, Closed(reason, message)), messages=(Close(reason=reason, message=message),))

    def _wake(self) -> float | None:
        if self._heard is None:
            return None
        interval = self._settings.interval_seconds
        return min(max(self._heard, self._said) + interval, self._heard + GRACE * interval)
