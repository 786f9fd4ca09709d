"""Known: what the store says of an agent, as far as one session needs it, so that nothing is written that stands
there already.

An agent tells the same with every heartbeat. What is not known for certain counts as new, and is written. That it
was heard of is written at once where it was away; else for many agents together (``last_heard``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.orchestrator.store import agents, assignments, logs
from reconciler.orchestrator.store.database import Connection
from reconciler.protocol.logs import LogCursor
from reconciler.protocol.message.session import DocumentReport
from reconciler.protocol.presence import presence
from reconciler.protocol.session.events import (
    AgentAhead,
    Alive,
    Began,
    DocumentsReported,
    Event,
    Finished,
    Logged,
    Refused,
    Reported,
)
from reconciler.protocol.wire.codec import from_json
from reconciler.tls.admission import Peer

ALWAYS: Final = (Reported, Finished, Logged, Refused)


@dataclass(frozen=True, slots=True)
class Found:
    """What the store says when a session begins. ``generations``: the highest of each document."""

    agent: agents.Agent
    generations: Mapping[str, int]
    cursors: Mapping[str, LogCursor]


def look_up(on: Connection, agent: str) -> Found:
    """Raises NotKnown."""
    return Found(agents.find(on, agent), assignments.generations(on, agent), logs.cursors(on, agent))


class Known:
    """``agent``: as it was looked up when the session began, at ``now``."""

    def __init__(self, agent: agents.Agent, now: datetime) -> None:
        self._agent = agent
        self._away = presence(agent.last_seen, now) != "online"
        self._documents: tuple[DocumentReport, ...] | None = tuple(
            from_json(DocumentReport, item) for item in agent.documents
        )
        self._on_their_way = 0
        self._ahead: dict[str, int] = {}

    def news(self, events: tuple[Event, ...], peer: Peer | None) -> tuple[Event, ...]:
        """Those that are to be written."""
        return tuple(event for event in events if isinstance(event, ALWAYS) or self._new(event, peer))

    def writing(self, events: tuple[Event, ...]) -> None:
        """These are on their way: what they tell is not known until they are written, the last of them too."""
        self._on_their_way += sum(isinstance(event, DocumentsReported) for event in events)
        if self._on_their_way:
            self._documents = None

    def written(self, events: tuple[Event, ...]) -> None:
        """These are in the store."""
        for event in events:
            if isinstance(event, DocumentsReported):
                self._on_their_way -= 1
                self._documents = None if self._on_their_way else event.documents
            if isinstance(event, AgentAhead):
                self._ahead[event.document] = event.agents
            if isinstance(event, Alive):
                self._away = False

    def _new(self, event: Event, peer: Peer | None) -> bool:
        match event:
            case Began():
                return bool(agents.anew(self._agent, event.hello, peer))
            case Alive():
                return self._away
            case DocumentsReported():
                return event.documents != self._documents
            case AgentAhead():
                return self._ahead.get(event.document) != event.agents
            case _:
                return False
