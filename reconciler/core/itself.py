"""Itself: the container that this controller runs in, and what would stop or replace it. Pure.

A controller that replaced its own container would end in the middle of its plan, with the old one stopped and
nobody left to start the new one or to go back. So a document about that container is left alone, in every way:
deployed, healed, adopted, taken back or pruned.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core import names
from reconciler.core.observation import ContainerRow
from reconciler.core.project import PROJECT_LABEL
from reconciler.core.situation import Situation


def own_container(rows: Iterable[ContainerRow], own: Iterable[str]) -> ContainerRow | None:
    """The container that we run in, where this engine has it. ``own``: ids, or beginnings of ids."""
    beginnings = tuple(own)
    return next((row for row in rows if row.id.startswith(beginnings)), None) if beginnings else None


def endangers_us(situation: Situation) -> str:
    """Why this document is left alone; "" where it is not about the container that we run in."""
    row = own_container(situation.observation.containers, situation.own)
    if row is None or not _concerns(situation, row):
        return ""
    return (
        f"{row.name} ({row.id[:12]}) is the container that this controller runs in: replacing or stopping it would"
        " end the controller in the middle of the work; take it out of the documents and upgrade it from outside"
    )


def _concerns(situation: Situation, row: ContainerRow) -> bool:
    desired, record = situation.desired, situation.record
    states = (desired, *(revision.desired for revision in record.revisions))
    projects = {state.project.name for state in states if state.project is not None}
    marks = (row.labels.get(names.DOCUMENT), row.labels.get(names.OWNER))
    return (
        any(row.name in state.container_names for state in states)
        or any(operation.container_id == row.id for operation in record.operations)
        or row.labels.get(PROJECT_LABEL) in projects
        or marks == (desired.name, record.owner)
    )
