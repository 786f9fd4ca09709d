"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "agents",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("enrolled_at", sa.BigInteger, nullable=False),
        sa.Column("told_labels", sa.JSON, nullable=False),
        sa.Column("labels", sa.JSON(none_as_null=True)),
        sa.Column("drained", sa.Boolean, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("agent_version", sa.String(64), nullable=False),
        sa.Column("task_types", sa.JSON, nullable=False),
        sa.Column("last_seen", sa.BigInteger),
        sa.Column("clock_offset_ms", sa.BigInteger),
        sa.Column("certificate_ends", sa.BigInteger),
        sa.Column("sealing_key", sa.Text, nullable=False),
        sa.Column("set_id", sa.String(64), nullable=False),
        sa.Column("set_sequence", sa.BigInteger, nullable=False),
        sa.Column("documents", sa.JSON, nullable=False),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("target", sa.String(63), nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_by", sa.String(64), nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("actor", sa.String(512), nullable=False),
    )
    op.create_table(
        "denied_members",
        sa.Column("uri", sa.String(128), primary_key=True),
        sa.Column("before", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "assignments",
        sa.Column("target", sa.String(63), primary_key=True),
        sa.Column("document", sa.String(255), primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True)),
    )
    op.create_table(
        "tasks",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("target", sa.String(63), nullable=False),
        sa.Column("idempotency_key", sa.String(200), nullable=False),
        sa.Column("request_hash", sa.String(80), nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("timeout_seconds", sa.Integer, nullable=False),
        sa.Column("assigned_at", sa.BigInteger),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("cancel", sa.String(16)),
        sa.Column("result", sa.JSON(none_as_null=True)),
        sa.UniqueConstraint("target", "idempotency_key", name="one_task_for_a_key"),
        sa.Index("tasks_by_target", "target", "state"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "credentials",
        sa.Column("task", sa.String(36), primary_key=True),
        sa.Column("sealed", sa.JSON, nullable=False),
    )
    op.create_table(
        "artifacts",
        sa.Column("digest", sa.String(71), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("kept_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "task_logs",
        sa.Column("task", sa.String(36), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "log_cursors",
        sa.Column("task", sa.String(36), primary_key=True),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("dropped", sa.BigInteger, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("places", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(512), nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("about", sa.String(512), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
