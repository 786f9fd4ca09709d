"""Tasks, from being asked for to their result, and the credentials that go with them.

How a task goes on is decided by ``protocol.states``; here it is kept. Credentials are ciphertext, lie apart, and
are removed when their task ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from reconciler.errors import NotKnown, RequestConflict
from reconciler.orchestrator.store.assignments import next_generation
from reconciler.orchestrator.store.tables import credentials, log_cursors, task_logs, tasks
from reconciler.protocol.message.common import Priority, SealedCredentials, TaskState
from reconciler.protocol.message.result import TaskResult
from reconciler.protocol.message.task import FENCED, AgentTask
from reconciler.protocol.reading import as_value, read_item, read_value
from reconciler.protocol.states import RANKS, TaskRecord, is_over
from reconciler.protocol.wire.codec import from_json, to_json

PRIORITIES: Final[Mapping[Priority, int]] = {"low": 0, "normal": 1, "high": 2, "critical": 3}
OPEN: Final = tuple(state for state in RANKS if not is_over(state))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One task as it is kept. ``task`` is without credentials and signature."""

    number: int
    task: AgentTask
    record: TaskRecord
    created_at: datetime
    assigned_at: datetime | None
    completed_at: datetime | None


def add(on: Connection, task: AgentTask, *, now: datetime) -> Kept:
    """A task that is asked for, unless it was before: the same request with the same key is the same task. One
    that changes which release runs takes the document's next generation on its target. Raises RequestConflict
    where the key is that of another request.
    """
    before = with_key(on, task.target_id, task.idempotency_key)
    if before is not None:
        same = replace(task, generation=before.task.generation, actor=before.task.actor)
        if before.task.request_hash != same.request_hash:
            raise RequestConflict(
                f"the idempotency key {task.idempotency_key!r} was used for another request to {task.target_id}",
                hint="ask with a new key, or for the same as before",
            )
        return before
    if task.type in FENCED and task.document is not None:
        task = replace(task, generation=next_generation(on, task.target_id, task.document))
    on.execute(
        insert(tasks).values(
            id=task.id,
            target=task.target_id,
            idempotency_key=task.idempotency_key,
            request_hash=task.request_hash,
            value=as_value(task),
            priority=PRIORITIES[task.priority],
            state="queued",
            attempt=0,
            created_at=now,
            expires_at=task.expires_at,
            timeout_seconds=task.timeout_seconds,
        )
    )
    return find(on, task.id)


def seal(on: Connection, task_id: str, sealed: SealedCredentials) -> None:
    """Its credentials, as who asked has sealed them."""
    on.execute(insert(credentials).values(task=task_id, sealed=to_json(sealed)))


def sealed_of(on: Connection, task_id: str) -> SealedCredentials | None:
    """Its credentials, None where there are none, or no more."""
    found = on.execute(select(credentials.c.sealed).where(credentials.c.task == task_id)).scalar()
    return from_json(SealedCredentials, found) if found else None


def sealed_for(on: Connection, target: str) -> dict[str, SealedCredentials]:
    """Those of a target's tasks, by task."""
    mine = select(credentials).join(tasks, tasks.c.id == credentials.c.task).where(tasks.c.target == target)
    return {row.task: from_json(SealedCredentials, row.sealed) for row in on.execute(mine)}


def find(on: Connection, task_id: str) -> Kept:
    """Raises NotKnown where there is none."""
    row = on.execute(select(tasks).where(tasks.c.id == task_id)).one_or_none()
    if row is None:
        raise NotKnown(f"there is no task {task_id[:80]!r}", hint="'reconciler task list' names the newest")
    return _kept(row)


def look_up(on: Connection, task_id: str) -> Kept | None:
    """The same, for who does not mind."""
    row = on.execute(select(tasks).where(tasks.c.id == task_id)).one_or_none()
    return _kept(row) if row else None


def with_key(on: Connection, target: str, key: str) -> Kept | None:
    """The task of this target with this idempotency key."""
    row = on.execute(select(tasks).where(tasks.c.target == target, tasks.c.idempotency_key == key)).one_or_none()
    return _kept(row) if row else None


