"""What applying one document came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from reconciler.controller.loop import Pass
from reconciler.core.outcome import Outcome

AppliedOutcome = Literal["converged", "rolled-back", "failed", "held", "blocked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying one document came to, and every Outcome on the way."""

    name: str
    outcome: AppliedOutcome
    error: str = ""
    remark: str = ""
    outcomes: tuple[Outcome, ...] = field(default=())


def applied_of(name: str, passes: Sequence[Pass]) -> Applied:
    """The outcome of one document from all its passes: a rollback on the way is told, whatever came after."""
    kinds: dict[str, AppliedOutcome] = {
        "converged": "converged",
        "rolled-back": "rolled-back",
        "held": "held",
        "blocked": "blocked",
        "waiting": "blocked",
    }
    last = passes[-1].verdict
    outcome: AppliedOutcome = kinds.get(last.kind, "failed")
    error = "" if outcome == "converged" else last.reason
    outcomes = tuple(item for one in passes for item in one.outcomes)
    remarks = dict.fromkeys(one.verdict.reason for one in passes if one.verdict.kind == "converged")
    remark = "; ".join(filter(None, remarks))
    return Applied(name=name, outcome=outcome, error=error, remark=remark, outcomes=outcomes)
