"""Documents that came over the API, as they were put.

Invariant: the revision of a name only grows, also where its document is deleted and put again; so whoever changes
what has been looked at changes just that, or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select

from reconciler.errors import NotKnown, RequestConflict, RequestStale
from reconciler.orchestrator.store.tables import documents

ANY: Final = -1
"""In place of a revision: whichever is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """``actor``: who put this revision."""

    name: str
    revision: int
    text: str = field(repr=False)
    actor: str
    changed_at: datetime

    @property
    def file(self) -> str:
        """What it is called beside files: none of a folder is called so, for want of an ending."""
        return f"api/{self.name}"


def every(on: Connection) -> list[Kept]:
    """All that are there, by name."""
    rows = on.execute(select(documents).where(documents.c.text.is_not(None)).order_by(documents.c.name))
    return [_kept(row) for row in rows]


def look_up(on: Connection, name: str) -> Kept | None:
    """None where there is no such document."""
    row = on.execute(select(documents).where(documents.c.name == name)).one_or_none()
    return None if row is None or row.text is None else _kept(row)


def put(on: Connection, name: str, text: str, *, expected: int | None, actor: str, now: datetime) -> Kept:
    """The next revision. ``expected``: the one that it replaces; None: there is none. Raises RequestConflict where
    there is one nevertheless, RequestStale where it is another one.
    """
    _check(name, look_up(on, name), expected)
    return _write(on, name, text, actor, now)


def remove(on: Connection, name: str, *, expected: int | None, actor: str, now: datetime) -> None:
    """Raises NotKnown, RequestConflict where no revision is said, RequestStale where it is another one."""
    found = look_up(on, name)
    if found is None:
        raise NotKnown(
            f"no document {name[:80]!r} came over the API", hint="those of the folder are removed there"
        )
    _check(name, found, expected)
    _write(on, name, None, actor, now)


def _check(name: str, found: Kept | None, expected: int | None) -> None:
    if found is None and expected is not None:
        raise RequestStale(f"the document {name[:80]!r} is not there to be changed", hint="put it as a new one")
    if found is None:
        return
    if expected is None:
        raise RequestConflict(
            f"the document {name} is there already, in revision {found.revision}",
            hint="say which revision is to be changed (If-Match), after a look at it",
        )
    if expected not in {ANY, found.revision}:
        raise RequestStale(
            f"the document {name} is in revision {found.revision} by now, by {found.actor}, and not in {expected}",
            hint="look at what it says now, and make the change anew",
        )


def _write(on: Connection, name: str, text: str | None, actor: str, now: datetime) -> Kept:
    """A deleted one leaves its revision."""
    taken = on.execute(select(documents.c.revision).where(documents.c.name == name)).scalar() or 0
    on.execute(delete(documents).where(documents.c.name == name))
    values = {"name": name, "revision": taken + 1, "actor": actor, "changed_at": now}
    on.execute(insert(documents).values(text=text, **values))
    return Kept(name=name, revision=taken + 1, text=text or "", actor=actor, changed_at=now)


def _kept(row: Row[Any]) -> Kept:
    return Kept(name=row.name, revision=row.revision, text=row.text, actor=row.actor, changed_at=row.changed_at)
