"""Line: one agent's assignments and session, whatever it is connected by.

The store says what is assigned; the line tells the agent, and keeps what it answers before it is answered. A line
is made anew with the program: its numbering is a new one then, so the agent is told everything once.

What is to be kept is on its way to the disk when the next message is heard already: the answers wait (``ready``).
So an agent with much to tell waits for the disk once, and not once for each message.

Invariants: a line hears one message at a time (``lock``). A session of which something could not be kept is over:
what came after that is not kept either, a log would have a hole in it, and whatever it would have answered is not
said. Its agent tells everything again in the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal
from uuid import uuid4

from reconciler.orchestrator.bringing_up import BringingUp
from reconciler.orchestrator.group_commit import GroupCommit, Series
from reconciler.orchestrator.keeping import Changed, Keeping
from reconciler.orchestrator.known import Found, Known, look_up
from reconciler.orchestrator.last_heard import LastHeard
from reconciler.orchestrator.store import tasks
from reconciler.orchestrator.store.database import Database
from reconciler.orchestrator.threads import to_the_end
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.session import Close, CloseReason, Heartbeat, Hello
from reconciler.protocol.session.events import Alive, Event, Finished, Step
from reconciler.protocol.session.orchestrator import OrchestratorSession, OrchestratorSettings
from reconciler.protocol.wire.times import Moment
from reconciler.sealing.release_keys import ReleaseKey
from reconciler.tls.admission import Peer

LOOK_AGAIN_S: Final = 300.0
"""How often the store is asked for an agent of which there are no news: what was missed is found by then."""

Carrier = Literal["WebSocket", "polling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """What all lines have in common. ``spread``: over how many seconds agents come back, by the fleet's size;
    ``ended`` hears of tasks that are over, ``relabelled`` that an agent has other labels,
    ``reported`` that its documents stand otherwise.
    """

    interval_s: int
    spread: Callable[[], int]
    key: ReleaseKey
    commits: GroupCommit
    heard: LastHeard
    ended: Callable[[tasks.Kept, datetime], None]
    relabelled: Callable[[], None]
    reported: Callable[[], None]

    @property
    def lease(self) -> timedelta:
        """How long an agent's silence is put up with before a task is handed to it again."""
        return timedelta(seconds=3 * self.interval_s)


