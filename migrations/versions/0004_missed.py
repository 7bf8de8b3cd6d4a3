"""missed: how far the provider's list of events was read, what was found on it, whose turn a job is"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

INSTANT = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "readings",
        sa.Column("name", sa.Text(), nullable=False, comment="which list, and for whom"),
        sa.Column(
            "watermark", INSTANT, nullable=False, comment="everything up to here was read; never after business_now()"
        ),
        sa.Column("since", INSTANT, nullable=True, comment="where the reading that is under way began"),
        sa.Column("next_offset", sa.Text(), nullable=True, comment="its next page; NULL: the first one"),
        sa.Column("due_at", INSTANT, nullable=True, comment="real time; when to go on; NULL: when its turn comes"),
        sa.Column("problem", sa.Text(), nullable=True, comment="why the last page was not read"),
        sa.Column("ended_at", INSTANT, nullable=True, comment="when the list was last read to its end"),
        sa.PrimaryKeyConstraint("name", name=op.f("readings_pkey")),
    )
    op.create_table(
        "found_events",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=True),
        sa.Column("occurred_at", INSTANT, nullable=True),
        sa.Column("found_at", INSTANT, server_default=sa.text("business_now()"), nullable=False),
        sa.Column("webhook_at", INSTANT, nullable=True, comment="when its webhook came after all"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("found_events_pkey")),
    )
    op.create_index(op.f("found_events_found_at"), "found_events", ["found_at"])
    op.create_table(
        "job_slots",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False, comment="spans since 1970, real time"),
        sa.Column("taken_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", "slot", name=op.f("job_slots_pkey")),
    )
    # One definition for the receiver's /readyz and for `quittance reconcile report`.
    op.execute("""
        create view missed_webhooks as
        select event_id, event_type, occurred_at, found_at, webhook_at from found_events
        where coalesce(webhook_at, business_now()) > found_at + interval '10 minutes'
    """)


def downgrade() -> None:
    op.execute("drop view missed_webhooks")
    op.drop_table("job_slots")
    op.drop_index(op.f("found_events_found_at"), table_name="found_events")
    op.drop_table("found_events")
    op.drop_table("readings")
