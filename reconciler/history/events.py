"""Events of documents: what was done, to what, why, and what came of it. Shown by ``why`` and ``events``.

Bounded: the newest five hundred of a document stay, also when the document was pruned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from sqlite3 import Row

from reconciler.core.record import Event
from reconciler.history.part import Part

KEPT_EVENTS = 500

_COLUMNS = ", ".join(item.name for item in fields(Event))
_MARKS = ", ".join("?" for _ in fields(Event))


class EventLog(Part):
    """Append and read events."""

    def add_event(self, event: Event) -> None:
        """Keep one event and let go of the oldest beyond the bound."""
        with self._database.write() as connection:
            connection.execute(f"INSERT INTO events ({_COLUMNS}) VALUES ({_MARKS})", astuple(event))  # noqa: S608 (names of a class)
            connection.execute(
                "DELETE FROM events WHERE document = ?1 AND id <= "
                "(SELECT id FROM events WHERE document = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (event.document, KEPT_EVENTS),
            )

    def events(self, document: str, limit: int = 50) -> tuple[Event, ...]:
        """The newest ``limit`` events of a document, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM events WHERE document = ? ORDER BY id DESC LIMIT ?",  # noqa: S608 (as above)
                (document, limit),
            ).fetchall()
        return tuple(Event(**row) for row in reversed(rows))

    def events_before(self, number: int, document: str, *, limit: int) -> tuple[tuple[int, Event], ...]:
        """Events of a document that came before the one with this number (0: the newest), each with its own: the
        newest ``limit`` of them, newest first.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT id, {_COLUMNS} FROM events WHERE document = ?1 AND (?2 = 0 OR id < ?2)"  # noqa: S608 (as above)
                " ORDER BY id DESC LIMIT ?3",
                (document, number, limit),
            ).fetchall()
        return _numbered(rows)

    def events_after(
        self, number: int, *, documents: Sequence[str] = (), limit: int
    ) -> tuple[tuple[int, Event], ...]:
        """Events that came after the one with this number (0: all), each with its own: the newest ``limit`` of
        them, oldest first. ``documents``: of these alone.
        """
        marks = ", ".join("?" for _ in documents)
        of = f"AND document IN ({marks})" if documents else ""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT id, {_COLUMNS} FROM events WHERE id > ? {of} ORDER BY id DESC LIMIT ?",  # noqa: S608 (as above)
                (number, *documents, limit),
            ).fetchall()
        return _numbered(reversed(rows))


def _numbered(rows: Iterable[Row]) -> tuple[tuple[int, Event], ...]:
    found = ({name: row[name] for name in row.keys()} for row in rows)  # noqa: SIM118 (no mapping)
    return tuple((row.pop("id"), Event(**row)) for row in found)
