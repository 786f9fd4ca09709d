"""AgentSession: an agent's side of the protocol, over links that come and go.

Fed with messages, moments and what its work tells; returns Steps. It knows no transport: over HTTP every message
is a request whose answer is fed back, over a WebSocket both sides send when they have something. It outlives
links, and does without one: tasks that were taken begin, expire and end while nobody listens; what came of them is
told when there is a session again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.protocol.admission import Admission
from reconciler.protocol.clock import Clock
from reconciler.protocol.held import Held
from reconciler.protocol.logs import CHUNK_BYTES
from reconciler.protocol.message.common import UNDERSTOOD, Message
from reconciler.protocol.message.result import Acknowledgement
from reconciler.protocol.message.session import (
    Assignments,
    Close,
    DocumentReport,
    HeartbeatAnswer,
    Hello,
    Ping,
    Pong,
    Welcome,
)
from reconciler.protocol.reconnect import Reconnect
from reconciler.protocol.session.desk import DeskSettings, Kept, TaskDesk
from reconciler.protocol.session.events import (
    Closed,
    Event,
    Opened,
    Refused,
    Step,
)
from reconciler.protocol.session.holding import Holding
from reconciler.protocol.session.outbox import SOON_S, Logs, Outbox, State
from reconciler.protocol.session.work import WorkReport
from reconciler.protocol.wire.codec import API_VERSION
from reconciler.protocol.wire.times import Moment

HELLO_S: Final = 30.0
"""How long a session may take to begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """What an agent is told of itself. ``instance`` is a UUID that its state directory keeps."""

    desk: DeskSettings
    instance: str
    agent_version: str
    labels: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)


