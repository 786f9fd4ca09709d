"""Readings: tells meters and board what passes found and did. Decides what counts as what, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reconciler.controller.assess import Assessment
from reconciler.controller.board import Board
from reconciler.controller.loop import Pass, unheard
from reconciler.core.action import (
    Action,
    ComposeUp,
    StartContainer,
    StartService,
    StopContainer,
    WaitHealthy,
    WaitProject,
)
from reconciler.core.outcome import Outcome, failure
from reconciler.core.plan import Plan
from reconciler.errors import Unhealthy
from reconciler.metrics import Meters, QueueFigures, Snapshot, renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Without a ``board`` (one command) only the meters are told."""

    meters: Meters
    board: Board | None = None
    listener: Callable[[Pass], None] = unheard
    """Told of each pass after all else."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why the open operation of a document failed, until it is taken back; lost with a restart."""

    def assessed(self, assessment: Assessment) -> None:
        """A pass has looked; it has not acted yet."""
        self.meters.expected(assessment.plan.kind, target=assessment.plan.target)
        if self.board is not None:
            self.board.show((assessment,), everything=False)

    def passed(self, done: Pass) -> None:
        """A pass has ended."""
        plan = done.plan
        seconds = sum(item.duration_ms for item in done.outcomes) / 1000
        self.meters.reconciled(plan.kind, done.verdict.kind, seconds=seconds)
        if plan.purpose in {"deploy", "rollback"} and done.verdict.kind == "converged":
            self.meters.deployed(plan.kind, target=plan.target, result="converged")
        if plan.purpose == "rollback" and done.verdict.kind == "converged":
            self.meters.rolled_back(plan.kind, target=plan.target, reason="requested")
        word = failure_word(done.outcomes)
        if word and plan.purpose != "undo":
            self.failures[plan.document] = word
        if plan.purpose == "undo" and done.verdict.kind in {"rolled-back", "failed"}:
            self._undone(done)
        if plan.purpose == "heal" and done.verdict.kind in {"converged", "held"}:
            self._healed(plan)
        outage = downtime_s(done.outcomes)
        if outage is not None:
            self.meters.downtime(plan.kind, outage)
        self.listener(done)

    def _undone(self, done: Pass) -> None:
        plan, kind = done.plan, done.verdict.kind
        self.meters.deployed(plan.kind, target=plan.target, result=kind)
        if kind == "rolled-back":
            reason = self.failures.pop(plan.document, "error")
            self.meters.rolled_back(plan.kind, target=plan.target, reason=reason)

    def _healed(self, plan: Plan) -> None:
        for kind in dict.fromkeys(item.kind for item in plan.drift):
            self.meters.healed(plan.kind, target=plan.target, reason=kind)

    def renderer(
        self,
        version: str,
        queue: Callable[[], QueueFigures],
        event_stream_up: Callable[[], bool],
        invalid: Callable[[], int],
    ) -> Callable[[], bytes]:
        """What makes the metrics page from the board and the meters."""
        board = self.board
        assert board is not None  # noqa: S101  (the page belongs to the running controller)
        return renderer(
            self.meters,
            lambda: Snapshot(
                statuses=board.statuses,
                engine_up=board.engine_up,
                state_writable=board.unwritable is None,
                audit_intact=not board.audit_problem,
                event_stream_up=event_stream_up(),
                invalid_documents=invalid(),
                last_pass=board.last_pass,
                last_success=board.last_success,
                queue=queue(),
            ),
            version=version,
        )


def failure_word(outcomes: Sequence[Outcome]) -> str:
    """The closed word for why a pass failed; "" when it did not."""
    error = failure(outcomes)
    if error is None:
        return ""
    return error.reason if isinstance(error, Unhealthy) else "error"


def downtime_s(outcomes: Sequence[Outcome]) -> float | None:
    """Seconds from the stop of the old container to the health of the new one; None where nothing was replaced
    or the old one was stopped after the new one served. Of a project from when Compose replaces services that run
    until all are healthy.
    """
    stops = [index for index, item in enumerate(outcomes) if _stops(item.action)]
    starts = [
        index for index, item in enumerate(outcomes) if isinstance(item.action, StartContainer | StartService)
    ]
    waits = [index for index, item in enumerate(outcomes) if isinstance(item.action, WaitHealthy | WaitProject)]
    if not (stops and starts and waits) or stops[0] > starts[0]:
        return None
    return sum(item.duration_ms for item in outcomes[stops[0] : waits[-1] + 1]) / 1000


def _stops(action: Action) -> bool:
    """Whether something that serves is stopped by it."""
    return isinstance(action, StopContainer) or (isinstance(action, ComposeUp) and bool(action.restarts))
