"""What the pages are made from, and who is asked for it.

The pages ask for nothing else: no engine, no file, no clock. Whoever answers has it in memory or in the history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from reconciler.core.comparison import Field
from reconciler.core.plan import Plan
from reconciler.core.record import Event, Record
from reconciler.core.status import DocumentStatus

Numbered = tuple[int, Event]
"""An event and its number in the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All documents, worst first. ``host`` is what this host is called; times are seconds since the epoch.
    ``troubles`` say what is wrong with the whole, ``problems`` what is wrong in files.
    """

    host: str
    now: float
    looked_at: float
    statuses: tuple[DocumentStatus, ...] = ()
    troubles: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One container of a document. ``health_log`` is what its last health checks said, oldest first."""

    name: str
    id: str
    state: str
    fields: tuple[Field, ...]
    health_log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One document. ``plan`` is None while nothing is known of the host; ``advice`` is the next step of a person
    ("" for none), ``sticker_place`` where its sticker lies.
    """

    status: DocumentStatus
    record: Record
    plan: Plan | None
    parts: tuple[Part, ...] = ()
    advice: str = ""
    sticker_place: str = ""


class Facts(Protocol):
    """Answers from memory and from the history. May block, so it is asked in a thread of its own. Raises
    StateError.
    """

    def overview(self) -> Overview: ...

    def portrait(self, name: str) -> Portrait | None:
        """None for a name that nobody knows."""

    def record(self, name: str) -> Record:
        """What the history knows of a document; an empty one for a name never seen."""

    def events(self, name: str, *, before: int, limit: int) -> tuple[Numbered, ...]:
        """The newest first, from the one before this number on (0: the newest)."""
