"""Look: what one look at the host rests on, for all documents alike, and what looks remember of each other.

Invariant: what is remembered follows from what it was made of alone, and is worked out anew when that changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from reconciler.controller.derived import Derived
from reconciler.core.desired import DesiredState
from reconciler.core.observation import Observation, StickerState, Subject
from reconciler.core.policy import Policy
from reconciler.core.record import Record
from reconciler.core.row_index import RowIndex
from reconciler.policy_file import Links


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look rests on."""

    records: Mapping[str, Record]
    observation: Observation
    subjects: Mapping[str, Subject]
    rows: RowIndex
    policy: Policy
    needed_by: Mapping[str, frozenset[str]]
    links: Links = field(default_factory=Links)


@dataclass(frozen=True, slots=True)
class Memory:
    """What was worked out in looks before, for as long as it would come out the same."""

    subjects: Derived[Subject] = field(default_factory=Derived)
    stickers: Derived[StickerState] = field(default_factory=Derived)
    paths: Derived[tuple[str, ...]] = field(default_factory=Derived)
    refusals: Derived[tuple[str, ...]] = field(default_factory=Derived)
    needed_by: Derived[Mapping[str, frozenset[str]]] = field(default_factory=Derived)
    rows: Derived[RowIndex] = field(default_factory=Derived)

    def keep(self, documents: Collection[str]) -> None:
        """Forget all others."""
        for values in (self.subjects, self.stickers, self.paths, self.refusals):
            values.keep(documents)


def needed_by(desired: Mapping[str, DesiredState], records: Mapping[str, Record]) -> Mapping[str, frozenset[str]]:
    """Which documents want an image or may go back to it."""
    found: dict[str, set[str]] = {}
    for name, item in desired.items():
        for image in item.all_images:
            found.setdefault(str(image), set()).add(name)
    for name, record in records.items():
        for image in (image for revision in record.revisions for image in revision.all_images):
            found.setdefault(str(image), set()).add(name)
    return {reference: frozenset(names) for reference, names in found.items()}
