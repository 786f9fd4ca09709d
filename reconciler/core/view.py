"""View: one document on its host, as its kind of document decides about it.

The rules of ``planning`` and the words of ``judge`` are the same for every kind of document; what they rest on is
asked for here. A view is made of one Situation and never changes.
"""

from __future__ import annotations

from typing import Protocol

from reconciler.core.action import Action
from reconciler.core.adoption import Adoption
from reconciler.core.counterpart import Counterpart
from reconciler.core.drift import Drift
from reconciler.core.record import Operation, OperationKind
from reconciler.core.situation import Situation
from reconciler.core.status import HealthWord


class View(Protocol):
    """What the rules ask of a document's kind."""

    @property
    def situation(self) -> Situation: ...

    @property
    def drift(self) -> tuple[Drift, ...]:
        """Every difference between the document and the host, without those it says to ignore."""

    @property
    def stranger(self) -> str:
        """Why nothing may be touched: what is somebody else's, in words. "" when nothing is."""

    @property
    def endangered(self) -> str:
        """The same, of what even taking something back would touch."""

    @property
    def adoptable(self) -> bool:
        """Whether the document may take over what is a stranger's."""

    def adoption(self) -> Adoption | None:
        """Taking over what is a stranger's; None when there is nothing of that sort."""

    def conflict(self) -> str:
        """Why a deploy would fail on another document's or a stranger's host port; "" when it would not."""

    def undo(self, operation: Operation) -> tuple[Action, ...]:
        """Take back the operation that is open, from whatever point it was left at."""

    def replacement(self, kind: OperationKind, cause: str) -> tuple[Action, ...]:
        """Bring the wanted revision and commit it, from its images to what is no longer needed."""

    def restart(self, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
        """The Actions for what cannot be put right without starting something; () when nothing is of that sort."""

    def in_place(self, drift: tuple[Drift, ...]) -> tuple[Action, ...]:
        """What can be put right without starting anything."""

    def stable(self) -> bool:
        """Whether all that is to run does so, or has ended well, and is healthy."""

    def leftovers(self) -> tuple[Action, ...]:
        """Collect what is neither committed nor kept any more."""

    def removal(self, cause: str) -> tuple[Action, ...]:
        """Remove all of this document that the host has, without its sticker and its record."""

    def remains(self) -> str:
        """What of a document that is gone may be on the host, for people."""

    def running(self) -> tuple[str, str]:
        """Release id and digest of what runs, from the live containers, never from labels alone."""

    def health(self) -> HealthWord:
        """Health of what is there."""

    def counterparts(self) -> tuple[Counterpart, ...]:
        """Each container that is compared, beside what is wanted of it."""
