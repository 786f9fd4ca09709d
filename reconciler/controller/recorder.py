"""Recorder: writes down what is done. Before an Action its intent, in the audit log; after it what came of it,
there, and as an event in the history where something was changed or failed.

Decides when: what came of an Action is written with the intent of the next, before that is begun, and at the end
of the plan; so the disk is waited for once for each Action. And what follows where it cannot be written: nothing
is done without its intent. The one exception is what is taken back: that a container serves again comes first, and
its release was begun on a recorded intent. What could not be written then is kept in its order and written at the
end of the plan, or as soon as there is room.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

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
from reconciler.errors import Interrupted, StateError

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


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Strict: where something cannot be written nothing more is done. ``actor`` and ``generation`` are what events
    name.
    """

    books: Books
    account: Account
    actor: str
    generation: int
    _kept: list[Event] = field(default_factory=list)

    def begins(self, action: Action) -> Begun:
        """Note what came of the Action before, and the intent. Raises StateError: then the Action must not be
        carried out.
        """
        deed, audit = self.deed(action), self.books.audit
        number = audit.intent(deed)
        try:
            self._record_kept()
        except StateError as error:
            audit.owe(number, deed, outcome="failed", detail=str(error))
            raise
        return Begun(deed, number)

    def ended(self, begun: Begun, outcome: Outcome) -> None:
        """Have the outcome noted before anything else is begun, or at the end of the plan."""
        audit, detail = self.books.audit, _detail(outcome)
        if begun.number:
            audit.owe(begun.number, begun.deed, outcome=outcome.kind, detail=detail)
        else:
            with suppress(StateError):  # it owes the line then, and ``flush`` asks for it
                audit.late(begun.deed, outcome=outcome.kind, detail=detail)
        if _worth_an_event(outcome):
            self._kept.append(self.event(outcome))

    def flush(self) -> StateError | None:
        """Write what is still to be noted; the error where that cannot be."""
        try:
            self.books.audit.settle()
            self._record_kept()
        except StateError as error:
            return error
        return None

    def _record_kept(self) -> None:
        """Events come after the lines of the audit log: all that the history says was done is in that."""
        while self._kept:
            self.books.record_event(self._kept[0])
            del self._kept[0]

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


@dataclass(slots=True, kw_only=True)
class PatientRecorder(Recorder):
    """Never in the way: from the first event that cannot be written on it keeps them for ``flush``; the audit log
    itself keeps what it could not take.
    """

    _waits: bool = False

    def begins(self, action: Action) -> Begun:
        """Note the intent where that can be done. Never raises a StateError."""
        deed = self.deed(action)
        try:
            number = self.books.audit.intent(deed)
        except StateError:
            return Begun(deed, 0)
        if not self._waits:
            try:
                self._record_kept()
            except StateError:
                # Not tried again before the end: a history that another process holds is waited for in every try.
                self._waits = True
        return Begun(deed, number)

    def flush(self) -> StateError | None:
        """The same; events are written also where the audit log takes nothing."""
        errors: list[StateError] = []
        for write in (self.books.audit.settle, self._record_kept):
            try:
                write()
            except StateError as error:
                errors.append(error)
        return errors[0] if errors else None


def _detail(outcome: Outcome) -> str:
    return outcome.detail or str(outcome.error or "")


def _worth_an_event(outcome: Outcome) -> bool:
    if outcome.kind == "failed":
        return not isinstance(outcome.error, Interrupted)
    return outcome.kind == "done" and not isinstance(outcome.action, LOOKING)
