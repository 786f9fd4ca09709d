"""The tables, as SQLAlchemy Core knows them. What is made of them on a disk is said by the migrations.

Times are whole microseconds since the epoch, in UTC: they sort, compare and come back exactly in every database.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A time with its zone, kept as whole microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Raises TypeError for a time without a zone."""
        return None if value is None else (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else EPOCH + timedelta(microseconds=int(value))


metadata: Final = MetaData()

agents: Final = Table(
    "agents",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("enrolled_at", Moment, nullable=False),
    Column("told_labels", JSON, nullable=False),
    Column("labels", JSON(none_as_null=True)),
    Column("drained", Boolean, nullable=False),
    Column("revoked_at", Moment),
    Column("agent_version", String(64), nullable=False),
    Column("task_types", JSON, nullable=False),
    Column("last_seen", Moment),
    Column("clock_offset_ms", BigInteger),
    Column("certificate_ends", Moment),
    Column("sealing_key", Text, nullable=False),
    Column("set_id", String(64), nullable=False),
    Column("set_sequence", BigInteger, nullable=False),
    Column("documents", JSON, nullable=False),
    Column("shown_issuer", String(64), nullable=False, server_default=""),
    Column("shown_made", Moment),
)

invitations: Final = Table(
    "invitations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("target", String(63), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_by", String(64), nullable=False),
    Column("used_at", Moment),
    Column("actor", String(512), nullable=False),
)

denied_members: Final = Table(
    "denied_members",
    metadata,
    Column("uri", String(128), primary_key=True),
    Column("before", Moment, nullable=False),
)

assignments: Final = Table(
    "assignments",
    metadata,
    Column("target", String(63), primary_key=True),
    Column("document", String(255), primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("value", JSON(none_as_null=True)),
    Column("former", JSON(none_as_null=True)),
)
"""``generation``: the last that was wished for, by assigning a document or by a task. ``value``: the assigned
document; NULL where none is. ``former``: the one before, which a rollout can go back to.
"""

tasks: Final = Table(
    "tasks",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("target", String(63), nullable=False),
    Column("idempotency_key", String(200), nullable=False),
    Column("request_hash", String(80), nullable=False),
    Column("value", JSON, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("timeout_seconds", Integer, nullable=False),
    Column("assigned_at", Moment),
    Column("lease_until", Moment),
    Column("completed_at", Moment),
    Column("cancel", String(16)),
    Column("result", JSON(none_as_null=True)),
    UniqueConstraint("target", "idempotency_key", name="one_task_for_a_key"),
    Index("tasks_by_target", "target", "state"),
    sqlite_autoincrement=True,
)
"""``value``: the task as an AgentTask, without credentials and signature. ``number`` is the order of asking."""

credentials: Final = Table(
    "credentials",
    metadata,
    Column("task", String(36), primary_key=True),
    Column("sealed", JSON, nullable=False),
)
"""Ciphertext that only the agent opens; removed when the task ends."""

documents: Final = Table(
    "documents",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("text", Text),
    Column("actor", String(512), nullable=False),
    Column("changed_at", Moment, nullable=False),
)
"""Those that came over the API. ``text``: as it was put; NULL of one that was deleted, whose revision is kept."""

rollouts: Final = Table(
    "rollouts",
    metadata,
    Column("document", String(63), primary_key=True),
    Column("version", String(80), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("soak_since", Moment),
    Column("forgiven", JSON, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
"""``forgiven``: names of agents whose failure a person has seen, and gone on."""

artifacts: Final = Table(
    "artifacts",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("kept_at", Moment, nullable=False),
)
"""Contents of files that documents or tasks name."""

task_logs: Final = Table(
    "task_logs",
    metadata,
    Column("task", String(36), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("text", Text, nullable=False),
)

log_cursors: Final = Table(
    "log_cursors",
    metadata,
    Column("task", String(36), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("next", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("places", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

events: Final = Table(
    "events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("actor", String(512), nullable=False),
    Column("what", String(64), nullable=False),
    Column("about", String(512), nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)