@dataclass(frozen=True, slots=True)
class _Session:
    """One session, what it came over, what the store says of its agent, and what is written for it."""

    protocol: OrchestratorSession
    transport: object
    known: Known
    carrier: Carrier
    series: Series = field(default_factory=Series)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be said when ``kept`` is done (``Line.ready``); None where nothing is on its way to the disk."""

    step: Step
    session: _Session | None = None
    kept: asyncio.Future[Changed] | None = None


class Line:
    """``news`` is set when something may be there to tell."""

    def __init__(self, agent: str, database: Database, settings: LineSettings) -> None:
        self.agent = agent
        self.lock = asyncio.Lock()
        self.news = asyncio.Event()
        self._database = database
        self._settings = settings
        self._bringing_up: BringingUp | None = None
        self._stale = True
        self._looked = float("-inf")
        self._session: _Session | None = None
        self._keeping: asyncio.Future[Changed] | None = None

    @property
    def carrier(self) -> Carrier | None:
        """What its last session came over; None before one was begun here. May be asked in any thread."""
        session = self._session
        return session.carrier if session else None

    def carried_by(self, transport: object) -> bool:
        """Whether the session that is open came over this transport."""
        return self._session is not None and self._session.transport is transport

    def wake(self) -> None:
        """Something was written that is for this agent."""
        self._stale = True
        self.news.set()

    async def hear(self, message: Message, now: Moment, *, transport: object, push: bool, peer: Peer) -> Answer:
        """A message of the agent. Raises what the store raises."""
        async with self.lock:
            if isinstance(message, Hello):
                await self._begin(now.at, transport, push=push)
            session = self._session
            if session is None or not self.carried_by(transport):
                return _close("session-unknown", "this session is not known; begin one")
            if isinstance(message, Heartbeat):
                await self._bring_up(now)
            return self._answer(session, session.protocol.receive(message, now), now, peer)

    async def tick(self, now: Moment, *, transport: object) -> Answer:
        """Time has passed, or there are news; over a transport that may send unasked."""
        async with self.lock:
            session = self._session
            if session is None or not self.carried_by(transport):
                return _close("superseded", "another session was begun")
            if self._stale:
                await self._bring_up(now)
            return self._answer(session, session.protocol.tick(now), now)

    async def ready(self, answer: Answer) -> Step:
        """What is to be said, when all is kept that it follows from. Raises what the store raises, and
        AccessRefused where the agent spoke of what is not its own.
        """
        if answer.kept is not None:
            await asyncio.wait([answer.kept])
            if not answer.kept.cancelled():  # else what was to be kept before it was not
                answer.kept.result()
        if answer.session is None or answer.session is self._session:
            return answer.step
        return _close("session-unknown", "this session is over; begin another one").step

    async def _begin(self, now: datetime, transport: object, *, push: bool) -> None:
        if self._keeping is not None:
            await asyncio.wait([self._keeping])
        found = await to_the_end(self._look_up)
        if self._bringing_up is None:
            self._bringing_up = BringingUp(
                self.agent, self._settings.key, self._settings.lease, generations=found.generations
            )
        settings = OrchestratorSettings(
            interval_seconds=self._settings.interval_s, spread_seconds=self._settings.spread(), push=push
        )
        protocol = OrchestratorSession(
            self.agent, str(uuid4()), log=self._bringing_up.log, settings=settings, cursors=found.cursors
        )
        self._session = _Session(protocol, transport, Known(found.agent, now), "WebSocket" if push else "polling")
        self.wake()

    def _look_up(self) -> Found:
        with self._database.read() as on:
            return look_up(on, self.agent)

    async def _bring_up(self, now: Moment) -> None:
        """Where something may have changed: by a write, by a task whose time goes on, or unseen."""
        part = self._bringing_up
        quiet = not self._stale and now.ticks - self._looked < LOOK_AGAIN_S
        if part is None or (quiet and not part.log.open_tasks):
            return
        self._stale = False  # before it is looked: what is written meanwhile is looked for again
        try:
            if await to_the_end(self._told_all, part, now.at):
                found = await asyncio.shield(self._settings.commits.do(partial(part.hand_out, now=now.at)))
                await to_the_end(part.tell, found)
        except BaseException:
            self._stale = True
            raise
        self._looked = now.ticks

    def _told_all(self, part: BringingUp, now: datetime) -> bool:
        """Whether tasks are due, so that it is not all yet."""
        with self._database.read() as on:
            found = part.look(on, now)
        if not found.due:
            part.tell(found)
        return found.due

    def _answer(self, session: _Session, step: Step, now: Moment, peer: Peer | None = None) -> Answer:
        for event in step.events:
            if isinstance(event, Alive):
                self._settings.heard.note(event, now.at)
        events = session.known.news(step.events, peer)
        if events:
            self._keep(session, events, Keeping(self.agent, now.at, self._settings.lease, peer))
        return Answer(step, session, self._keeping)

    def _keep(self, session: _Session, events: tuple[Event, ...], keeping: Keeping) -> None:
        session.known.writing(events)
        self._keeping = self._settings.commits.do(partial(keeping.keep, happened=events), session.series)
        self._keeping.add_done_callback(partial(self._kept, session, events))

    def _kept(self, session: _Session, events: tuple[Event, ...], kept: asyncio.Future[Changed]) -> None:
        if kept is self._keeping:
            self._keeping = None
        if kept.cancelled() or kept.exception() is not None:
            self._session = None if self._session is session else self._session
            return
        session.known.written(events)
        self._stale |= any(isinstance(event, Finished) for event in events)  # others may have waited for its place
        changed, settings = kept.result(), self._settings
        for task, at in changed.ended:
            settings.ended(task, at)
        if changed.labels:
            settings.relabelled()
        if changed.documents:
            settings.reported()


def _close(reason: CloseReason, message: str) -> Answer:
    return Answer(Step(messages=(Close(reason=reason, message=message),)))
