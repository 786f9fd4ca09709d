"""What the parts of the history share: the database, the clock, and Records kept in memory.

A Record is loaded once and kept until this process changes it or another process writes anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from reconciler.core.record import Record
from reconciler.errors import StateDamaged, StateError
from reconciler.history.database import Database
from reconciler.history.rows import Rebuild, RecordRows

Clock = Callable[[], float]
"""Seconds since the epoch."""


class RecordCache:
    """Records in memory, never older than the database."""

    def __init__(self, database: Database, rows: RecordRows, *, owner: str) -> None:
        self._database = database
        self._rows = rows
        self._owner = owner
        self._records: dict[str, Record] = {}
        self._complete = False
        self._stale: set[str] = set()
        self._snapshot: Mapping[str, Record] | None = None
        self._seen = database.data_version()

    def one(self, document: str) -> Record:
        """The Record of a document; an empty one where it was never seen."""
        with self._database.read() as connection:
            self._look_outside()
            if document in self._stale or document not in self._records:
                if self._complete and document not in self._stale:
                    return Record(document=document, owner=self._owner)
                self._reload(connection, document)
            return self._records.get(document) or Record(document=document, owner=self._owner)

    def every(self) -> Mapping[str, Record]:
        """Records of all documents ever seen; a snapshot that later writes do not change, and the same object
        until there is one.
        """
        with self._database.read() as connection:
            self._look_outside()
            if not self._complete:
                self._records = self._rows.load(connection)
                self._complete = True
                self._snapshot = None
                self._stale.clear()
            for document in tuple(self._stale):
                self._reload(connection, document)
            if self._snapshot is None:
                self._snapshot = MappingProxyType(dict(self._records))
            return self._snapshot

    def drop(self, document: str) -> None:
        """Note that this process has written to the document."""
        self._stale.add(document)

    def _reload(self, connection: sqlite3.Connection, document: str) -> None:
        self._snapshot = None
        self._records.pop(document, None)
        self._records.update(self._rows.load(connection, document))
        self._stale.discard(document)

    def _look_outside(self) -> None:
        version = self._database.data_version()
        if version != self._seen:
            self._seen = version
            self._records = {}
            self._complete = False
            self._stale.clear()


class Part:
    """Base of the parts. A method writes through ``_writing`` so that the Record in memory is dropped."""

    def __init__(self, database: Database, *, clock: Clock, rebuild: Rebuild) -> None:
        self.owner = database.owner()
        self._database = database
        self._clock = clock
        self._rebuild = rebuild
        self._rows = RecordRows(rebuild, owner=self.owner)
        self._cache = RecordCache(database, self._rows, owner=self.owner)

    def record(self, document: str) -> Record:
        """What is remembered of a document; an empty Record (generation 0) for a name never seen."""
        return self._cache.one(document)

    def records(self) -> Mapping[str, Record]:
        """What is remembered of every document, by name."""
        return self._cache.every()

    def data_version(self) -> int:
        """A number that changes when another process has written (an operator's command, as a rule)."""
        return self._database.data_version()

    @property
    def changes(self) -> int:
        """How many rows this process has changed so far."""
        return self._database.changes

    @property
    def unwritable(self) -> StateError | None:
        """Why the last write failed; None when it went well, or another process was only too slow."""
        return self._database.unwritable

    def check_writable(self) -> None:
        """Write something, as what comes next will. Raises StateError."""
        self._database.check_writable()

    def close(self) -> None:
        """Close the database; the object is of no use afterwards."""
        self._database.close()

    @contextmanager
    def _writing(self, document: str) -> Iterator[sqlite3.Connection]:
        with self._database.write() as connection:
            before = self._database.changes
            try:
                yield connection
            finally:
                if self._database.changes != before:
                    self._cache.drop(document)

    @staticmethod
    def _ensure(connection: sqlite3.Connection, document: str) -> None:
        connection.execute("INSERT INTO documents (name) VALUES (?) ON CONFLICT DO NOTHING", (document,))

    def _no_generation(self, document: str, generation: int) -> StateDamaged:
        return StateDamaged(f"the history has no generation {generation} of {document}")
