"""Plan: the ordered Actions for one document, or the reason why there are none.

A value: printable, comparable, serialisable. How it is made is in ``planning``; what it will cost in
restarts is counted here, from the Actions themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from reconciler.core.action import (
    Action,
    Commit,
    ComposeUp,
    RecordIntent,
    RecordUndone,
    StartContainer,
    StartService,
    StopContainer,
    WaitHealthy,
    WaitProject,
)
from reconciler.core.drift import Drift

Purpose = Literal["none", "deploy", "rollback", "heal", "undo", "adopt", "repair", "prune"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``fingerprint`` is that of the wanted revision.

    ``blocked`` says why nothing may be done although something differs; it then has no deploy Actions.
    ``waiting``: the block is expected to pass (a dependency, a backoff); ``held``: it needs a person or a
    changed document. ``changes`` is True when carrying it out would change the host, the history or a sticker.
    """

    document: str
    fingerprint: str = ""
    kind: str = "Container"
    target: str = ""
    purpose: Purpose = "none"
    drift: tuple[Drift, ...] = ()
    actions: tuple[Action, ...] = ()
    blocked: str = ""
    waiting: bool = False
    held: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def changes(self) -> bool:
        return bool(self.actions)

    @property
    def generation(self) -> int:
        """The generation that it is about, 0 when it is about none."""
        begun = (
            item.generation for item in self.actions if isinstance(item, RecordIntent | Commit | RecordUndone)
        )
        return next(begun, 0)

    @property
    def standstill(self) -> Literal["", "waiting", "held", "blocked"]:
        """The word for why nothing may be done; "" where it may."""
        if not self.blocked:
            return ""
        return "waiting" if self.waiting else "held" if self.held else "blocked"

    @property
    def quiet(self) -> bool:
        """Whether there is nothing in it: all is as it should be, and nothing is to be said of it."""
        loud = self.drift or self.actions or self.blocked or self.notes or self.waiting or self.held
        return self.purpose == "none" and not loud

    @property
    def restarts(self) -> int:
        """How many containers are stopped by it to be started again, or to have another in their place; of a
        Compose project how many of its services are expected to be.
        """
        starts = any(isinstance(action, StartContainer | StartService) for action in self.actions)
        stops = sum(isinstance(action, StopContainer) for action in self.actions)
        ups = (action for action in self.actions if isinstance(action, ComposeUp))
        return starts * (stops + sum(len(action.restarts) for action in ups))

    @property
    def waits(self) -> bool:
        """Whether it ends with what was committed seen healthy."""
        return any(isinstance(action, WaitHealthy | WaitProject) for action in self.actions)
