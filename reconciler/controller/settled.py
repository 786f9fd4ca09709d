"""Settled: what was decided about a document that is as it should be, told again while nothing that the decision
rests on has changed. A quiet look at hundreds of documents costs a comparison for each, not a plan.

Decides what such a decision rests on (``grounds``). Plans are a pure function of the situation, so equal grounds
give an equal plan; of the host those rows alone count that could matter to the document.

Invariant: only a plan with nothing in it is kept: no difference, Action, obstacle or note. Whatever ends by time
alone (a suspension, a hold) shows in a plan, so the clock is no ground.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from reconciler.core.observation import Subject
from reconciler.core.plan import Plan
from reconciler.core.row_index import RowIndex
from reconciler.core.situation import Situation
from reconciler.core.status import DocumentStatus

Grounds = tuple[object, ...]


@dataclass(slots=True)
class _Entry:
    grounds: Grounds
    plan: Plan
    status: DocumentStatus | None = None


class Settled:
    """By document. Used by several threads: each entry is read and written at once."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def plan(self, name: str, grounds: Grounds) -> Plan | None:
        """What was decided on equal grounds, if it was to do nothing."""
        known = self._entries.get(name)
        return known.plan if known is not None and known.grounds == grounds else None

    def decided(self, grounds: Grounds, plan: Plan) -> None:
        """Keep the plan if there is nothing in it, else forget the document."""
        if plan.quiet:
            self._entries[plan.document] = _Entry(grounds, plan)
        else:
            self._entries.pop(plan.document, None)

    def status(self, plan: Plan) -> DocumentStatus | None:
        """What was said of the document when this very plan was kept."""
        known = self._entries.get(plan.document)
        return known.status if known is not None and known.plan is plan else None

    def judged(self, plan: Plan, status: DocumentStatus) -> None:
        """Keep what is said of the document together with its plan."""
        known = self._entries.get(plan.document)
        if known is not None and known.plan is plan:
            known.status = status

    def keep(self, names: Collection[str]) -> None:
        """Forget all other documents."""
        self._entries = {name: entry for name, entry in self._entries.items() if name in names}


def grounds(situation: Situation, subject: Subject, rows: RowIndex) -> Grounds:
    """All that a plan for the document rests on, but for the clock."""
    seen, name = situation.observation, situation.desired.name
    own = rows.of(subject)
    details = tuple([seen.details.get(row.id) for row in own])
    return (
        situation.desired,
        situation.record,
        situation.sticker,
        situation.suspension,
        situation.unmet,
        situation.refusals,
        situation.places,
        situation.signatures,
        rows.beginning_with(situation.own),
        own,
        details,
        tuple([seen.images.get(detail.image_id) for detail in details if detail is not None]),
        seen.engine,
        seen.deployments.get(name),
        seen.deliveries.get(name),
        _collectable(situation, rows),
    )


def _collectable(situation: Situation, rows: RowIndex) -> Grounds:
    """What may let images of earlier revisions go: whether any container, or another document, needs them."""
    revisions = situation.record.revisions
    if len(revisions) < 2:
        return ()
    return tuple(
        (revision.image_id in rows.images, *(situation.needed_by.get(str(image)) for image in revision.all_images))
        for revision in revisions
    )