def page(
    on: Connection,
    *,
    target: str = "",
    document: str = "",
    state: str = "",
    before: int | None = None,
    limit: int = 100,
) -> list[Kept]:
    """The newest first; ``before`` this number."""
    chosen = select(tasks).order_by(tasks.c.number.desc()).limit(limit)
    if target:
        chosen = chosen.where(tasks.c.target == target)
    if document:
        chosen = chosen.where(tasks.c.value["document"].as_string() == document)
    if state:
        chosen = chosen.where(tasks.c.state == state)
    if before is not None:
        chosen = chosen.where(tasks.c.number < before)
    return [_kept(row) for row in on.execute(chosen)]


def open_of(on: Connection, target: str, limit: int) -> list[Kept]:
    """Those of a target that are not over: what it has begun, then by priority, then in order of asking."""
    mine = select(tasks).where(tasks.c.target == target, tasks.c.state.in_(OPEN))
    ordered = mine.order_by(tasks.c.state == "queued", tasks.c.priority.desc(), tasks.c.number).limit(limit)
    return [_kept(row) for row in on.execute(ordered)]


def count_open(on: Connection, target: str) -> int:
    """How many are not over."""
    chosen = select(func.count()).where(tasks.c.target == target, tasks.c.state.in_(OPEN))
    return on.execute(chosen).scalar_one()


def overdue(on: Connection, now: datetime, limit: int = 1_000) -> list[Kept]:
    """Those that are not over although their time is: some may end by that alone."""
    chosen = select(tasks).where(tasks.c.state.in_(OPEN), tasks.c.expires_at <= now)
    return [_kept(row) for row in on.execute(chosen.order_by(tasks.c.number).limit(limit))]


def advance(on: Connection, before: Kept, after: TaskRecord, *, now: datetime) -> None:
    """Keep how far it is now. Its credentials go where it is over."""
    if after == before.record:
        return
    again = after.attempt != before.record.attempt
    over = is_over(after.state) and after.state != before.record.state
    values: dict[str, Any] = {
        "state": after.state,
        "attempt": after.attempt,
        "lease_until": after.lease_until,
        "cancel": after.cancel,
        "result": None if after.result is None else as_value(after.result),
        **({"assigned_at": now} if again else {}),
        **({"completed_at": now} if over else {}),
    }
    on.execute(update(tasks).where(tasks.c.id == before.task.id).values(values))
    if over:
        on.execute(delete(credentials).where(credentials.c.task == before.task.id))


def counts(on: Connection) -> dict[tuple[str, TaskState], int]:
    """How many there are, by type and state."""
    kind = tasks.c.value["type"].as_string()
    rows = on.execute(select(kind, tasks.c.state, func.count()).group_by(kind, tasks.c.state))
    return {(row[0], row[1]): row[2] for row in rows}


def by_state(on: Connection) -> dict[str, int]:
    """How many there are, by state alone."""
    rows = on.execute(select(tasks.c.state, func.count()).group_by(tasks.c.state))
    return {row[0]: row[1] for row in rows}


def forget(on: Connection, *, before: datetime, limit: int = 1_000) -> int:
    """Those that ended before this moment, with their logs. How many they were."""
    over = select(tasks.c.id).where(tasks.c.completed_at < before).limit(limit)
    gone: Iterable[str] = on.execute(over).scalars().all()
    for table, column in ((task_logs, task_logs.c.task), (log_cursors, log_cursors.c.task), (tasks, tasks.c.id)):
        on.execute(delete(table).where(column.in_(gone)))
    return len(list(gone))


def _kept(row: Row[Any]) -> Kept:
    task = read_item(row.value, AgentTask)
    return Kept(
        number=row.number,
        task=task,
        record=TaskRecord(
            task_id=row.id,
            expires_at=row.expires_at,
            timeout_seconds=row.timeout_seconds,
            state=row.state,
            attempt=row.attempt,
            lease_until=row.lease_until,
            cancel=row.cancel,
            result=_result(row.result),
        ),
        created_at=row.created_at,
        assigned_at=row.assigned_at,
        completed_at=row.completed_at,
    )


def _result(value: Mapping[str, Any] | None) -> TaskResult | None:
    found = None if value is None else read_value(value, (TaskResult,))
    return found if isinstance(found, TaskResult) else None
