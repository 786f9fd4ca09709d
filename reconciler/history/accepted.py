"""The last good documents of every source file, kept over restarts.

A broken file keeps its last good documents in force: also when the controller was restarted meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from sqlite3 import Row

from reconciler.core.desired import DesiredState, SourceLocation
from reconciler.history.database import Database
from reconciler.history.part import Clock, Part
from reconciler.history.rows import Rebuild, body_of, rebuilt

Stored = tuple[int, int, str]
"""Position in the file, first line, document."""


class Accepted(Part):
    """What the source last took as good."""

    def __init__(self, database: Database, *, clock: Clock, rebuild: Rebuild) -> None:
        super().__init__(database, clock=clock, rebuild=rebuild)
        self._last: dict[str, tuple[DesiredState, ...]] = {}

    def accept(self, good_by_file: Mapping[str, tuple[DesiredState, ...]]) -> None:
        """Replace what is kept by this, the whole of it; only files that differ are written."""
        changed = {name for name, documents in good_by_file.items() if self._last.get(name) is not documents}
        if changed or self._last.keys() != good_by_file.keys():
            self._store({name: _stored(good_by_file[name]) for name in changed}, kept=good_by_file.keys())
        self._last = dict(good_by_file)

    def _store(self, changed: Mapping[str, Sequence[Stored]], *, kept: Collection[str]) -> None:
        with self._database.read() as connection:
            before = _group(connection.execute("SELECT * FROM accepted ORDER BY file, position").fetchall())
        gone = before.keys() - set(kept)
        written = {name: rows for name, rows in changed.items() if before.get(name, []) != rows}
        if not gone and not written:
            return
        with self._database.write() as connection:
            for name in (*gone, *written):
                connection.execute("DELETE FROM accepted WHERE file = ?", (name,))
            connection.executemany(
                "INSERT INTO accepted (file, position, line, body) VALUES (?, ?, ?, ?)",
                [(name, *row) for name, rows in written.items() for row in rows],
            )

    def accepted(self) -> Mapping[str, tuple[DesiredState, ...]]:
        """The last good documents by file, as they were last accepted."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM accepted ORDER BY file, position").fetchall()
        return {
            name: tuple(
                replace(rebuilt(self._rebuild, body, document=name), source=SourceLocation(name, line))
                for _, line, body in stored
            )
            for name, stored in _group(rows).items()
        }


def _stored(documents: Sequence[DesiredState]) -> list[Stored]:
    return [
        (position, desired.source.line if desired.source else 0, body_of(desired))
        for position, desired in enumerate(documents)
    ]


def _group(rows: Sequence[Row]) -> dict[str, list[Stored]]:
    return {
        name: [(row["position"], row["line"], row["body"]) for row in group]
        for name, group in groupby(rows, key=lambda row: str(row["file"]))
    }
