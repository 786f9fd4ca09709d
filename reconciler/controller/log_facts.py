"""What a log line about a pass names, so that it can be searched by it and read without its neighbours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from reconciler.core.action import Commit, PullImage, RecordHeal, RecordIntent, RecordUndone
from reconciler.core.outcome import Outcome
from reconciler.core.plan import Plan

REVISION_DIGITS = 12
"""Of the fingerprint: enough to know it again in ``history --json``."""


def facts_of(plan: Plan, outcomes: Sequence[Outcome]) -> Mapping[str, object]:
    """Generation (where the plan is about one) and revision, the Action that it came to, and why it was begun."""
    last = outcomes[-1].action
    generation = generation_of(plan)
    return {
        "purpose": plan.purpose,
        **({"generation": generation} if generation else {}),
        "revision": plan.fingerprint.removeprefix("sha256:")[:REVISION_DIGITS],
        "action": f"{last.kind} {last.target}",
        "cause": _cause(plan, outcomes),
    }


def _cause(plan: Plan, outcomes: Sequence[Outcome]) -> str:
    """Why the operation is begun, which what records it tells; a pull before it is for a missing image only."""
    recorded = (item.cause for item in plan.actions if isinstance(item, RecordIntent | RecordHeal))
    begun = (item.action.cause for item in outcomes if not isinstance(item.action, PullImage))
    return next(chain(recorded, begun), outcomes[0].action.cause)


def generation_of(plan: Plan) -> int:
    """The generation that the plan is about, 0 when it is about none."""
    numbered = (item.generation for item in plan.actions if isinstance(item, RecordIntent | Commit | RecordUndone))
    return next(numbered, 0)
