"""Perform: walk a plan, one Action after the other, and stop at the first that fails and is not optional.

Decides nothing about the host: what to do is in the plan, how is in the executors, what follows is in the
verdict. Leaves to others: threads (it blocks), the history of operations (executors of its Actions).

Invariants: Actions are carried out in the plan's order, none after a failed one on which it may rest, and none
of a plan that has one nobody can carry out; between two Actions the way on is asked for, so that a stop request
or a lost lock ends a plan at a boundary; what was changed or failed is an event before the next Action begins.
Except while something is taken back: that a container serves again comes first, so an event that cannot be written
then waits for the end of the plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from reconciler.controller.fail_points import FailPoints
from reconciler.core.action import (
    Action,
    CheckProject,
    Commit,
    RecordIntent,
    RecordUndone,
    VerifyImage,
    VerifyProject,
    WaitHealthy,
    WaitProject,
    WaitService,
)
from reconciler.core.interfaces import Executor, Progress
from reconciler.core.outcome import Outcome
from reconciler.core.plan import Plan
from reconciler.core.record import Event
from reconciler.errors import HookNotNow, Interrupted, ReconcilerError, StateError, TerminalError

RecordEvent = Callable[[Event], None]
"""Keeps an event. Raises StateError when it cannot."""

LOOKING = (VerifyImage, WaitHealthy, CheckProject, WaitService, WaitProject, VerifyProject)
"""Actions that change nothing: no event when they go well."""


class ActionMeters(Protocol):
    """What is measured of Actions."""

    def action(self, kind: str, outcome: str, *, seconds: float) -> None:
        """One Action of ``kind`` ended as ``outcome`` (an Outcome's kind)."""


def always() -> bool:
    """Nothing stands in the way."""
    return True


class Performer:
    """Carries out plans with the executors it was given; the first that handles an Action gets it.

    ``clock`` is seconds since the epoch (events), ``monotonic`` seconds of any origin (durations). Safe for use
    from many threads if what it was given is.
    """

    def __init__(
        self,
        executors: Sequence[Executor],
        *,
        record_event: RecordEvent,
        meters: ActionMeters,
        fail_points: FailPoints,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executors = tuple(executors)
        self._record_event = record_event
        self._meters = meters
        self._fail_points = fail_points
        self._clock = clock
        self._monotonic = monotonic

    def perform(
        self,
        plan: Plan,
        *,
        progress: Progress,
        actor: str = "",
        may_continue: Callable[[], bool] = always,
    ) -> tuple[Outcome, ...]:
        """Outcomes of the Actions that were reached, in order; the last, and any optional one, can be ``failed``.

        ``progress`` hears what is begun and how it goes on; ``actor`` is who events name. When ``may_continue``
        says no, the next Action fails with Interrupted without being begun.
        """
        unknown = next((action for action in plan.actions if self._executor(action) is None), None)
        if unknown is not None:
            error = TerminalError(f"no executor here carries out {unknown.kind}", hint="nothing was begun")
            return (Outcome(kind="failed", action=unknown, error=error),)
        if plan.purpose != "undo":
            return self._walk(plan, progress, actor=actor, may_continue=may_continue, record=self._record_event)
        events = Patient(self._record_event)
        outcomes = self._walk(plan, progress, actor=actor, may_continue=may_continue, record=events)
        return _told(outcomes, events.flush())

    def _walk(
        self,
        plan: Plan,
        progress: Progress,
        *,
        actor: str,
        may_continue: Callable[[], bool],
        record: RecordEvent,
    ) -> tuple[Outcome, ...]:
        outcomes: list[Outcome] = []
        for action in plan.actions:
            if not may_continue():
                outcomes.append(_interrupted(action))
                break
            outcome = self._carry_out(action, progress)
            event = self._event(outcome, actor=actor, generation=_generation(plan))
            outcomes.append(_recorded(outcome, event, record) if _worth_an_event(outcome) else outcome)
            if outcomes[-1].kind == "failed" and not _may_pass(outcomes[-1]):
                break
        return tuple(outcomes)

    def _executor(self, action: Action) -> Executor | None:
        return next((executor for executor in self._executors if executor.handles(action)), None)

    def _carry_out(self, action: Action, progress: Progress) -> Outcome:
        executor, title = self._executor(action), f"{action.kind} {action.target}"
        assert executor is not None  # noqa: S101  (perform has looked)
        number = self._fail_points.next_number()
        self._fail_points.reach("before", action, number)
        progress(title)
        began = self._monotonic()
        outcome = executor.perform(action, progress=lambda line: progress(f"{title}: {line}"))
        seconds = self._monotonic() - began
        self._fail_points.reach("after", action, number)
        self._meters.action(action.kind, outcome.kind, seconds=seconds)
        return replace(outcome, duration_ms=round(seconds * 1000))

    def _event(self, outcome: Outcome, *, actor: str, generation: int) -> Event:
        action = outcome.action
        return Event(
            at=self._clock(),
            document=action.document,
            action=action.kind,
            target=action.target,
            cause=action.cause,
            outcome=outcome.kind,
            detail=outcome.detail or str(outcome.error or ""),
            actor=actor,
            generation=generation,
        )


class Patient:
    """Records events in their order; from the first that cannot be written on it keeps them for ``flush``."""

    def __init__(self, record: RecordEvent) -> None:
        self._record = record
        self._kept: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Write the event, or keep it. Never raises a StateError."""
        if self._kept:
            # Not tried again before the end: a history that another process holds is waited for in every try.
            self._kept.append(event)
            return
        try:
            self._record(event)
        except StateError:
            self._kept.append(event)

    def flush(self) -> StateError | None:
        """Write what was kept; the error of the first that still cannot be written."""
        try:
            for event in self._kept:
                self._record(event)
        except StateError as error:
            return error
        return None


def _recorded(outcome: Outcome, event: Event, record: RecordEvent) -> Outcome:
    """The outcome; failed if what happened could not be recorded: nothing may go on unrecorded."""
    try:
        record(event)
    except ReconcilerError as error:
        # An Action that failed keeps its own error: it tells more than the second one.
        return replace(outcome, kind="failed", error=outcome.error or error)
    return outcome


def _told(outcomes: tuple[Outcome, ...], error: StateError | None) -> tuple[Outcome, ...]:
    """The outcomes as they were; where all went well, the last one tells what could not be recorded."""
    if error is None or any(item.kind == "failed" for item in outcomes):
        return outcomes
    return (*outcomes[:-1], replace(outcomes[-1], kind="failed", error=error))


def _may_pass(failed: Outcome) -> bool:
    """Whether the plan goes on after this failure: nothing rests on the Action, it could be recorded, and nobody
    asked to wait.
    """
    return failed.action.optional and not isinstance(failed.error, StateError | Interrupted | HookNotNow)


def _worth_an_event(outcome: Outcome) -> bool:
    if outcome.kind == "failed":
        return not isinstance(outcome.error, Interrupted)
    return outcome.kind == "done" and not isinstance(outcome.action, LOOKING)


def _interrupted(action: Action) -> Outcome:
    error = Interrupted(f"stopped before {action.kind} {action.target}", hint="the next pass goes on")
    return Outcome(kind="failed", action=action, error=error)


def _generation(plan: Plan) -> int:
    """The generation that the plan is about, 0 when it is about none."""
    numbered = (item.generation for item in plan.actions if isinstance(item, RecordIntent | Commit | RecordUndone))
    return next(numbered, 0)
