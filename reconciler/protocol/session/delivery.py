"""Delivery: how what is assigned reaches one agent over one session, in messages that it takes.

The agent's heartbeat says what it holds, and that is the truth, whatever was sent before. A full set that does not
fit into one answer is kept as it was begun until all its parts are there; what changes meanwhile follows as
increments.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.protocol.assignment_log import AssignmentLog, Budget
from reconciler.protocol.message.common import NOTHING_HELD, SetPosition
from reconciler.protocol.message.session import Assignments, Heartbeat
from reconciler.protocol.reading import render


class Delivery:
    """``most``: how many bytes of assignments are sent at once, but for a single larger message."""

    def __init__(self, log: AssignmentLog, session: str, *, budget: Budget, most: int) -> None:
        self._log = log
        self._session = session
        self._budget = budget
        self._most = most
        self._told = NOTHING_HELD
        self._whole: tuple[Assignments, ...] = ()

    def answer(self, heartbeat: Heartbeat) -> tuple[Assignments, ...]:
        """What the agent lacks, or the beginning of it."""
        self._told = NOTHING_HELD if heartbeat.resync else heartbeat.set
        pending, begun = heartbeat.pending, self._whole[:1]
        if pending and begun and (pending.id, pending.sequence) == (begun[0].set_id, begun[0].results_in):
            return self._fitting(item for item in self._whole if item.part not in pending.parts)
        return self._send(self._log.since(self._told, self._session, self._budget))

    def news(self) -> tuple[Assignments, ...]:
        """What has changed since the agent was told; nothing before its first heartbeat or while it lacks more."""
        if self._told == NOTHING_HELD:
            return ()
        missing = self._log.since(self._told, self._session, self._budget)
        return self._send(missing) if missing[:1] and missing[0].mode == "increment" else ()

    def _send(self, missing: tuple[Assignments, ...]) -> tuple[Assignments, ...]:
        full = missing[:1] and missing[0].mode == "full"
        self._whole = missing if full else ()
        sent = self._fitting(missing)
        if sent and (not full or len(sent) == len(missing)):
            self._told = SetPosition(sent[-1].set_id, sent[-1].results_in)
        return sent

    def _fitting(self, missing: Iterable[Assignments]) -> tuple[Assignments, ...]:
        found: list[Assignments] = []
        size = parts = 0
        for message in missing:
            size += len(render(message))
            parts += len(message.documents) + len(message.tasks)
            if found and (size > self._most or parts > self._budget.parts):
                break
            found.append(message)
        return tuple(found)
