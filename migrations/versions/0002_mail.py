"""mail: languages chosen, mail turned off, dead addresses, reports of relays, pace; what its triggers read"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

NOW = sa.text("business_now()")
INSTANT = postgresql.TIMESTAMP(timezone=True)
REFUNDS = "transaction_id, amount, status: money that went back for it"


def upgrade() -> None:
    # First and apart: it is made while mail is sent, and made again where it was left half done.
    with op.get_context().autocommit_block():
        op.drop_index("outbox_recipient", table_name="outbox", if_exists=True, postgresql_concurrently=True)
        op.create_index("outbox_recipient", "outbox", [sa.text("lower(recipient)")], postgresql_concurrently=True)
    op.add_column(
        "credit_notes",
        sa.Column(
            "linked_refunds",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment=REFUNDS,
        ),
    )
    op.add_column(
        "subscriptions",
        sa.Column(
            "has_scheduled_changes",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="other items from a later date; which, only the API says",
        ),
    )
    op.create_table(
        "language_choices",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False, comment="fr_CA, en_CA"),
        sa.Column("chosen_by", sa.Text(), nullable=False, comment="who said so: a person, or the link in a mail"),
        sa.Column("chosen_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("language_choices_pkey")),
    )
    op.create_table(
        "opt_outs",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="in lower case"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("turned_off_by", sa.Text(), nullable=False),
        sa.Column("turned_off_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "address", "kind", name=op.f("opt_outs_pkey")),
    )
    op.create_table(
        "dead_addresses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="in lower case"),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="whom it was written to for"),
        sa.Column("reason", sa.Text(), nullable=False, comment="what the mail server said, without addresses"),
        sa.Column("reported_by", sa.Text(), nullable=False, comment="smtp, postmark, ses"),
        sa.Column("marked_at", INSTANT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("dead_addresses_pkey")),
        sa.UniqueConstraint("address", name=op.f("dead_addresses_address_key")),
    )
    op.create_table(
        "mail_reports",
        sa.Column("id", sa.Text(), nullable=False, comment="sha256 of the body: the same report again is the same row"),
        sa.Column("raw", sa.LargeBinary(), nullable=False, comment="the body, byte for byte"),
        sa.Column("received_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False, comment="pending, applied, ignored"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("mail_reports_pkey")),
    )
    op.create_index("mail_reports_pending", "mail_reports", ["seq"], postgresql_where=sa.text("status = 'pending'"))
    op.create_table(
        "mail_paces",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("taken_at", postgresql.ARRAY(INSTANT), nullable=False, comment="turns of the last minute, real time"),
        sa.Column("next_at", INSTANT, nullable=False, comment="turns before it are given away"),
        sa.PrimaryKeyConstraint("domain", name=op.f("mail_paces_pkey")),
    )


def downgrade() -> None:
    op.drop_table("mail_paces")
    op.drop_index("mail_reports_pending", table_name="mail_reports", postgresql_where=sa.text("status = 'pending'"))
    op.drop_table("mail_reports")
    op.drop_table("dead_addresses")
    op.drop_table("opt_outs")
    op.drop_table("language_choices")
    op.drop_column("subscriptions", "has_scheduled_changes")
    op.drop_column("credit_notes", "linked_refunds")
    with op.get_context().autocommit_block():
        op.drop_index("outbox_recipient", table_name="outbox", postgresql_concurrently=True)
