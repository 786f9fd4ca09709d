"""By which certificate an agent's last session was begun."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add them to the agents."""
    op.add_column("agents", sa.Column("shown_issuer", sa.String(64), nullable=False, server_default=""))
    op.add_column("agents", sa.Column("shown_made", sa.BigInteger))
