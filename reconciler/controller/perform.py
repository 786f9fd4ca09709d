"""Perform: walk a plan, one Action after the other, and stop at the first that fails and is not optional.

Decides nothing about the host: what to do is in the plan, how is in the executors, what follows is in the
verdict. Leaves to others: threads (it blocks), the history of operations (executors of its Actions).

Invariants: Actions are carried out in the plan's order, none after a failed one on which it may rest, and none
of a plan that has one nobody can carry out; between two Actions the way on is asked for, so that a stop request
or a lost lock ends a plan at a boundary; every Action passes through the recorder, before and after, and what it
says of what cannot be written is followed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from reconciler.controller.fail_points import FailPoints
from reconciler.controller.recorder import Books, Recorder
from reconciler.core.action import Action
from reconciler.core.audit import Account
from reconciler.core.interfaces import Executor, Progress
from reconciler.core.outcome import Outcome
from reconciler.core.plan import Plan
from reconciler.errors import HookNotNow, Interrupted, StateError, TerminalError

NOBODYS = Account()


class ActionMeters(Protocol):
    """What is measured of Actions."""

    def action(self, kind: str, outcome: str, *, seconds: float) -> None:
        """One Action of ``kind`` ended as ``outcome`` (an Outcome's kind)."""


def always() -> bool:
    """Nothing stands in the way."""
    return True


def goes_on(_: Action) -> bool:
    """Nothing stands in the way of any Action."""
    return True


class Performer:
    """Carries out plans with the executors it was given; the first that handles an Action gets it.

    ``monotonic`` is seconds of any origin (durations). Safe for use from many threads if what it was given is.
    """

    def __init__(
        self,
        executors: Sequence[Executor],
        *,
        books: Books,
        meters: ActionMeters,
        fail_points: FailPoints,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executors = tuple(executors)
        self._books = books
        self._meters = meters
        self._fail_points = fail_points
        self._monotonic = monotonic

    def perform(
        self,
        plan: Plan,
        *,
        progress: Progress,
        actor: str = "",
        account: Account = NOBODYS,
        may_continue: Callable[[Action], bool] = goes_on,
    ) -> tuple[Outcome, ...]:
        """Outcomes of the Actions that were reached, in order; the last, and any optional one, can be ``failed``.

        ``progress`` hears what is begun and how it goes on; ``actor`` is who events name, ``account`` what the
        audit log does. When ``may_continue`` says no to the next Action, it fails with Interrupted without being
        begun.
        """
        unknown = next((action for action in plan.actions if self._executor(action) is None), None)
        if unknown is not None:
            error = TerminalError(f"no executor here carries out {unknown.kind}", hint="nothing was begun")
            return (Outcome(kind="failed", action=unknown, error=error),)
        recorder = self._books.recorder(plan, account, actor)
        outcomes = self._walk(plan, progress, may_continue=may_continue, recorder=recorder)
        return _told(outcomes, recorder.flush())

    def _walk(
        self, plan: Plan, progress: Progress, *, may_continue: Callable[[Action], bool], recorder: Recorder
    ) -> tuple[Outcome, ...]:
        outcomes: list[Outcome] = []
        for action in plan.actions:
            if not may_continue(action):
                outcomes.append(_interrupted(action))
                break
            outcomes.append(self._recorded(action, progress, recorder))
            if outcomes[-1].kind == "failed" and not _may_pass(outcomes[-1]):
                break
        return tuple(outcomes)

    def _recorded(self, action: Action, progress: Progress, recorder: Recorder) -> Outcome:
        """The one place where an Action is carried out: between its intent and its outcome."""
        try:
            begun = recorder.begins(action)
        except StateError as error:
            return Outcome(kind="failed", action=action, error=error)
        outcome = self._carry_out(action, progress)
        recorder.ended(begun, outcome)
        return outcome

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


def _told(outcomes: tuple[Outcome, ...], error: StateError | None) -> tuple[Outcome, ...]:
    """The outcomes as they were; where all went well, the last one tells what could not be recorded."""
    if error is None or not outcomes or any(item.kind == "failed" for item in outcomes):
        return outcomes
    return (*outcomes[:-1], replace(outcomes[-1], kind="failed", error=error))


def _may_pass(failed: Outcome) -> bool:
    """Whether the plan goes on after this failure: nothing rests on the Action, it could be recorded, and nobody
    asked to wait.
    """
    return failed.action.optional and not isinstance(failed.error, StateError | Interrupted | HookNotNow)


def _interrupted(action: Action) -> Outcome:
    error = Interrupted(f"stopped before {action.kind} {action.target}", hint="the next pass goes on")
    return Outcome(kind="failed", action=action, error=error)
