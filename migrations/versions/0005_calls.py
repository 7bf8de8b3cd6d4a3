"""calls: how many of the provider's API are left, for all workers together"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

INSTANT = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "call_budgets",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("left", sa.Float(), nullable=False, comment="calls, as of reckoned_at; more come by and by"),
        sa.Column("reckoned_at", INSTANT, server_default=sa.text("now()"), nullable=False, comment="real time"),
        sa.Column("closed_until", INSTANT, nullable=True, comment="the provider asked to wait; real time"),
        sa.PrimaryKeyConstraint("site", name=op.f("call_budgets_pkey")),
    )


def downgrade() -> None:
    op.drop_table("call_budgets")
