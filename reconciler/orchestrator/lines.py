"""Lines: the lines of all agents, and who may begin a session now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler.errors import AccessRefused
from reconciler.orchestrator.line import Answer, Carrier, Line, LineSettings
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

    @property
    def carriers(self) -> dict[str, Carrier]:
        """What each agent's last session here came over. May be asked in any thread."""
        return {line.agent: line.carrier for line in self if line.carrier is not None}

    def of(self, agent: str) -> Line:
        """The line of this agent."""
        if agent not in self._lines:
            self._lines[agent] = Line(agent, self._database, self._settings)
        return self._lines[agent]

    def wake(self, *names: str) -> None:
        """Something was written that is for these."""
        for name in names:
            if name in self._lines:
                self._lines[name].wake()

    async def hear(
        self, agent: str, message: Message, *, transport: object, peer: Peer, push: bool = False
    ) -> Answer:
        """A message of an agent, by the certificate of ``peer``; what is answered waits for ``Line.ready``. Raises
        AccessRefused where it speaks for another one.
        """
        now = moment()
        if isinstance(message, Hello) and message.agent == agent:
            self._gate, wait = self._gate.admit(agent, now.ticks)
            if wait:
                told = "too many sessions were begun; come again later"
                close = Close(reason="too-many-sessions", message=told, retry_after_seconds=wait)
                return Answer(Step(messages=(close,)))
        answer = await self.of(agent).hear(message, now, transport=transport, push=push, peer=peer)
        for event in answer.step.events:
            if isinstance(event, Closed) and event.reason == "forbidden":
                raise AccessRefused(f"agent {agent} speaks for another one: {event.message}")
        return answer