class AgentSession:
    """See the module. ``reconnect`` says when to come back after a link was lost."""

    def __init__(self, settings: AgentSettings, *, held: Held | None = None, kept: Kept | None = None) -> None:
        self._settings = settings
        self._desk = TaskDesk(settings.desk, kept or Kept())
        self._holding = Holding(settings.desk, held or Held(), self._desk)
        self._clock = settings.clock
        self._link: Outbox | None = None
        self._hello: Moment | None = None
        self._logs = Logs()
        self.reconnect = Reconnect()

    @property
    def held(self) -> Held:
        return self._holding.held

    @property
    def desk(self) -> TaskDesk:
        return self._desk

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def session(self) -> str:
        """The session that is open; "" when none is."""
        return self._link.session if self._link else ""

    # ---- the link

    def opened(self, now: Moment) -> Step:
        """There is a link: begin a session."""
        desk = self._settings.desk
        self._link, self._hello = None, now
        types = tuple(sorted(desk.policy.task_types))
        hello = Hello(
            agent=desk.identity.agent,
            instance=self._settings.instance,
            versions=(API_VERSION,),
            understands=tuple(sorted(UNDERSTOOD)),
            agent_version=self._settings.agent_version,
            targets=desk.identity.targets,
            labels=self._settings.labels,
            task_types=types,
            set=self.held.position,
            sent_at=now.at,
        )
        return Step(messages=(hello,))

    def closed(self) -> Step:
        """The link is gone."""
        had, self._link, self._hello = self._link, None, None
        self.reconnect = self.reconnect.lost() if had else self.reconnect.failed()
        return Step()

    def restarted(self, now: Moment) -> Step:
        """Once, after the agent was started: work that was cut off goes on."""
        return self._step(self._desk.resume(now), now)

    def receive(self, message: Message, now: Moment) -> Step:
        """A message has come over the link. One of another session is not for this one."""
        if isinstance(message, Close):
            return self._closed(message)
        if isinstance(message, Welcome):
            return self._welcome(message, self._hello, now) if self._hello is not None else Step()
        if self._link is None or getattr(message, "session", "") != self._link.session:
            return Step()
        self._link.heard = now.ticks
        return self._heard(self._link, message, now)

    def took(self, message: Message, now: Moment) -> None:
        """The link has taken this message. What it has not taken is not sent again meanwhile."""
        if self._link is not None:
            self._link.took(message, now)

    def tick(self, now: Moment) -> Step:
        """Time has passed."""
        waits = self._link.given_up_at if self._link else self._hello.ticks + HELLO_S if self._hello else None
        silent: list[Event] = []
        if waits is not None and now.ticks >= waits:
            self.closed()
            silent.append(Closed("silent", "the orchestrator has not answered"))
        return self._step(silent, now)

    # ---- the work

    def pass_no_return(self, task_id: str, now: Moment) -> tuple[Admission | None, Step]:
        """The work is at its point of no return. None: go on, once the step is carried out; else why to end."""
        stop, events = self._desk.pass_no_return(task_id, self._clock, now)
        return stop, self._step(events, now)

    def said(self, task_id: str, text: str, now: Moment) -> Step:
        """The work says something."""
        size = self._link.chunk_bytes if self._link else CHUNK_BYTES
        self._logs.add(task_id, self._desk.attempt(task_id), text, size)
        return self._step([], now)

    def finished(self, task_id: str, report: WorkReport, now: Moment) -> Step:
        """The work has ended."""
        self._logs.end(task_id)
        return self._step(self._desk.finish(task_id, report, now), now)

    def observed(self, reports: Iterable[DocumentReport], now: Moment) -> None:
        """What became of documents. The next heartbeat tells it; soon, if it is news: rollouts wait for that."""
        if self._holding.observed(reports) and self._link:
            self._link.hurry(now)

    # ---- within

    def _welcome(self, message: Welcome, hello: Moment, now: Moment) -> Step:
        if message.version != API_VERSION:
            told = f"the orchestrator speaks {message.version}; {API_VERSION} is spoken here"
            return Step(events=(Closed("no-common-version", told),))
        self._clock = self._clock.heard(hello, now, message.server_time)
        self._hello = None
        self._link = Outbox.of(message, now)
        self.reconnect = self.reconnect.welcomed(message.reconnect_spread_seconds)
        self._logs.all_again()
        return self._step([Opened(message.session)], now)

    def _heard(self, link: Outbox, message: Message, now: Moment) -> Step:
        match message:
            case HeartbeatAnswer():
                return self._answer(link, message, now)
            case Assignments():
                return self._step(self._apply(link, message, now), now)
            case Acknowledgement():
                return self._acknowledged(message, now)
            case Ping():
                return Step(messages=(Pong(session=message.session, number=message.number),))
            case _:
                return Step()

    def _closed(self, message: Close) -> Step:
        wait = message.retry_after_seconds or 0
        self.reconnect = self.reconnect.lost(wait) if self._link else self.reconnect.failed(wait)
        self._link, self._hello = None, None
        return Step(events=(Closed(message.reason, message.message, wait),))

    def _answer(self, link: Outbox, message: HeartbeatAnswer, now: Moment) -> Step:
        sent = link.answered(message.number, message.interval_seconds)
        if sent is not None:
            self._clock = self._clock.heard(sent, now, message.server_time)
        events = self._desk.acknowledged(message.acknowledged)
        for part in message.assignments:
            events += self._apply(link, part, now)
        self._holding.compare(message)
        return self._step(events, now)

    def _apply(self, link: Outbox, message: Assignments, now: Moment) -> list[Event]:
        if message.session != link.session or message.set_id != link.set_id:
            return [Refused("message", message.KIND, "assignments of another session or numbering")]
        events = self._holding.take(message, self._clock, now)
        if self._holding.held.parts:
            link.hurry(now)
        return events

    def _acknowledged(self, message: Acknowledgement, now: Moment) -> Step:
        for position in message.logs:
            if self._logs.acknowledged(position) and self._link:
                self._link.pieces_away.heard(position.task_id, now)
        return self._step(self._desk.acknowledged(message.results), now)

    def _step(self, events: list[Event], now: Moment) -> Step:
        """What follows for the work, and then what is to be sent."""
        events += self._desk.start(self._clock, now)
        link = self._link
        if link is None:
            return Step(events=tuple(events), wake=now.ticks + SOON_S)
        if events:
            link.hurry(now)
        if self._desk.untold and not self._desk.results:
            self._desk.untold, self._holding.resync = False, True
        if self._holding.resync:
            link.hurry(now, 0.0)
        messages = (
            *link.beat(self._state, now),
            *link.results(self._desk.results, now),
            *link.pieces(self._logs, now),
        )
        return Step(events=tuple(events), messages=messages, wake=link.wake())

    def _state(self) -> State:
        desk = self._settings.desk
        return State(
            agent=desk.identity.agent,
            clock=self._clock,
            held=self._holding.held,
            resync=self._holding.resync,
            documents=tuple(self._holding.reports())[: desk.limits.documents],
            tasks=self._desk.reports[: desk.limits.tasks],
            free_places=self._desk.free_places,
        )
