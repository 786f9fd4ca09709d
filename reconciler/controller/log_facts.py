"""What a log line about a pass names, so that it can be searched by it and read without its neighbours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.action import Commit, RecordIntent, RecordUndone
from reconciler.core.outcome import Outcome
from reconciler.core.plan import Plan

REVISION_DIGITS = 12
"""Of the fingerprint: enough to know it again in ``history --json``."""


def facts_of(plan: Plan, outcomes: Sequence[Outcome]) -> Mapping[str, object]:
    """Generation (where the plan is about one) and revision, the Action that it came to, and why it was begun."""
    first, last = outcomes[0].action, outcomes[-1].action
    generation = generation_of(plan)
    return {
        "purpose": plan.purpose,
        **({"generation": generation} if generation else {}),
        "revision": plan.fingerprint.removeprefix("sha256:")[:REVISION_DIGITS],
        "action": f"{last.kind} {last.target}",
        "cause": first.cause,
    }


def generation_of(plan: Plan) -> int:
    """The generation that the plan is about, 0 when it is about none."""
    numbered = (item.generation for item in plan.actions if isinstance(item, RecordIntent | Commit | RecordUndone))
    return next(numbered, 0)
