"""Pruning: removing what documents that are gone have left. Never a matter of course.

Absence alone removes nothing. Removal needs ``prune``, a complete folder (every file readable and valid, at
least one document), the document's last ``deletionPolicy: delete`` or its explicit name, and stays under the cap
unless a person confirms. Volumes stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconciler.core.action import (
    Action,
    ContainerRef,
    ForgetDocument,
    RemoveContainer,
    RemoveSticker,
    StopContainer,
)
from reconciler.core.observation import ALIVE
from reconciler.core.ownership import find_claims
from reconciler.core.plan import Plan
from reconciler.core.planning import orphan_plan
from reconciler.core.situation import Situation


def prune_plan(situation: Situation) -> Plan:
    """Stop and remove every container the history names as this document's, its sticker and its record."""
    claims = find_claims(situation.desired.container_name, situation.observation, situation.record)
    rows = [row for row in (claims.current, claims.next, *(row for _, row in claims.kept)) if row is not None]
    cause = "its document is gone and pruning was asked for"
    document = situation.desired.name
    actions: list[Action] = []
    for row in rows:
        actions += _removal(document, ContainerRef(row.name, row.id), cause, alive=row.status in ALIVE)
    actions.append(RemoveSticker(document=document, cause=cause, desired=situation.desired))
    actions.append(ForgetDocument(document=document, cause=cause))
    return replace(orphan_plan(situation), purpose="prune", actions=tuple(actions), blocked="")


def _removal(document: str, container: ContainerRef, cause: str, *, alive: bool) -> Iterator[Action]:
    if alive:
        yield StopContainer(document=document, cause=cause, container=container)
    yield RemoveContainer(document=document, cause=cause, container=container)


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
