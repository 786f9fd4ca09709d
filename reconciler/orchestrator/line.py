"""Line: one agent's assignments and session, whatever it is connected by.

The store says what is assigned; the line tells the agent, and keeps what it answers before it is answered. A line
is made anew with the program: its numbering is a new one then, so the agent is told everything once.

Invariant: a line is used by one message at a time (``lock``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from reconciler.orchestrator.keeping import Changed, Keeping
from reconciler.orchestrator.signing import signed
from reconciler.orchestrator.store import agents, assignments, logs, tasks
from reconciler.orchestrator.store.database import Connection, Database
from reconciler.orchestrator.threads import to_the_end
from reconciler.protocol import states
from reconciler.protocol.assignment_log import AssignmentLog
from reconciler.protocol.logs import LogCursor
from reconciler.protocol.message.common import Actor, Message
from reconciler.protocol.message.session import Cancel, Close, Heartbeat, Hello
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.session.events import Step
from reconciler.protocol.session.orchestrator import OrchestratorSession, OrchestratorSettings
from reconciler.protocol.wire.times import Moment
from reconciler.sealing.release_keys import ReleaseKey
from reconciler.tls.admission import Peer

HANDED_OUT: Final = 200
"""How many tasks one agent has at once; the others wait here, by priority and age."""

UNWANTED: Final = "somebody has cancelled it"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """What all lines have in common. ``spread``: over how many seconds agents come back, by the fleet's size;
    ``ended`` hears of tasks that are over, ``relabelled`` that an agent has other labels,
    ``reported`` that its documents stand otherwise.
    """

    interval_s: int
    spread: Callable[[], int]
    key: ReleaseKey
    ended: Callable[[tasks.Kept, datetime], None]
    relabelled: Callable[[], None]
    reported: Callable[[], None]

    @property
    def lease(self) -> timedelta:
        """How long an agent's silence is put up with before a task is handed to it again."""
        return timedelta(seconds=3 * self.interval_s)


class Line:
    """``news`` is set when something may be there to tell. ``generations``: the highest of each document."""

    def __init__(
        self, agent: str, database: Database, settings: LineSettings, *, generations: Mapping[str, int]
    ) -> None:
        self.agent = agent
        self.lock = asyncio.Lock()
        self.news = asyncio.Event()
        self._database = database
        self._settings = settings
        self._log = AssignmentLog(str(uuid4()), generations=generations)
        self._handed: dict[str, int] = {}
        self._session: OrchestratorSession | None = None
        self._transport: object = None

    def carried_by(self, transport: object) -> bool:
        """Whether the session that is open came over this transport."""
        return self._session is not None and self._transport is transport

    async def hear(self, message: Message, now: Moment, *, transport: object, push: bool, peer: Peer) -> Step:
        """A message of the agent; the Step's messages are to be sent, and all else is done. Raises what the store
        raises, and AccessRefused.
        """
        async with self.lock:
            if isinstance(message, Hello):
                await self._begin(transport, push=push)
            if self._session is None or not self.carried_by(transport):
                told = Close(reason="session-unknown", message="this session is not known; begin one")
                return Step(messages=(told,))
            if isinstance(message, Heartbeat):
                await to_the_end(self._bring_up, now.at)
            return await self._kept(self._session.receive(message, now), now, peer)

    async def tick(self, now: Moment, *, transport: object, news: bool) -> Step:
        """Time has passed, or there are news; over a transport that may send unasked."""
        async with self.lock:
            if self._session is None or not self.carried_by(transport):
                told = Close(reason="superseded", message="another session was begun")
                return Step(messages=(told,))
            if news:
                await to_the_end(self._bring_up, now.at)
            return await self._kept(self._session.tick(now), now)

    async def _begin(self, transport: object, *, push: bool) -> None:
        cursors = await to_the_end(self._cursors)
        settings = OrchestratorSettings(
            interval_seconds=self._settings.interval_s, spread_seconds=self._settings.spread(), push=push
        )
        self._session = OrchestratorSession(
            self.agent, str(uuid4()), log=self._log, settings=settings, cursors=cursors
        )
        self._transport = transport
        self.news.set()

    async def _kept(self, step: Step, now: Moment, peer: Peer | None = None) -> Step:
        if step.events:
            changed = await to_the_end(self._keep, step, now.at, peer)
            if changed.labels:
                self._settings.relabelled()
            if changed.documents:
                self._settings.reported()
        return step

    def _keep(self, step: Step, now: datetime, peer: Peer | None) -> Changed:
        keeping = Keeping(self.agent, now, self._settings.lease, self._settings.ended, peer)
        with self._database.write() as on:
            return keeping.keep(on, step.events)

    def _cursors(self) -> dict[str, LogCursor]:
        with self._database.read() as on:
            return logs.cursors(on, self.agent)

    def _bring_up(self, now: datetime) -> None:
        """Make the log say what the store says; hand out tasks, again where a lease ran out."""
        with self._database.read() as on:
            found = tasks.open_of(on, self.agent, HANDED_OUT)
            documents = assignments.of_target(on, self.agent)
            drained = agents.find(on, self.agent).drained
        changed = [(kept, after) for kept in found if (after := self._next(kept, now, drained)) != kept.record]
        if changed:
            with self._database.write() as on:
                found = self._advance(on, now, drained=drained)
        for name in self._log.documents.keys() - documents.keys():
            self._log.withdraw(name)
        for document in documents.values():
            self._log.assign(document)
        self._hand_out(found)

    def _advance(self, on: Connection, now: datetime, *, drained: bool) -> list[tasks.Kept]:
        for kept in tasks.open_of(on, self.agent, HANDED_OUT):
            tasks.advance(on, kept, self._next(kept, now, drained), now=now)
        return tasks.open_of(on, self.agent, HANDED_OUT)

    def _next(self, kept: tasks.Kept, now: datetime, drained: bool) -> states.TaskRecord:  # noqa: FBT001
        if drained and kept.record.state == "queued":
            return states.lapsed(kept.record, now)
        return states.assigned(kept.record, now, self._settings.lease)

    def _hand_out(self, found: list[tasks.Kept]) -> None:
        known = {kept.task.id: kept for kept in found if kept.record.state != "queued"}
        for task_id in self._log.open_tasks - known.keys():
            self._log.done(task_id)
        self._handed = {name: attempt for name, attempt in self._handed.items() if name in known}
        for task_id, kept in known.items():
            if self._handed.get(task_id) != kept.record.attempt:
                self._log.hand_out(self._whole(kept))
                self._handed[task_id] = kept.record.attempt
            if kept.record.cancel == "asked":
                self._log.cancel(_unwanted(kept))

    def _whole(self, kept: tasks.Kept) -> AgentTask:
        """As the agent gets it."""
        with self._database.read() as on:
            sealed = tasks.sealed_of(on, kept.task.id)
        at = kept.assigned_at or kept.created_at
        told = replace(kept.task, attempt=kept.record.attempt, assigned_at=at, credentials=sealed)
        return signed(told, self._settings.key)


def _unwanted(kept: tasks.Kept) -> Cancel:
    return Cancel(
        task_id=kept.task.id,
        idempotency_key=kept.task.idempotency_key,
        reason=UNWANTED,
        actor=Actor("system", "orchestrator"),
    )
