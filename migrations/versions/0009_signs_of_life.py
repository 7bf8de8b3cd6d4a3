"""signs of life: which workers live, and when each job of the schedule was done last"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("worker", sa.Text(), comment="the node's name, such as events.7@host"),
        sa.Column("queues", ARRAY(sa.Text()), nullable=False, comment="which it works off: events, mail, provider"),
        sa.Column(
            "at",
            TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time, of the database",
        ),
        sa.PrimaryKeyConstraint("worker", name="heartbeats_pkey"),
    )
    op.create_table(
        "job_turns",
        sa.Column("job", sa.Text(), comment="the task's name"),
        sa.Column("taken_at", TIMESTAMP(timezone=True), comment="real time, of the database"),
        sa.Column("asked_at", TIMESTAMP(timezone=True), comment="real time; none: the scheduler was never late"),
        sa.PrimaryKeyConstraint("job", name="job_turns_pkey"),
    )


def downgrade() -> None:
    op.drop_table("job_turns")
    op.drop_table("heartbeats")
