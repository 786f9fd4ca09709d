"""The loop's one pass over one document: observe, compare, plan, perform, record.

Level-triggered: a pass knows nothing of why it was woken and nothing of the pass before; it looks again. What
came of it is a Verdict, which says when to look next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.controller.assess import Assessor
from reconciler.controller.conclude import Conclusion
from reconciler.controller.perform import Performer
from reconciler.core.interfaces import Progress
from reconciler.core.outcome import Outcome, Verdict
from reconciler.core.plan import Plan
from reconciler.errors import StalePlan

MOST_STEPS = 12
"""A document that makes progress in every pass and still is not done after this many is left for later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass planned, did and concluded."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Passes over single documents. Different documents may be worked on by different threads at once."""

    assessor: Assessor
    performer: Performer
    conclusion: Conclusion
    observed: Callable[[Pass], None] = field(default=lambda _: None)

    def one_pass(
        self, name: str, *, progress: Progress, check: Callable[[Plan], None] = lambda _: None, prune: bool = False
    ) -> Pass:
        """Look once, act once. ``check`` may refuse the plan by raising before anything is done."""
        (assessment,) = self.assessor.prunable((name,)) if prune else self.assessor.assess((name,))
        check(assessment.plan)
        outcomes = self.performer.perform(assessment.plan, progress=progress)
        verdict = self.conclusion.conclude(assessment.situation, assessment.plan, outcomes)
        done = Pass(plan=assessment.plan, outcomes=outcomes, verdict=verdict)
        self.observed(done)
        return done

    def until_settled(
        self, name: str, *, progress: Progress, check: Callable[[Plan], None] = lambda _: None
    ) -> tuple[Pass, ...]:
        """Pass after pass until there is nothing more to do at once; the last one's verdict counts."""
        passes: list[Pass] = []
        while len(passes) < MOST_STEPS:
            passes.append(self.one_pass(name, progress=progress, check=check if not passes else lambda _: None))
            verdict = passes[-1].verdict
            if verdict.kind != "progressing":
                break
        return tuple(passes)


def refuse_changed(expected: dict[str, object], plan: Plan, now: dict[str, object]) -> None:
    """Raise StalePlan unless ``plan``'s JSON ``now`` is what was ``expected`` of it."""
    if expected != now:
        raise StalePlan(
            f"the plan for {plan.document} no longer fits: the host or the document changed since it was made",
            hint="make a new one with `reconciler plan --out FILE`",
        )
