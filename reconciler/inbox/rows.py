"""Rows of the agent's memory: how what a session asks to keep, and what is wished for, lie in its tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from reconciler.inbox.wish import Wish, read_wish, wish_text
from reconciler.protocol.fence import Fence
from reconciler.protocol.inbox import Entry, entry_value
from reconciler.protocol.reading import as_value
from reconciler.protocol.session.events import (
    DropDocument,
    Event,
    ForgetTask,
    KeepDocument,
    KeepFence,
    KeepPosition,
    KeepTask,
    TakeWish,
)

KEPT: Final = (KeepTask, ForgetTask, TakeWish, KeepFence, KeepDocument, DropDocument, KeepPosition)
"""Events that are kept."""

_PUT: Final[Mapping[type, tuple[str, Callable[[Any], tuple[Any, ...]]]]] = {
    KeepTask: (
        "INSERT OR REPLACE INTO entries VALUES (?, ?)",
        lambda event: (event.entry.task.idempotency_key, _entry_text(event.entry)),
    ),
    ForgetTask: ("DELETE FROM entries WHERE key = ?", lambda event: (event.key,)),
    KeepFence: (
        "INSERT OR REPLACE INTO fences VALUES (?, ?, ?)",
        lambda event: (event.document, *(part.get(event.document, 0) for part in _parts(event.fence))),
    ),
    KeepDocument: (
        "INSERT OR REPLACE INTO documents VALUES (?, ?)",
        lambda event: (event.document.id, json.dumps(as_value(event.document))),
    ),
    DropDocument: ("DELETE FROM documents WHERE id = ?", lambda event: (event.document,)),
    KeepPosition: (
        "INSERT OR REPLACE INTO meta VALUES ('position', ?)",
        lambda event: (json.dumps([event.position.id, event.position.sequence]),),
    ),
}


def keep(connection: sqlite3.Connection, event: Event) -> None:
    """One of those that are kept."""
    if isinstance(event, TakeWish):
        return _take(connection, event.task_id)
    statement, values = _PUT[type(event)]
    connection.execute(statement, values(event))
    if isinstance(event, DropDocument):
        forget_wish(connection, event.document, trial=False)
    return None


def _parts(fence: Fence) -> tuple[Mapping[str, int], Mapping[str, int]]:
    return fence.tasks, fence.documents


def fence_of(rows: Iterable[tuple[str, int, int]]) -> Fence:
    """What no part of has come is left out, as the fence does."""
    kept = list(rows)
    tasks = {name: task for name, task, _ in kept if task}
    return Fence(tasks, {name: assigned for name, _, assigned in kept if assigned})


def _entry_text(entry: Entry) -> str:
    return json.dumps(entry_value(entry))


def wishes(connection: sqlite3.Connection, *, trial: bool) -> list[Wish]:
    """Those of tasks: that were taken, or are on trial."""
    rows = connection.execute("SELECT body FROM wishes WHERE trial = ? ORDER BY document", (int(trial),))
    return [read_wish(body) for (body,) in rows.fetchall()]


def _take(connection: sqlite3.Connection, task: str) -> None:
    for wish in wishes(connection, trial=True):
        if wish.task == task:
            forget_wish(connection, wish.document, trial=True)
            put_wish(connection, wish, trial=False)


def put_wish(connection: sqlite3.Connection, wish: Wish, *, trial: bool) -> None:
    """Have this wish of a task, in place of the one for its document."""
    row = (wish.document, int(trial), wish_text(wish))
    connection.execute("INSERT OR REPLACE INTO wishes VALUES (?, ?, ?)", row)


def forget_wish(connection: sqlite3.Connection, document: str, *, trial: bool) -> None:
    """Have none."""
    connection.execute("DELETE FROM wishes WHERE document = ? AND trial = ?", (document, int(trial)))
