"""Rollouts in waves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make their table, and a place for what a rollout can go back to."""
    op.add_column("assignments", sa.Column("former", sa.JSON(none_as_null=True)))
    op.create_table(
        "rollouts",
        sa.Column("document", sa.String(63), primary_key=True),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("soak_since", sa.BigInteger),
        sa.Column("forgiven", sa.JSON, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
