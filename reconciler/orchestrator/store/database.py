"""The database under the store: opening, migrating, and one transaction at a time.

Decides how durable a write is (SQLite: WAL, synchronous FULL; a commit survives a power cut) and into which error
a failure is translated. What is stored is decided beside this file. All of it blocks: callers in an event loop use
threads.

Invariants: a transaction happens whole or not at all; a database of a newer program is not touched.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from reconciler.errors import StateDamaged, StateError, StateLocked, StateUnwritable

__all__ = ["Connection", "Database"]

BUSY_TIMEOUT_S: Final = 10.0
"""How long a write waits for another one."""

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_READING: Final = "reading"
_UNWRITABLE: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    }
)
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Database:
    """One open database. Safe for use from many threads; close it once."""

    def __init__(self, path: Path) -> None:
        """Open, create or migrate. Raises StateError and its kinds."""
        self.path = path
        with self._translated("open"):
            _make_private(path)
            self._engine = _engine(path, self._from_json)
            self._writing = threading.Lock()
            try:
                self._check()
                self._migrate()
                self._watching = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            except BaseException:
                self._engine.dispose()
                raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees the database as of one moment."""
        with self._translated("read"), self._engine.connect() as connection:
            connection.execution_options(**{_READING: True}).begin()
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction: on disk when the block ends, undone when it raises. Threads of this
        process wait for each other here: SQLite would let them try again and again.
        """
        if not self._writing.acquire(timeout=BUSY_TIMEOUT_S):
            raise self._locked("write")
        try:
            with self._translated("write"), self._engine.begin() as connection:
                yield connection
        finally:
            self._writing.release()

    def version(self) -> int:
        """Another number after each commit, of this process or another one. It reads no table, and waits for no
        disk. For one thread at a time.
        """
        with self._translated("read"):
            found: int = self._watching.execute("PRAGMA data_version").fetchone()[0]
            return found

    def back_up(self, path: Path) -> None:
        """Write a whole copy, as of one moment, while others go on. Raises StateUnwritable."""
        with self._translated("copy"):
            _make_private(path)
            with closing(sqlite3.connect(path)) as copy, self._engine.connect() as connection:
                source: Any = connection.connection.driver_connection
                source.backup(copy)

    def close(self) -> None:
        """Let go of all connections."""
        self._watching.close()
        self._engine.dispose()

    def _check(self) -> None:
        with self._engine.connect() as connection:
            answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if answer != "ok":
            raise self._damaged(str(answer))

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
        with self._engine.begin() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise StateError(
                    f"{self.path} was written by another version of the orchestrator: {error}",
                    hint="install that version again, or put back a backup made by this one",
                ) from error

    @contextmanager
    def _translated(self, attempt: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._error(attempt, error.orig) from error
        except sqlite3.Error as error:
            raise self._error(attempt, error) from error
        except OSError as error:
            raise StateUnwritable(f"could not {attempt} {self.path}: {error.strerror}") from error

    def _from_json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise self._damaged(f"a value is no JSON: {error}") from error

    def _error(self, attempt: str, error: BaseException | None) -> StateError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _UNWRITABLE:
            return StateUnwritable(
                f"could not {attempt} {self.path}: {error}",
                hint="check free space and permissions of the orchestrator's folder",
            )
        if code in _BUSY:
            return self._locked(attempt)
        return self._damaged(str(error))

    def _locked(self, attempt: str) -> StateLocked:
        return StateLocked(f"could not {attempt} {self.path}: it was in use for over {BUSY_TIMEOUT_S:g} s")

    def _damaged(self, what: str) -> StateDamaged:
        return StateDamaged(
            f"the orchestrator's database {self.path} is damaged: {what}",
            hint="stop the orchestrator and put back a backup; agents go on alone meanwhile",
        )


def _make_private(path: Path) -> None:
    """By hand, so that nobody else can read it, not even for a moment; SQLite's side files get its mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def _engine(path: Path, from_json: Callable[[str], Any]) -> Engine:
    options = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None, "check_same_thread": False}
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, connect_args=options, json_deserializer=from_json)

    @event.listens_for(engine, "connect")
    def _opened(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reading = connection.get_execution_options().get(_READING)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
