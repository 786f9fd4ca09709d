"""What all Actions have, and the two families of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Sign = Literal["+", "~", "-/+", "-", " "]


@dataclass(frozen=True, slots=True)
class ContainerRef:
    """A container: by id, or (id "") the one that this plan's ``generation`` creates. ``name`` is for people."""

    name: str
    id: str = ""
    generation: int = 0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Base. ``cause`` says why, in words that can be read aloud after "because".

    ``optional``: nothing later in a plan rests on it, so that its failure is told and the plan goes on.
    ``ignored``: nor is its failure one of the plan's, since its document says so.
    """

    kind: ClassVar[str] = ""
    sign: ClassVar[Sign] = " "
    optional: ClassVar[bool] = False
    ignored: ClassVar[bool] = False
    document: str
    cause: str

    @property
    def target(self) -> str:
        """What it acts on, for people."""
        return self.document


class EngineAction(Action):
    """Acts on the Docker host."""

    __slots__ = ()


class RecordAction(Action):
    """Acts on the history or the sticker."""

    __slots__ = ()
