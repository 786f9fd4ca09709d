"""Downtime: what a plan costs those who use the app, as far as the plan itself tells. Pure.

From the first stop of something that is started again, or replaced, to the end of the wait for its health. A
release that is healthy before the old one stops costs none.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.action import (
    Action,
    ComposeUp,
    StartContainer,
    StartService,
    StopContainer,
    WaitHealthy,
    WaitProject,
)
from reconciler.core.plan import Plan


def downtime(plan: Plan) -> str:
    """What to expect, in words; "" where nothing is stopped that is to run again."""
    if not plan.restarts:
        return ""
    stops, starts = (StopContainer, ComposeUp), (StartContainer, StartService)
    down = next(place for place, action in enumerate(plan.actions) if isinstance(action, stops))
    up = max(place for place, action in enumerate(plan.actions) if isinstance(action, starts))
    if up < down:
        return "none: the new one is healthy before the old one stops"
    limit_ms = _longest_wait(plan.actions[down:])
    at_most = f", {limit_ms / 1000:g}s at most" if limit_ms else ""
    return f"from stop to healthy{at_most}"


def _longest_wait(actions: Sequence[Action]) -> int:
    waits = [action for action in actions if isinstance(action, WaitHealthy | WaitProject)]
    return max((action.timeout_ms for action in waits), default=0)
