"""Bringing up: one agent's assignment log is made to say what the store says; tasks are handed out, again where
their lease ran out.

Invariant: a task is in the store as handed out, with the number of the attempt, before its agent can hear of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from reconciler.orchestrator.signing import signed
from reconciler.orchestrator.store import agents, assignments, tasks
from reconciler.orchestrator.store.database import Connection
from reconciler.protocol import states
from reconciler.protocol.assignment_log import AssignmentLog
from reconciler.protocol.message.common import Actor, SealedCredentials
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.message.session import Cancel
from reconciler.protocol.message.task import AgentTask
from reconciler.sealing.release_keys import ReleaseKey

HANDED_OUT: Final = 200
"""How many tasks one agent has at once; the others wait here, by priority and age."""

UNWANTED: Final = "somebody has cancelled it"


@dataclass(frozen=True, slots=True)
class Assigned:
    """What the store says. ``due``: tasks that are to be handed out now. ``sealed``: credentials, by task."""

    documents: Mapping[str, AssignedDocument]
    tasks: list[tasks.Kept]
    sealed: Mapping[str, SealedCredentials]
    drained: bool
    due: bool = False


class BringingUp:
    """``log`` is numbered anew with each program. Used by one thread at a time."""

    def __init__(self, agent: str, key: ReleaseKey, lease: timedelta, *, generations: Mapping[str, int]) -> None:
        self.log = AssignmentLog(str(uuid4()), generations=generations)
        self._agent = agent
        self._key = key
        self._lease = lease
        self._handed: dict[str, int] = {}

    def look(self, on: Connection, now: datetime) -> Assigned:
        """What there is; nothing is changed. Raises NotKnown."""
        found = tasks.open_of(on, self._agent, HANDED_OUT)
        drained = agents.drained(on, self._agent)
        return Assigned(
            documents=assignments.of_target(on, self._agent),
            tasks=found,
            sealed=tasks.sealed_for(on, self._agent) if found else {},
            drained=drained,
            due=any(self._next(kept, now, drained) != kept.record for kept in found),
        )

    def hand_out(self, on: Connection, now: datetime) -> Assigned:
        """The same, and what is due is handed out by that."""
        drained = agents.drained(on, self._agent)
        for kept in tasks.open_of(on, self._agent, HANDED_OUT):
            tasks.advance(on, kept, self._next(kept, now, drained), now=now)
        return replace(self.look(on, now), due=False)

    def tell(self, found: Assigned) -> None:
        """The log says so, from now on."""
        for name in self.log.documents.keys() - found.documents.keys():
            self.log.withdraw(name)
        for document in found.documents.values():
            self.log.assign(document)
        known = {kept.task.id: kept for kept in found.tasks if kept.record.state != "queued"}
        for task_id in self.log.open_tasks - known.keys():
            self.log.done(task_id)
        self._handed = {name: attempt for name, attempt in self._handed.items() if name in known}
        for task_id, kept in known.items():
            if self._handed.get(task_id) != kept.record.attempt:
                self.log.hand_out(self._whole(kept, found.sealed.get(task_id)))
                self._handed[task_id] = kept.record.attempt
            if kept.record.cancel == "asked":
                self.log.cancel(_unwanted(kept))

    def _next(self, kept: tasks.Kept, now: datetime, drained: bool) -> states.TaskRecord:  # noqa: FBT001
        if drained and kept.record.state == "queued":
            return states.lapsed(kept.record, now)
        return states.assigned(kept.record, now, self._lease)

    def _whole(self, kept: tasks.Kept, sealed: SealedCredentials | None) -> AgentTask:
        """As the agent gets it."""
        at = kept.assigned_at or kept.created_at
        return signed(
            replace(kept.task, attempt=kept.record.attempt, assigned_at=at, credentials=sealed), self._key
        )


def _unwanted(kept: tasks.Kept) -> Cancel:
    return Cancel(
        task_id=kept.task.id,
        idempotency_key=kept.task.idempotency_key,
        reason=UNWANTED,
        actor=Actor("system", "orchestrator"),
    )
