"""Beside: what whoever works beside the controller, as an agent does, is asked and told by the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.controller.loop import Pass, permitted, unheard, untold
from reconciler.core.desired import DesiredState


def unasked() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """``passed`` hears of each pass, ``recorded`` of each event that was recorded. ``may_begin`` is asked before a
    release is begun. ``actor`` and ``task`` say on whose account a document is as it is; "" where they know
    nothing. All are asked in the loop's threads.
    """

    passed: Callable[[Pass], None] = unheard
    recorded: Callable[[], None] = unasked
    may_begin: Callable[[DesiredState], bool] = permitted
    actor: Callable[[DesiredState], str] = untold
    task: Callable[[DesiredState], str] = untold


ALONE = Beside()
"""Nobody works beside the controller."""
