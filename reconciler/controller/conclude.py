"""Conclude: what follows from the Outcomes of one plan, written to the history, told as a Verdict.

The last step of a pass. It decides whether a failure quarantines a release and when to look again; it never
acts on the host. A failure between intent and commit leaves the operation open: the next pass takes it back.
Whether it was taken back is decided by what serves, not by what was to be written afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.controller.backoff import backoff_delay
from reconciler.core.action import Commit, VerifyProject, WaitHealthy, WaitProject
from reconciler.core.interfaces import Journal
from reconciler.core.outcome import Outcome, Verdict, failure, ignored
from reconciler.core.plan import Plan
from reconciler.core.record import Operation
from reconciler.core.situation import Situation
from reconciler.errors import ComposeMissing, Interrupted, ReconcilerError, StateError, TemporaryError

WAIT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """Writes what came of plans to the history. ``chance`` gives 0..1 for the jitter of the backoff."""

    journal: Journal
    clock: Callable[[], float]
    chance: Callable[[], float]

    def conclude(self, situation: Situation, plan: Plan, outcomes: Sequence[Outcome]) -> Verdict:
        """The verdict on one document after its plan was carried out as far as it went."""
        error = failure(outcomes)
        if error is not None:
            return self._failed(situation, plan, outcomes, error)
        if plan.purpose == "undo":
            return self._undone(situation, plan)
        if plan.purpose == "adopt" and plan.actions:
            return Verdict(kind="progressing", reason="adopted", retry_after=0.0)
        return self._went_well(situation, plan, outcomes)

    def _went_well(self, situation: Situation, plan: Plan, outcomes: Sequence[Outcome]) -> Verdict:
        if plan.waiting:
            return Verdict(kind="waiting", reason=plan.blocked, retry_after=WAIT_S)
        if _former_healed(situation, plan):
            # The failures stay counted: a release that breaks its former each time is tried ever more seldom.
            return Verdict(kind="progressing", reason="the former release serves again", retry_after=0.0)
        self.journal.passed(situation.desired.name)
        if plan.held:
            return Verdict(kind="held", reason=plan.blocked)
        if plan.blocked:
            return Verdict(kind="blocked", reason=plan.blocked)
        ignoring = (str(item.error).partition("\n")[0] for item in ignored(outcomes))
        return Verdict(kind="converged", reason="; ".join(f"ignored: {said}" for said in ignoring))

    def _undone(self, situation: Situation, plan: Plan, besides: ReconcilerError | None = None) -> Verdict:
        """The release was taken back; ``besides`` is what failed without mattering to that."""
        operation = situation.record.open
        assert operation is not None  # noqa: S101  (an undo plan is only made for an open operation)
        former = plan.waits
        also = f"; besides: {besides}" if besides else ""
        if former:
            self.journal.restored(plan.document, operation.generation)
        if not operation.failure:
            return Verdict(kind="progressing", reason=f"took back what was interrupted{also}", retry_after=0.0)
        reason = with_remark(operation.failure, also)
        if not operation.quarantine:
            return self._later(plan.document, reason, None)
        if former:
            return Verdict(kind="rolled-back", reason=reason)
        gone = situation.record.committed is not None
        lack = "the former container does not come back" if gone else "there is nothing to go back to"
        told = with_remark(operation.failure, f"; {lack}{also}")
        return Verdict(kind="failed", reason=told, retry_after=0.0 if gone else None)

    def _failed(
        self, situation: Situation, plan: Plan, outcomes: Sequence[Outcome], error: ReconcilerError
    ) -> Verdict:
        record = self.journal.record(plan.document)
        if isinstance(error, Interrupted):
            return Verdict(kind="waiting", reason=str(error), retry_after=0.0)
        if plan.purpose == "undo":
            return self._undo_failed(situation, plan, outcomes, error)
        if record.open is not None:
            quarantine = quarantines(situation, record.open, error)
            self.journal.failed(plan.document, record.open.generation, reason=str(error), quarantine=quarantine)
            return Verdict(kind="progressing", reason=str(error), retry_after=0.0)
        if any(isinstance(item.action, Commit) for item in outcomes):
            return self._later(plan.document, f"the release runs; afterwards: {error}", error)
        return self._later(plan.document, str(error), error)

    def _undo_failed(
        self, situation: Situation, plan: Plan, outcomes: Sequence[Outcome], error: ReconcilerError
    ) -> Verdict:
        taken_back = self.journal.record(plan.document).open is None
        if taken_back and (serves(outcomes) or not plan.waits):
            return self._undone(situation, plan, besides=error)
        state = "the former container does not serve" if taken_back else "taking the release back failed"
        return self._later(plan.document, f"{state}: {error}", error)

    def _later(self, document: str, reason: str, error: ReconcilerError | None) -> Verdict:
        failures = self.journal.record(document).failures + 1
        asked = error.retry_after if isinstance(error, TemporaryError) else None
        delay = asked if asked is not None else backoff_delay(failures, self.chance())
        self.journal.retry_later(document, error=reason, retry_at=self.clock() + delay)
        return Verdict(kind="failed", reason=reason, retry_after=delay)


def with_remark(reason: str, remark: str) -> str:
    """The remark stands behind the first line: lines below it are what a container said."""
    head, line_break, rest = reason.partition("\n")
    return head + remark + line_break + rest


def _former_healed(situation: Situation, plan: Plan) -> bool:
    """Whether nothing but the former release was put right, and the wanted one is to be tried now."""
    committed = situation.record.committed
    other = committed is not None and committed.fingerprint != situation.desired.fingerprint
    return other and plan.purpose == "heal" and bool(plan.actions) and not plan.blocked and not plan.held


def quarantines(situation: Situation, operation: Operation, error: ReconcilerError) -> bool:
    """Whether this failure ends the tries of a release: one that does not pass by itself, of a deploy or a
    rollback, after as many further tries as the document allows; at least one where somebody else has ended it. A
    host without Compose, or our own disk, says nothing about a release.
    """
    if isinstance(error, TemporaryError | ComposeMissing | StateError) or operation.kind in {"heal", "adopt"}:
        return False
    failures = situation.record.failures_of(operation.fingerprint)
    return failures >= max(situation.desired.strategy.retries, int(error.outside))


def serves(outcomes: Sequence[Outcome]) -> bool:
    """Whether the container or the whole project was waited for and found healthy, and no look at its images said
    otherwise. An Outcome that failed only because something could not be recorded has been well.
    """
    well = [
        item.kind != "failed" or isinstance(item.error, StateError)
        for item in outcomes
        if isinstance(item.action, WaitHealthy | WaitProject | VerifyProject)
    ]
    return bool(well) and all(well)
