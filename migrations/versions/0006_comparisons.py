"""comparisons: what the provider listed this night, so that what it lists no more is found"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "listed_objects",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "listed",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="false: it was not, and was asked for by itself",
        ),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("listed_objects_pkey")),
    )
    op.add_column(
        "readings",
        sa.Column(
            "seeking",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the list was read; what is not on it is asked for one by one",
        ),
    )


def downgrade() -> None:
    op.drop_column("readings", "seeking")
    op.drop_table("listed_objects")
