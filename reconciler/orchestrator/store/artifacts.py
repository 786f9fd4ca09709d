"""Contents of files that documents and tasks name, by their digest. Who names one may have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from reconciler.orchestrator.store.tables import artifacts, assignments, tasks
from reconciler.orchestrator.store.tasks import OPEN


def keep(on: Connection, digest: str, content: bytes, *, now: datetime) -> None:
    """The content of this digest, which the caller has checked."""
    if not on.execute(update(artifacts).where(artifacts.c.digest == digest).values(kept_at=now)).rowcount:
        on.execute(insert(artifacts).values(digest=digest, content=content, kept_at=now))


def fetch(on: Connection, target: str, digest: str) -> bytes | None:
    """For an agent: only what its documents and open tasks name. None otherwise."""
    if digest not in set(_named_for(on, target)):
        return None
    found: bytes | None = on.execute(select(artifacts.c.content).where(artifacts.c.digest == digest)).scalar()
    return found


def forget(on: Connection, *, before: datetime) -> None:
    """Those that nothing names, and that were kept before this moment."""
    old = on.execute(select(artifacts.c.digest).where(artifacts.c.kept_at < before)).scalars().all()
    if not old:
        return
    columns = (assignments.c.value, assignments.c.former, tasks.c.value)
    values = [value for column in columns for value in on.execute(select(column)).scalars()]
    named = {digest for value in values if value for digest in _digests(value)}
    for digest in set(old) - named:
        on.execute(delete(artifacts).where(artifacts.c.digest == digest))


def _named_for(on: Connection, target: str) -> Iterator[str]:
    documents = select(assignments.c.value).where(assignments.c.target == target)
    asked = select(tasks.c.value).where(tasks.c.target == target, tasks.c.state.in_(OPEN))
    for value in (*on.execute(documents).scalars(), *on.execute(asked).scalars()):
        if value:
            yield from _digests(value)


def _digests(value: Mapping[str, Any]) -> Iterator[str]:
    """Of a document's files, or a task's."""
    payload = value.get("payload", {})
    for item in (*value.get("artifacts", ()), *payload.get("artifacts", ()), *payload.get("files", ())):
        yield item["sha256"]
