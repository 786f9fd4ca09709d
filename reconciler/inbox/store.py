"""InboxStore: the agent's memory, in one SQLite file of the state directory.

Decides what of a session's events is kept, and keeps those of one step in one transaction, on the disk before
anything is sent or begun. What is decided about tasks is the protocol's.

Invariants: a kill at any point leaves the state before a step or after it; what is kept of a position and of what
was told up to it is of the same step. Safe from many threads.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reconciler.errors import MessageRefused, StateDamaged, StateUnwritable
from reconciler.inbox import rows
from reconciler.inbox.wish import Wish, in_force, wish_of
from reconciler.protocol.held import Held
from reconciler.protocol.inbox import Entry, read_entry
from reconciler.protocol.message.common import NOTHING_HELD, SetPosition
from reconciler.protocol.message.document import AssignedDocument
from reconciler.protocol.message.payload import DeployPayload
from reconciler.protocol.reading import read_item
from reconciler.protocol.session.desk import Kept
from reconciler.protocol.session.events import (
    Event,
)

VERSION: Final = 1
BUSY_S: Final = 10.0
TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE entries (key TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE fences (document TEXT PRIMARY KEY, task INTEGER NOT NULL, assigned INTEGER NOT NULL) STRICT;
CREATE TABLE documents (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE wishes (
    document TEXT NOT NULL, trial INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (document, trial)
) STRICT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """All that is kept, as a session is begun with it. ``instance`` names this installation of the agent."""

    instance: str
    held: Held
    kept: Kept = field(default_factory=Kept)


class InboxStore:
    """Close it once."""

    def __init__(self, path: Path) -> None:
        """Raises StateUnwritable, StateDamaged."""
        self.path = path
        self._lock = threading.RLock()
        with self._translated("open"):
            self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            path.chmod(0o600)
            self._prepare()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def keep(self, events: Iterable[Event]) -> None:
        """Those of the events that ask for it, all or none. Raises StateUnwritable, StateDamaged."""
        wanted = [event for event in events if isinstance(event, rows.KEPT)]
        if wanted:
            with self._write() as connection:
                for event in wanted:
                    rows.keep(connection, event)

    def memory(self) -> Memory:
        """Raises StateDamaged where it is not what was written."""
        with self._read() as connection:
            meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
            entries = self._entries(connection)
            fences = connection.execute("SELECT document, task, assigned FROM fences").fetchall()
            documents = self._documents(connection)
        position = SetPosition(*json.loads(meta["position"])) if "position" in meta else NOTHING_HELD
        kept = Kept(entries, rows.fence_of(fences))
        held = Held(position=position, documents={item.id: item for item in documents})
        return Memory(instance=meta["instance"], held=held, kept=kept)

    def named(self) -> frozenset[str]:
        """Digests of all files that documents, wishes, tried ones too, and tasks that are not over name."""
        with self._read() as connection:
            wishes = [*map(wish_of, self._documents(connection))]
            wishes += [wish for trial in (True, False) for wish in rows.wishes(connection, trial=trial)]
            payloads = [entry.task.payload for entry in self._entries(connection) if not entry.over]
        files = [item for wish in wishes for item in wish.artifacts]
        files += [item for payload in payloads if isinstance(payload, DeployPayload) for item in payload.artifacts]
        return frozenset(item.sha256 for item in files)

    # ---- wishes

    def try_out(self, wish: Wish) -> None:
        """A task's wish, until it is settled; it counts meanwhile."""
        self._put(wish, trial=True)

    def give_up(self, task: str) -> bool:
        """Forget the task's wish unless it was taken; whether there was one."""
        with self._write() as connection:
            mine = [wish for wish in rows.wishes(connection, trial=True) if wish.task == task]
            for wish in mine:
                rows.forget_wish(connection, wish.document, trial=True)
        return bool(mine)

    def taken_by(self, task: str) -> bool:
        """Whether the task's wish was taken, and no later one has come."""
        with self._read() as connection:
            return any(wish.task == task for wish in rows.wishes(connection, trial=False))

    def on_trial(self, document: str) -> bool:
        """Whether a task's wish for the document is not settled."""
        with self._read() as connection:
            return any(wish.document == document for wish in rows.wishes(connection, trial=True))

    def put_back(self, wish: Wish | None, *, document: str) -> None:
        """Have this wish again, in place of what a task has brought; None: have none."""
        with self._write() as connection:
            rows.forget_wish(connection, document, trial=True)
            rows.forget_wish(connection, document, trial=False)
            if wish is not None:
                rows.put_wish(connection, wish, trial=False)

    def wishes(self, *, trials: bool = True) -> Mapping[str, Wish]:
        """What is wished for now, by document; ``trials``: also what is not settled."""
        with self._read() as connection:
            documents = map(wish_of, self._documents(connection))
            tried = rows.wishes(connection, trial=True) if trials else []
            return in_force(documents, rows.wishes(connection, trial=False), tried)

    # ---- within

    def _put(self, wish: Wish, *, trial: bool) -> None:
        with self._write() as connection:
            rows.put_wish(connection, wish, trial=trial)

    def _entries(self, connection: sqlite3.Connection) -> tuple[Entry, ...]:
        found = connection.execute("SELECT body FROM entries").fetchall()
        with self._understood():
            return tuple(read_entry(json.loads(body)) for (body,) in found)

    def _documents(self, connection: sqlite3.Connection) -> list[AssignedDocument]:
        found = connection.execute("SELECT body FROM documents ORDER BY id").fetchall()
        with self._understood():
            return [read_item(json.loads(body), AssignedDocument) for (body,) in found]

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}").fetchone()
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise StateDamaged(
                f"{self.path} was written by a newer agent (version {version}, this one knows {VERSION})",
                hint="install that version again",
            )
        if version < VERSION:
            with self._write() as connection:
                for statement in filter(str.strip, TABLES.split(";")):
                    connection.execute(statement)
                connection.execute("INSERT INTO meta VALUES ('instance', ?)", (str(uuid.uuid4()),))
                connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated("read"):
            yield self._connection

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated("write"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self, attempt: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
                raise StateDamaged(
                    f"{self.path} is damaged: {error}",
                    hint="move it away; the orchestrator tells all anew, and tasks that were done are not known",
                ) from error
            raise StateUnwritable(
                f"could not {attempt} {self.path}: {error}",
                hint="check free space, permissions and mount options of the state directory",
            ) from error
        except OSError as error:
            raise StateUnwritable(f"could not {attempt} {self.path}: {error.strerror}") from error

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except (MessageRefused, ValueError, KeyError, TypeError) as error:
            raise StateDamaged(
                f"{self.path} holds what this agent did not write: {error}", hint="move it away"
            ) from error
