"""The loop's one pass over one document: observe, compare, plan, perform, record.

Level-triggered: a pass knows nothing of why it was woken and nothing of the pass before; it looks again. What
came of it is a Verdict, which says when to look next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.controller.assess import Assessment, Assessor
from reconciler.controller.conclude import WAIT_S, Conclusion
from reconciler.controller.perform import NOBODYS, Performer, always
from reconciler.core.action import Action, RecordIntent
from reconciler.core.audit import NOWHERE, OF_ITS_OWN, Account, Origin, account_of
from reconciler.core.desired import DesiredState
from reconciler.core.interfaces import Progress
from reconciler.core.outcome import Outcome, Verdict
from reconciler.core.plan import Plan
from reconciler.core.plan_json import plan_json
from reconciler.errors import StalePlan

MOST_STEPS = 12
"""A document that makes progress in every pass and still is not done after this many is left for later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass found, did and concluded."""

    assessment: Assessment
    outcomes: tuple[Outcome, ...]
    verdict: Verdict

    @property
    def plan(self) -> Plan:
        return self.assessment.plan


def never() -> bool:
    """Nobody asks us to stop."""
    return False


def unchecked() -> None:
    """What is done can be recorded, for all we know."""


def from_nowhere(_: DesiredState) -> Origin:
    """Nobody knows which file asks for a document."""
    return NOWHERE


def unheard(_: object) -> None:
    """Nobody listens."""


def untold(_: DesiredState) -> str:
    """Nobody has said."""
    return ""


def permitted(_: DesiredState) -> bool:
    """Nobody has to be asked."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Passes over single documents. Different documents may be worked on by different threads at once.

    ``assessed`` and ``passed`` are told of every pass before and after it acts. Between Actions is asked
    whether we still ``may_act`` (hold the lock), whether we are ``stopping``, and whether a release that is not
    begun yet is still the one that is wanted; to take back what was begun only the lock is needed. Before the
    first Action ``before_acting`` raises StateError where what would be done could not be recorded; not before
    something is taken back, whose intent is recorded. ``actor`` says who wanted a document, ``origin`` which file.
    ``may_begin`` is asked when all is prepared and the next Action begins a release: whether it still may.
    ``task`` says which task of an orchestrator wanted a document.
    """

    assessor: Assessor
    performer: Performer
    conclusion: Conclusion
    actor: Callable[[DesiredState], str]
    origin: Callable[[DesiredState], Origin] = from_nowhere
    may_act: Callable[[], bool] = always
    stopping: Callable[[], bool] = never
    before_acting: Callable[[], None] = unchecked
    may_begin: Callable[[DesiredState], bool] = permitted
    task: Callable[[DesiredState], str] = untold
    assessed: Callable[[Assessment], None] = unheard
    passed: Callable[[Pass], None] = unheard

    def one_pass(
        self, name: str, *, progress: Progress, expected: Mapping[str, Any] | None = None, prune: bool = False
    ) -> Pass:
        """Look once, act once. Raises as ``pass_on``."""
        return self.pass_on(self._assess(name, prune=prune), progress=progress, expected=expected)

    def pass_on(
        self, assessment: Assessment, *, progress: Progress, expected: Mapping[str, Any] | None = None
    ) -> Pass:
        """Act once on what was seen. Raises StalePlan, before anything is done, for a plan that is not
        ``expected``, and StateError where it could not be recorded.
        """
        plan = assessment.plan
        if expected is not None:
            refuse_changed(expected, plan)
        self.assessed(assessment)
        if plan.actions and plan.purpose != "undo":
            self.before_acting()
        actor, account = self._account(assessment)
        outcomes = self.performer.perform(
            plan,
            progress=progress,
            actor=actor,
            account=account,
            may_continue=(lambda _: self.may_act()) if plan.purpose == "undo" else self._way_on(assessment),
        )
        done = Pass(assessment=assessment, outcomes=outcomes, verdict=self._concluded(assessment, outcomes))
        self.passed(done)
        return done

    def _account(self, assessment: Assessment) -> tuple[str, Account]:
        """Who events and the audit log name. Where a file comes from is only asked if something is to be done."""
        situation, plan = assessment.situation, assessment.plan
        actor = self.actor(situation.desired)
        if not plan.actions:
            return actor, NOBODYS
        account = account_of(situation, plan, actor=actor, origin=self.origin(situation.desired))
        asked = "" if plan.purpose in OF_ITS_OWN else self.task(situation.desired)
        return actor, replace(account, task=asked)

    def _concluded(self, assessment: Assessment, outcomes: Sequence[Outcome]) -> Verdict:
        """Who has lost the lock writes nothing: what went wrong may be the doing of another who is at work now."""
        if not self.may_act():
            return Verdict(kind="waiting", reason="another controller may be at work here", retry_after=WAIT_S)
        return self.conclusion.conclude(assessment.situation, assessment.plan, outcomes)

    def _way_on(self, assessment: Assessment) -> Callable[[Action], bool]:
        def goes_on(action: Action) -> bool:
            if not self.may_act() or self.stopping() or not self._still_wanted(assessment):
                return False
            return not isinstance(action, RecordIntent) or self.may_begin(assessment.situation.desired)

        return goes_on

    def _still_wanted(self, assessment: Assessment) -> bool:
        """False for a release that its document no longer asks for and that nothing was done for but a pull, which
        may have taken long; what was begun is ended first.
        """
        before = assessment.situation
        name = before.desired.name
        now = self.assessor.catalogue.desired().get(name, before.desired)
        if now.fingerprint == before.desired.fingerprint:
            return True
        begins = any(isinstance(action, RecordIntent) for action in assessment.plan.actions)
        return not begins or self.assessor.journal.record(name).generation != before.record.generation

    def until_settled(
        self, name: str, *, progress: Progress, expected: Mapping[str, Any] | None = None
    ) -> tuple[Pass, ...]:
        """Pass after pass until there is nothing more to do at once; the last one's verdict counts."""
        passes = [self.one_pass(name, progress=progress, expected=expected)]
        while passes[-1].verdict.kind == "progressing" and len(passes) < MOST_STEPS:
            passes.append(self.one_pass(name, progress=progress))
        return tuple(passes)

    def _assess(self, name: str, *, prune: bool) -> Assessment:
        (found,) = self.assessor.prunable((name,)) if prune else self.assessor.assess((name,))
        return found


def refuse_changed(expected: Mapping[str, Any], plan: Plan) -> None:
    """Raise StalePlan unless ``plan`` says what was ``expected`` of it (its JSON)."""
    if expected != plan_json(plan):
        raise StalePlan(
            f"the plan for {plan.document} no longer fits: the host or the document changed since it was made",
            hint="make a new one with `reconciler plan --out FILE`",
        )
