"""The SQLite file under the history: opening, checking, migrating, and one transaction at a time.

Decides how durable a write is (WAL, synchronous FULL: a commit survives a power cut) and into which error a
failure of SQLite is translated. What is stored is decided by the other files of this room.

Invariants: one connection for the process, used by one thread at a time; a transaction either happens whole
or not at all; ``changes`` grows only when a row really changed.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reconciler.errors import StateDamaged, StateError, StateLocked, StateUnwritable
from reconciler.history.schema import MIGRATIONS, VERSION

BUSY_TIMEOUT_S = 10.0
"""How long a write waits for another process's short transaction."""

_UNWRITABLE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOLFS,
    }
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Database:
    """One open history file. Safe for use from many threads; close it once."""

    def __init__(self, path: Path) -> None:
        """Open, create or migrate. Raises StateUnwritable, StateLocked, StateDamaged, or StateError where a
        newer reconciler wrote the file.
        """
        self.path = path
        self.unwritable: StateError | None = None
        self._lock = threading.RLock()
        with self._translated("open"):
            self._connection, self._identity = _connect(path)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        self._check()
        # Readers never wait for the writer; the change of mode is itself exclusive, so done only once.
        if self._pragma("journal_mode") != "wal":
            self._pragma("journal_mode=WAL")
        self._pragma("synchronous=FULL")
        self._pragma("foreign_keys=ON")
        self._migrate()

    def _check(self) -> None:
        # quick_check leaves out only the comparison of indexes with their tables, which costs most.
        answer = self._pragma("quick_check(1)")
        if answer != "ok":
            raise self._damaged(str(answer))

    def _migrate(self) -> None:
        version = self._pragma("user_version")
        if version > VERSION:
            raise StateError(
                f"{self.path} was written by a newer reconciler (version {version} of its tables, "
                f"this one knows {VERSION})",
                hint="install that version again, or put back a backup made by this one",
            )
        if version == VERSION:
            return
        with self.write() as connection:
            # Another process may have been quicker between the look above and this transaction.
            for number in range(self._pragma("user_version"), VERSION):
                for statement in MIGRATIONS[number]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute(
                "INSERT INTO meta (key, value) VALUES ('owner', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(8),)
            )

    def owner(self) -> str:
        """The id of this installation: random, made with the database, never changed."""
        with self.read() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'owner'").fetchone()
        if row is None:
            raise self._damaged("it has lost its owner id")
        return str(row[0])

    @property
    def changes(self) -> int:
        """How many rows this process has changed so far."""
        return self._connection.total_changes

    def data_version(self) -> int:
        """A number that changes when another process has written."""
        with self.read():
            return int(self._pragma("data_version"))

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The connection, for queries."""
        with self._lock, self._translated("read"):
            yield self._connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction: on disk when the block ends, undone when it raises."""
        with self._lock, self._watched(), self._translated("write"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk makes SQLite roll back by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def check_writable(self) -> None:
        """Write and commit, as the next transaction will. Raises StateUnwritable, StateLocked, StateDamaged; the
        last also where the file is no longer the one that was opened: what is written then is lost.
        """
        with self._lock:
            with self._watched(), self._translated("look at"):
                if _identity_of(self.path) != self._identity:
                    raise self._lost()
            with self.write() as connection:
                connection.execute(
                    "INSERT INTO meta (key, value) VALUES ('checked', '0')"
                    " ON CONFLICT DO UPDATE SET value = iif(value = '0', '1', '0')"
                )

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except StateLocked:  # another process was slow; the file is well
            raise
        except StateError as error:
            self.unwritable = error
            raise
        self.unwritable = None

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _pragma(self, text: str) -> Any:
        row = self._connection.execute(f"PRAGMA {text}").fetchone()
        return row[0] if row else ""

    @contextmanager
    def _translated(self, attempt: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(attempt, error) from error
        except OSError as error:
            raise StateUnwritable(f"could not {attempt} {self.path}: {error.strerror}") from error

    def _error(self, attempt: str, error: sqlite3.Error) -> StateError:
        # The low byte is the primary result code (https://www.sqlite.org/rescode.html).
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _UNWRITABLE:
            return StateUnwritable(
                f"could not {attempt} {self.path}: {error}",
                hint="check free space, permissions and mount options of the state directory",
            )
        if code in _BUSY:
            return StateLocked(
                f"could not {attempt} {self.path}: another process kept it over {BUSY_TIMEOUT_S:g} s"
            )
        return self._damaged(str(error))

    def _lost(self) -> StateDamaged:
        return StateDamaged(
            f"the history {self.path} was moved, removed or replaced while it was in use",
            hint="put it back and start the reconciler anew, or begin with an empty history and adopt what runs",
        )

    def _damaged(self, what: str) -> StateDamaged:
        return StateDamaged(
            f"the history {self.path} is damaged: {what}",
            hint="stop the reconciler and put back a backup of the file, or move it aside together with its -wal "
            "and -shm files to begin with an empty history; containers are not touched meanwhile",
        )


def _connect(path: Path) -> tuple[sqlite3.Connection, tuple[int, int]]:
    # Created by hand so that nobody else can read it, not even for a moment; SQLite's side files get its mode.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    found = os.fstat(handle)
    os.close(handle)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection, (found.st_dev, found.st_ino)


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
