"""Lines: the lines of all agents, and who may begin a session now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler.errors import AccessRefused
from reconciler.orchestrator.line import Line, LineSettings
from reconciler.orchestrator.store import assignments
from reconciler.orchestrator.store.database import Database
from reconciler.protocol.message.common import Message
from reconciler.protocol.message.session import Close, Hello
from reconciler.protocol.reconnect import SessionGate
from reconciler.protocol.session.events import Closed, Step
from reconciler.protocol.wire.times import Moment
from reconciler.tls.admission import Peer


def moment() -> Moment:
    """Now, by both clocks."""
    return Moment(datetime.now(UTC), asyncio.get_running_loop().time())


class Lines:
    """Used in one event loop."""

    def __init__(self, database: Database, settings: LineSettings, gate: SessionGate | None = None) -> None:
        self._database = database
        self._settings = settings
        self._gate = gate or SessionGate()
        self._lines: dict[str, Line] = {}

    def __iter__(self) -> Iterator[Line]:
        return iter(tuple(self._lines.values()))

    async def of(self, agent: str) -> Line:
        """The line of this agent."""
        if agent not in self._lines:
            generations = await asyncio.to_thread(self._generations, agent)
            made = Line(agent, self._database, self._settings, generations=generations)
            self._lines.setdefault(agent, made)
        return self._lines[agent]

    def _generations(self, agent: str) -> dict[str, int]:
        with self._database.read() as on:
            return assignments.generations(on, agent)

    def wake(self, *names: str) -> None:
        """Something may be there to tell: to these, or to all where none is named."""
        for line in self:
            if not names or line.agent in names:
                line.news.set()

    async def hear(
        self, agent: str, message: Message, *, transport: object, peer: Peer, push: bool = False
    ) -> Step:
        """A message of an agent, by the certificate of ``peer``. Raises AccessRefused where it speaks for another
        one.
        """
        now = moment()
        if isinstance(message, Hello) and message.agent == agent:
            self._gate, wait = self._gate.admit(agent, now.ticks)
            if wait:
                told = "too many sessions were begun; come again later"
                return Step(messages=(Close(reason="too-many-sessions", message=told, retry_after_seconds=wait),))
        step = await (await self.of(agent)).hear(message, now, transport=transport, push=push, peer=peer)
        for event in step.events:
            if isinstance(event, Closed) and event.reason == "forbidden":
                raise AccessRefused(f"agent {agent} speaks for another one: {event.message}")
        return step
