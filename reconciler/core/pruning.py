"""Pruning: removing what documents that are gone have left. Never a matter of course.

Absence alone removes nothing. Removal needs ``prune``, a complete folder (every file readable and valid, at
least one document), the document's last ``deletionPolicy: delete`` or its explicit name, and stays under the cap
unless a person confirms. Volumes stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconciler.core.action import CollectFiles, ForgetDocument, RemoveSticker
from reconciler.core.hook_steps import leftover_hooks
from reconciler.core.itself import endangers_us
from reconciler.core.plan import Plan
from reconciler.core.planning import orphan_plan
from reconciler.core.situation import Situation
from reconciler.core.views import view_of


def prune_plan(situation: Situation) -> Plan:
    """Remove everything of this document that the host has, its sticker and its record."""
    view, document = view_of(situation), situation.desired.name
    danger = endangers_us(situation) or view.endangered
    if danger:
        return replace(orphan_plan(situation), blocked=danger)
    cause = "its document is gone and pruning was asked for"
    actions = (
        *leftover_hooks(situation),
        *view.removal(cause),
        *_deliveries(situation, cause),
        RemoveSticker(document=document, cause=cause, desired=situation.desired),
        ForgetDocument(document=document, cause=cause),
    )
    return replace(orphan_plan(situation), purpose="prune", actions=actions, blocked="")


def _deliveries(situation: Situation, cause: str) -> Iterator[CollectFiles]:
    """All that was ever delivered for it, also where nobody has looked."""
    document, reading = situation.desired.name, situation.observation.deliveries.get(situation.desired.name)
    known = any(item.desired.deliveries for item in situation.record.revisions)
    if known or (reading is not None and reading.stray):
        yield CollectFiles(document=document, cause=cause)


def over_the_cap(removals: Sequence[str], documents: int, *, cap_percent: int) -> str:
    """Why so many removals wait for a person; "" when they may go on.

    More than one, and more than ``cap_percent`` of all documents (those in the folder and those to remove).
    """
    total = documents + len(removals)
    if len(removals) > 1 and len(removals) * 100 > cap_percent * total:
        return (
            f"{len(removals)} of {total} documents would be removed, more than {cap_percent} %; "
            "`reconciler prune --confirm` removes them"
        )
    return ""
