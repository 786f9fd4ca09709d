"""Outcome: what came of one Action. Verdict: what follows from all outcomes of a pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reconciler.core.action import Action
from reconciler.errors import ReconcilerError

OutcomeKind = Literal["done", "already", "failed"]
VerdictKind = Literal["converged", "progressing", "rolled-back", "failed", "held", "blocked", "waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``already``: it was so before. ``detail`` is a short result for people and holds no secret; of what failed
    it is given where there is more to tell than its error does.
    ``container_id`` and ``image_id`` carry what the engine answered to a create or a verify.
    """

    kind: OutcomeKind
    action: Action
    detail: str = ""
    error: ReconcilerError | None = None
    container_id: str = ""
    image_id: str = ""
    duration_ms: int = 0


def failure(outcomes: Sequence[Outcome]) -> ReconcilerError | None:
    """What went wrong in a plan: the error that ended it, else that of the first optional Action that failed and
    is not ignored.
    """
    if outcomes and outcomes[-1].kind == "failed":
        return outcomes[-1].error
    passed_over = ignored(outcomes)
    errors = (item.error for item in outcomes if item.kind == "failed" and item not in passed_over)
    return next(errors, None)


def ignored(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Failures that the document says to ignore, and that the plan went on from."""
    return tuple(item for item in outcomes[:-1] if item.kind == "failed" and item.action.ignored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a pass ended with for one document.

    ``retry_after`` in seconds: look again then (0: at once, there is more to do); None: when something wakes us.
    """

    kind: VerdictKind
    reason: str = ""
    retry_after: float | None = None
