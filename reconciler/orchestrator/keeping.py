"""What follows from a message of an agent for the store: kept whole, before anything is answered. It may be done
twice before it counts (``group_commit``).

Invariant: an agent's words change nothing but what is its own; a task of another one is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.errors import AccessRefused
from reconciler.orchestrator.store import agents, assignments, events, logs, tasks
from reconciler.orchestrator.store.database import Connection
from reconciler.orchestrator.store.events import FleetEvent
from reconciler.protocol import states
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.session import TaskReport
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
from reconciler.protocol.wire.codec import to_json
from reconciler.tls.admission import Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What an agent tells otherwise than before: ``labels``, by which other documents may be for it, how its
    ``documents`` stand, and which tasks have ``ended``, and when.
    """

    labels: bool
    documents: bool
    ended: tuple[tuple[tasks.Kept, datetime], ...]


@dataclass(frozen=True, slots=True)
class Keeping:
    """For one agent, at one moment. ``lease``: how long a report lets a task go on in silence. ``peer``: by which
    certificate a message came.
    """

    agent: str
    now: datetime
    lease: timedelta
    peer: Peer | None = None

    def keep(self, on: Connection, happened: Iterable[Event]) -> Changed:
        """All of it, in the connection's transaction. Raises AccessRefused for a task of somebody else."""
        labels, documents, ended = False, False, []
        for event in happened:
            match event:
                case Began():
                    labels |= agents.began(on, event.hello, self.peer)
                case DocumentsReported():
                    documents |= agents.reported(on, self.agent, [to_json(item) for item in event.documents])
                case Finished():
                    ended += self._finish(on, event.result)
                case _:
                    self._keep(on, event)
        return Changed(labels=labels, documents=documents, ended=tuple((kept, self.now) for kept in ended))

    def _keep(self, on: Connection, event: Event) -> None:
        match event:
            case Alive():
                agents.alive(on, {self.agent: agents.Heard(self.now, event.clock_offset_ms, event.position)})
            case Reported():
                self._report(on, event.report)
            case Logged():
                if self._own(on, event.task_id) is not None:
                    logs.keep(on, event)
            case AgentAhead():
                self._ahead(on, event)
            case Refused():
                self._note(on, "refused", event.name, event.reason)
            case _:
                pass

    def _report(self, on: Connection, report: TaskReport) -> None:
        kept = self._own(on, report.task_id)
        if kept is not None:
            after = states.reported(kept.record, report, self.now + self.lease)
            tasks.advance(on, kept, after, now=self.now)

    def _finish(self, on: Connection, result: TaskResult) -> list[tasks.Kept]:
        """The task, where it has ended by that."""
        kept = self._own(on, result.task_id)
        if kept is None:
            self._note(on, "result-of-no-task", result.task_id, "the orchestrator does not have this task")
            return []
        after = states.finished(kept.record, result)
        if after == kept.record:
            return []
        tasks.advance(on, kept, after, now=self.now)
        self._note(on, f"task-{after.state}", result.task_id, result.error or "")
        return [replace(kept, record=after)]

    def _ahead(self, on: Connection, event: AgentAhead) -> None:
        """It wins; the next wish comes after what it has."""
        assignments.heard_of(on, self.agent, event.document, event.agents)
        told = (
            f"{self.agent} holds generation {event.agents}, and {event.ours} is assigned: was a backup put back?"
        )
        self._note(on, "agent-ahead", event.document, told)

    def _own(self, on: Connection, task_id: str) -> tasks.Kept | None:
        """None where there is no such task here. Raises AccessRefused."""
        kept = tasks.look_up(on, task_id)
        if kept is not None and kept.task.target_id != self.agent:
            raise AccessRefused(f"agent {self.agent} speaks of a task of {kept.task.target_id}")
        return kept

    def _note(self, on: Connection, what: str, about: str, detail: str) -> None:
        events.add(on, FleetEvent(self.now, f"agent {self.agent}", what, about, detail))
