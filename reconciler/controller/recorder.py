"""Recorder: writes down what is done. Before an Action its intent, in the audit log; after it what came of it,
there, and as an event in the history where something was changed or failed.

Decides what follows where that cannot be written: nothing is done without its intent. The one exception is what is
taken back: that a container serves again comes first, and its release was begun on a recorded intent. What could
not be written then is kept in its order and written at the end of the plan, or as soon as there is room.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from reconciler.core.action import (
    Action,
    CheckProject,
    VerifyImage,
    VerifyProject,
    WaitHealthy,
    WaitProject,
    WaitService,
)
from reconciler.core.audit import Account, Deed
from reconciler.core.interfaces import AuditTrail
from reconciler.core.outcome import Outcome
from reconciler.core.plan import Plan
from reconciler.core.record import Event
from reconciler.errors import Interrupted, ReconcilerError, StateError

RecordEvent = Callable[[Event], None]
"""Keeps an event. Raises StateError when it cannot."""

LOOKING = (VerifyImage, WaitHealthy, CheckProject, WaitService, WaitProject, VerifyProject)
"""Actions that change nothing: no event when they go well."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An Action that is about to be carried out; ``number`` is that of its intent, 0 where there is none."""

    deed: Deed
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is written into. ``clock`` is seconds since the epoch."""

    record_event: RecordEvent
    audit: AuditTrail
    clock: Callable[[], float] = time.time

    def recorder(self, plan: Plan, account: Account, actor: str) -> Recorder:
        """The one for this plan."""
        kind = PatientRecorder if plan.purpose == "undo" else Recorder
        return kind(books=self, account=account, actor=actor, generation=plan.generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Strict: what cannot be written is not done, or is the last that is done. ``actor`` and ``generation`` are
    what events name.
    """

    books: Books
    account: Account
    actor: str
    generation: int

    def begins(self, action: Action) -> Begun:
        """Note the intent. Raises StateError: then the Action must not be carried out."""
        deed = self.deed(action)
        return Begun(deed, self.books.audit.intent(deed))

    def ended(self, begun: Begun, outcome: Outcome) -> Outcome:
        """Note the outcome, which is failed if that could not be done: nothing may go on unrecorded."""
        try:
            self.books.audit.outcome(begun.number, begun.deed, outcome=outcome.kind, detail=_detail(outcome))
            if _worth_an_event(outcome):
                self.books.record_event(self.event(outcome))
        except ReconcilerError as error:
            # An Action that failed keeps its own error: it tells more than the second one.
            return replace(outcome, kind="failed", error=outcome.error or error)
        return outcome

    def flush(self) -> StateError | None:
        """Write what was kept: nothing."""
        return None

    def deed(self, action: Action) -> Deed:
        """An Action as the audit log names it."""
        return Deed(
            document=action.document,
            action=action.kind,
            target=action.target,
            cause=action.cause,
            account=self.account,
        )

    def event(self, outcome: Outcome) -> Event:
        """An Outcome as the history keeps it."""
        action = outcome.action
        return Event(
            at=self.books.clock(),
            document=action.document,
            action=action.kind,
            target=action.target,
            cause=action.cause,
            outcome=outcome.kind,
            detail=_detail(outcome),
            actor=self.actor,
            generation=self.generation,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRecorder(Recorder):
    """Never in the way: from the first event that cannot be written on it keeps them for ``flush``; the audit log
    itself keeps what it could not take.
    """

    _kept: list[Event] = field(default_factory=list)

    def begins(self, action: Action) -> Begun:
        """Note the intent where that can be done. Never raises a StateError."""
        deed = self.deed(action)
        try:
            return Begun(deed, self.books.audit.intent(deed))
        except StateError:
            return Begun(deed, 0)

    def ended(self, begun: Begun, outcome: Outcome) -> Outcome:
        """Note the outcome, or have it kept. Never raises a StateError; the outcome is as it was."""
        with suppress(StateError):  # it owes the line then, and ``flush`` asks for it
            if begun.number:
                self.books.audit.outcome(begun.number, begun.deed, outcome=outcome.kind, detail=_detail(outcome))
            else:
                self.books.audit.late(begun.deed, outcome=outcome.kind, detail=_detail(outcome))
        if _worth_an_event(outcome):
            self._keep_or_record(self.event(outcome))
        return outcome

    def _keep_or_record(self, event: Event) -> None:
        if self._kept:
            # Not tried again before the end: a history that another process holds is waited for in every try.
            self._kept.append(event)
            return
        try:
            self.books.record_event(event)
        except StateError:
            self._kept.append(event)

    def flush(self) -> StateError | None:
        """Write what was kept; the error of the first that still cannot be written."""
        try:
            for event in self._kept:
                self.books.record_event(event)
            self.books.audit.settle()
        except StateError as error:
            return error
        return None


def _detail(outcome: Outcome) -> str:
    return outcome.detail or str(outcome.error or "")


def _worth_an_event(outcome: Outcome) -> bool:
    if outcome.kind == "failed":
        return not isinstance(outcome.error, Interrupted)
    return outcome.kind == "done" and not isinstance(outcome.action, LOOKING)
