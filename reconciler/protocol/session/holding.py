"""Holding: an agent's assignments over all its sessions: taking what comes of them, and telling what is held.

After each start of the agent the full set is asked for, so that what was refused and forgotten comes again. Later
sessions go on from the number that is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.protocol.agent_policy import UNSIGNED
from reconciler.protocol.clock import Clock
from reconciler.protocol.held import Change, Held, apply
from reconciler.protocol.message.document import AssignedDocument, set_digest
from reconciler.protocol.message.session import LONGEST_REASON, Assignments, DocumentReport, HeartbeatAnswer
from reconciler.protocol.session.desk import DeskSettings, TaskDesk
from reconciler.protocol.session.events import DropDocument, Event, KeepDocument, KeepFence, KeepPosition, Refused
from reconciler.protocol.wire.times import Moment


class Holding:
    """``held`` is what is assigned; ``resync``: the full set is wanted; ``desk`` has the tasks."""

    def __init__(self, settings: DeskSettings, held: Held, desk: TaskDesk) -> None:
        self._settings = settings
        self._desk = desk
        self._observed: dict[str, DocumentReport] = {}
        self.held = held
        self.resync = True

    def take(self, message: Assignments, clock: Clock, now: Moment) -> list[Event]:
        """What the message changes."""
        change = apply(self.held, message, self._judge, self._settings.limits)
        self.held = change.held
        self.resync = not change.applied and (self.resync or change.gap)
        if not change.applied:
            return []
        return [*self._taken(change, clock, now), KeepPosition(self.held.position)]

    def compare(self, answer: HeartbeatAnswer) -> None:
        """The numbers agree and the documents do not: then all of it is wanted. What was refused explains it."""
        agreed = set_digest(item.held for item in self.held.documents.values()) == answer.set_digest
        if answer.set == self.held.position and not agreed and not self.held.refused:
            self.resync = True

    def observed(self, reports: Iterable[DocumentReport]) -> bool:
        """What became of documents, also of such as tasks have brought; whether that is news."""
        former, self._observed = self._observed, {report.id: report for report in reports}
        return self._observed != former

    def reports(self) -> Iterator[DocumentReport]:
        """Of each document that is held, was refused or was seen."""
        held = self.held
        for name in sorted(held.documents.keys() | held.refused.keys() | self._observed.keys()):
            document, seen = held.documents.get(name), self._observed.get(name, DocumentReport(id=name))
            yield replace(
                seen,
                version=document.version if document else None,
                generation=self._desk.fence.highest(name) or None,
                refused=held.refused.get(name, "")[:LONGEST_REASON] or seen.refused,
                observed=None if name in held.refused else seen.observed,
            )

    def _taken(self, change: Change, clock: Clock, now: Moment) -> list[Event]:
        """Documents come first, so that no task of the same message undoes what is newer; a task of the same
        generation as its document is the same wish.
        """
        events: list[Event] = []
        for item in change.put:
            self._desk.fence = self._desk.fence.raised_by_document(item)
            events += [KeepFence(item.id, self._desk.fence), KeepDocument(item)]
        events += [DropDocument(name) for name in change.dropped]
        events += [Refused("document", name, reason) for name, reason in change.refused.items()]
        events += self._desk.take(change.tasks, self.held, clock, now)
        return [*events, *self._desk.cancel(change.cancels, now)]

    def _judge(self, document: AssignedDocument, item: Mapping[str, Any], held: AssignedDocument | None) -> str:
        settings = self._settings
        if not settings.identity.answers_for(document.target_id):
            return f"it is for another target than {settings.identity.agent}"
        if settings.policy.signed and document.signature is None:
            return UNSIGNED
        return settings.verify(item) or self._desk.fence.stops_document(document, held.held if held else None)
