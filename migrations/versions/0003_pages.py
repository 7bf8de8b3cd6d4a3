"""pages: what a mail said, and links that were revoked"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "outbox",
        sa.Column(
            "said",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the values that it was written from, kept as long: emails/said.py",
        ),
    )
    op.add_column(
        "outbox",
        sa.Column(
            "links_revoked_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="its links open nothing any more",
        ),
    )


def downgrade() -> None:
    op.drop_column("outbox", "links_revoked_at")
    op.drop_column("outbox", "said")
