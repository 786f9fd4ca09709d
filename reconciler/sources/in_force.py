"""Which documents are in force when some of what the folder says cannot be used. Pure.

A document that collides with another is refused, and the last good one of its name stays in force in its place;
then what is left is checked again, until nothing new is refused. What was in force is never refused for what is
new. Documents that are not involved go on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.desired import DesiredState
from reconciler.spec.check import Conflict, conflicts
from reconciler.spec.problem import Path


@dataclass(frozen=True, slots=True)
class Settled:
    """``documents`` in force, and every ``conflict`` that was met on the way (warnings of what is in force)."""

    documents: tuple[DesiredState, ...]
    conflicts: tuple[Conflict, ...]


def settle(
    wanted: Sequence[DesiredState], former: Mapping[str, DesiredState], *, known: Collection[str] = ()
) -> Settled:
    """``former``: last good documents by name. ``known``: names of documents that are there but cannot be used."""
    current = list(wanted)
    names = {*known, *(item.name for item in wanted)}
    asked = {id(item) for item in wanted}
    standing = {id(item) for item in former.values()}
    told: dict[tuple[int, Path, str], Conflict] = {}
    while True:
        found = conflicts(current, known=names)
        told |= {_key(item): item for item in found if item.level == "error" and id(item.document) in asked}
        errors = [item.document for item in found if item.level == "error" and id(item.document) not in standing]
        if not errors:
            warnings = [item for item in found if item.level == "warning"]
            return Settled(tuple(current), (*told.values(), *warnings))
        refused = {id(item): item.name for item in errors}
        current = [item for item in current if id(item) not in refused]
        there = {item.name for item in current}
        current += [former[name] for name in sorted(set(refused.values())) if name in former and name not in there]


def _key(conflict: Conflict) -> tuple[int, Path, str]:
    return (id(conflict.document), conflict.path, conflict.message)
