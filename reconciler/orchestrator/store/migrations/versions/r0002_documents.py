"""Documents that came over the API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "documents",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("actor", sa.String(512), nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
