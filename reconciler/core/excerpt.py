"""Excerpt: a situation with no more of the host in it than its document is about. Pure.

What is kept of a document between two looks must not hold the whole host for each of them. Everything that a view
tells of the document (drift, release, health, containers) is the same of the excerpt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from reconciler.core.row_index import RowIndex
from reconciler.core.situation import Situation
from reconciler.core.subject import subject

Value = TypeVar("Value")


def excerpt(situation: Situation) -> Situation:
    """The same for its own document."""
    seen, name = situation.observation, situation.desired.name
    rows = RowIndex(seen.containers).of(subject(situation.desired, situation.record))
    ids = {row.id for row in rows}
    details = {key: detail for key, detail in seen.details.items() if key in ids}
    known = (revision.image_id for revision in situation.record.revisions)
    images = {*known, *(detail.image_id for detail in details.values()), *seen.references.values()}
    return replace(
        situation,
        observation=replace(
            seen,
            containers=rows,
            details=details,
            images={key: facts for key, facts in seen.images.items() if key in images},
            stickers=_only(seen.stickers, name),
            deployments=_only(seen.deployments, name),
            deliveries=_only(seen.deliveries, name),
        ),
        needed_by={},
    )


def _only(found: Mapping[str, Value], name: str) -> Mapping[str, Value]:
    return {name: found[name]} if name in found else {}
