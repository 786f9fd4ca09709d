"""What tasks said: pieces in the order in which they came, each once, and no more than is kept of one task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select

from reconciler.orchestrator.store.tables import log_cursors, task_logs, tasks
from reconciler.protocol.logs import CUT, LogCursor
from reconciler.protocol.session.events import Logged

KEPT_BYTES: Final = 1 << 20
"""Of one task; what comes after is counted as dropped, with a mark where it was cut."""

PAGE: Final = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a task's log. ``next``: the cursor from which to go on."""

    text: str
    next: int
    complete: bool
    dropped: int


def keep(on: Connection, piece: Logged) -> None:
    """One more piece. A later attempt begins anew."""
    row = on.execute(select(log_cursors).where(log_cursors.c.task == piece.task_id)).one_or_none()
    if row is not None and row.attempt != piece.attempt:
        on.execute(delete(log_cursors).where(log_cursors.c.task == piece.task_id))
        row = None
    places, size, dropped = (row.places, row.bytes, row.dropped) if row else (0, 0, 0)
    length = len(piece.text.encode())
    text = piece.text if size + length <= KEPT_BYTES else CUT if size <= KEPT_BYTES else ""
    dropped += piece.dropped_chunks + (text != piece.text)
    if text:
        size += length
        on.execute(delete(task_logs).where(task_logs.c.task == piece.task_id, task_logs.c.place >= places))
        on.execute(insert(task_logs).values(task=piece.task_id, place=places, text=text))
        places += 1
    values = {
        "attempt": piece.attempt,
        "next": piece.next,
        "dropped": dropped,
        "complete": piece.last,
        "places": places,
        "bytes": size,
    }
    on.execute(delete(log_cursors).where(log_cursors.c.task == piece.task_id))
    on.execute(insert(log_cursors).values(task=piece.task_id, **values))


def cursors(on: Connection, target: str) -> dict[str, LogCursor]:
    """How far the logs of a target's tasks have come, where they are not complete."""
    mine = select(tasks.c.id).where(tasks.c.target == target)
    chosen = select(log_cursors).where(log_cursors.c.task.in_(mine), log_cursors.c.complete.is_(False))
    return {row.task: _cursor(row) for row in on.execute(chosen)}


def read(on: Connection, task_id: str, *, begin: int = 0) -> Piece:
    """From this cursor on, a page of it."""
    row = on.execute(select(log_cursors).where(log_cursors.c.task == task_id)).one_or_none()
    if row is None:
        return Piece("", begin, complete=False, dropped=0)
    mine = (task_logs.c.task == task_id) & (task_logs.c.place >= begin) & (task_logs.c.place < row.places)
    found = (
        on.execute(select(task_logs.c.text).where(mine).order_by(task_logs.c.place).limit(PAGE)).scalars().all()
    )
    end = begin + len(found)
    return Piece("".join(found), end, complete=row.complete and end >= row.places, dropped=row.dropped)


def _cursor(row: Row[Any]) -> LogCursor:
    return LogCursor(
        task_id=row.task, attempt=row.attempt, next=row.next, dropped=row.dropped, complete=row.complete
    )
