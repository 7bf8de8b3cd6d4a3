"""the ground"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# "Now" as the business sees it: the database's time, plus an offset that only development may set.
BUSINESS_NOW = """
create function business_now() returns timestamptz language sql stable as $$
  select now() + coalesce((select ahead from business_clock), interval '0')
$$
"""

APPEND_ONLY = """
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % refused', tg_table_name, lower(tg_op) using errcode = 'restrict_violation';
end
$$
"""
LEDGERS = ("audit_entries", "followup_entries", "seat_entries")


def upgrade() -> None:
    op.create_table(
        "business_clock",
        sa.Column("only_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("ahead", sa.Interval(), nullable=False),
        sa.CheckConstraint("only_row", name=op.f("business_clock_only_row_check")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("business_clock_pkey")),
    )
    op.execute(BUSINESS_NOW)
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("business_now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="chargebee, clock, or a person"),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_entries_pkey")),
    )
    op.create_index(
        op.f("audit_entries_object_type_object_id"), "audit_entries", ["object_type", "object_id"], unique=False
    )
    op.create_table(
        "cancellations",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("effective_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False, comment="scheduled, withdrawn, run, undone"),
        sa.Column(
            "reason", sa.Text(), nullable=True, comment="the provider's code, or term_ended when the cycles ran out"
        ),
        sa.Column(
            "effective_on", sa.Date(), nullable=False, comment="the date with legal effect, computed once in `zone`"
        ),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column(
            "executed_by",
            sa.Text(),
            nullable=False,
            comment="chargebee, or worker where this system was asked to run it",
        ),
        sa.Column(
            "confirmed",
            sa.Boolean(),
            nullable=False,
            comment="a snapshot said cancelled; false while only the date has passed",
        ),
        sa.PrimaryKeyConstraint("subscription_id", "effective_at", name=op.f("cancellations_pkey")),
    )
    op.create_index(
        "cancellations_scheduled_effective_at",
        "cancellations",
        ["effective_at"],
        unique=False,
        postgresql_where=sa.text("state = 'scheduled'"),
    )
    op.create_table(
        "credit_notes",
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("invoice_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True, comment="adjustment, refundable, store"),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.Text(), nullable=False, comment="the provider's id"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="resource_version, epoch ms; else updated_at or occurred_at x 1000",
        ),
        sa.Column(
            "deleted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a tombstone: the row stays",
        ),
        sa.Column(
            "tie_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=False,
            comment="breaks ties of versions in whole seconds: the event's occurred_at",
        ),
        sa.Column("digest", sa.Text(), nullable=False, comment="breaks the ties that are left: sha256 of the snapshot"),
        sa.Column(
            "snapshot",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the provider's object; without card or bank numbers, NUL or lone surrogates",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("credit_notes_pkey")),
    )
    op.create_table(
        "customers",
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("company", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True, comment="as Chargebee writes it, fr-CA"),
        sa.Column("country", sa.Text(), nullable=True, comment="billing address, ISO 3166-1"),
        sa.Column("province", sa.Text(), nullable=True, comment="billing address, ISO 3166-2 without the country"),
        sa.Column("auto_collection", sa.Text(), nullable=True, comment="on, off"),
        sa.Column("offline_payment_method", sa.Text(), nullable=True),
        sa.Column(
            "contacts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="those who get billing e-mails: id, email, first_name",
        ),
        sa.Column("id", sa.Text(), nullable=False, comment="the provider's id"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="resource_version, epoch ms; else updated_at or occurred_at x 1000",
        ),
        sa.Column(
            "deleted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a tombstone: the row stays",
        ),
        sa.Column(
            "tie_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=False,
            comment="breaks ties of versions in whole seconds: the event's occurred_at",
        ),
        sa.Column("digest", sa.Text(), nullable=False, comment="breaks the ties that are left: sha256 of the snapshot"),
        sa.Column(
            "snapshot",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the provider's object; without card or bank numbers, NUL or lone surrogates",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("customers_pkey")),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False, comment="info, warning, error"),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("business_now()"),
            nullable=False,
        ),
        sa.Column(
            "last_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("business_now()"),
            nullable=False,
        ),
        sa.Column("times", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("acknowledged_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("findings_pkey")),
        sa.UniqueConstraint("kind", "object_type", "object_id", name=op.f("findings_kind_object_type_object_id_key")),
    )
    op.create_table(
        "followup_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="chargebee, or a person"),
        sa.Column("move", sa.Text(), nullable=False, comment="opened, reopened, changed, closed"),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("followup_entries_pkey")),
    )
    op.create_index(op.f("followup_entries_invoice_id"), "followup_entries", ["invoice_id"], unique=False)
    op.create_table(
        "followups",
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="awaiting, partial, paid, written_off, voided, closed"),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.Column(
            "method", sa.Text(), nullable=True, comment="check, bank_transfer, ...; how the customer means to pay"
        ),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.Column("paid", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.Column("balance", sa.BigInteger(), nullable=False, comment="minor units, still owed"),
        sa.Column("due_on", sa.Date(), nullable=True, comment="in the site's zone"),
        sa.Column("opened_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("followups_pkey")),
    )
    op.create_index(op.f("followups_customer_id"), "followups", ["customer_id"], unique=False)
    op.create_index("followups_open_due_on", "followups", ["due_on"], unique=False, postgresql_where=sa.text("open"))
    op.create_table(
        "inbox_events",
        sa.Column("id", sa.Text(), nullable=False, comment="Chargebee's event id, else sha256:<digest>"),
        sa.Column("raw", sa.LargeBinary(), nullable=True, comment="the body, byte for byte; emptied after 90 days"),
        sa.Column("digest", sa.Text(), nullable=False, comment="of event_type, occurred_at, api_version and content"),
        sa.Column("event_type", sa.Text(), nullable=True),
        sa.Column(
            "occurred_at", postgresql.TIMESTAMP(timezone=True), nullable=True, comment="NULL outside 2000 to 2100"
        ),
        sa.Column("api_version", sa.Text(), nullable=True),
        sa.Column(
            "received_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("business_now()"), nullable=False
        ),
        sa.Column("origin", sa.Text(), server_default="webhook", nullable=False, comment="webhook, reconcile, import"),
        sa.Column(
            "status", sa.Text(), server_default="pending", nullable=False, comment="pending, applied, ignored, parked"
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "customer_ids",
            sa.ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
            comment="whom it is about: the locks it needs",
        ),
        sa.Column(
            "starts",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="claims in a row without an ending: a process died",
        ),
        sa.Column(
            "due_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="not before; while claimed: taken until",
        ),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("inbox_events_pkey")),
    )
    op.create_index(
        "inbox_events_fresh",
        "inbox_events",
        ["due_at", "seq"],
        unique=False,
        postgresql_where=sa.text("status = 'pending' and starts = 0"),
    )
    op.create_index(
        "inbox_events_parked", "inbox_events", ["seq"], unique=False, postgresql_where=sa.text("status = 'parked'")
    )
    op.create_index(op.f("inbox_events_seq"), "inbox_events", ["seq"], unique=False)
    op.create_index(
        "inbox_events_suspect",
        "inbox_events",
        ["due_at", "seq"],
        unique=False,
        postgresql_where=sa.text("status = 'pending' and starts > 0"),
    )
    op.create_table(
        "invoices",
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True, comment="pending, posted, payment_due, not_paid, paid, voided"),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("amount_paid", sa.BigInteger(), nullable=False),
        sa.Column("amount_due", sa.BigInteger(), nullable=False),
        sa.Column("write_off_amount", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("paid_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "linked_payments",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="transaction_id, applied, status, amount, dated_at (s)",
        ),
        sa.Column("id", sa.Text(), nullable=False, comment="the provider's id"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="resource_version, epoch ms; else updated_at or occurred_at x 1000",
        ),
        sa.Column(
            "deleted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a tombstone: the row stays",
        ),
        sa.Column(
            "tie_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=False,
            comment="breaks ties of versions in whole seconds: the event's occurred_at",
        ),
        sa.Column("digest", sa.Text(), nullable=False, comment="breaks the ties that are left: sha256 of the snapshot"),
        sa.Column(
            "snapshot",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the provider's object; without card or bank numbers, NUL or lone surrogates",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("invoices_pkey")),
    )
    op.create_index(op.f("invoices_customer_id"), "invoices", ["customer_id"], unique=False)
    op.create_index(
        "invoices_owed_customer_id",
        "invoices",
        ["customer_id"],
        unique=False,
        postgresql_where=sa.text("amount_due > 0 and not deleted"),
    )
    op.create_index(
        "invoices_owed_subscription_id",
        "invoices",
        ["subscription_id"],
        unique=False,
        postgresql_where=sa.text("amount_due > 0 and not deleted"),
    )
    op.create_index(op.f("invoices_subscription_id"), "invoices", ["subscription_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="one fact, one row: name, object and revision"),
        sa.Column("queue", sa.Text(), nullable=False, comment="mail, provider"),
        sa.Column("kind", sa.Text(), nullable=False, comment="email, chargebee, callback"),
        sa.Column("name", sa.Text(), nullable=False, comment="which e-mail, call or callback"),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            server_default="new",
            nullable=False,
            comment="new, sending, sent, failed, held, suppressed",
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("due_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lease_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "waiting_since",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="from when patience counts",
        ),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column(
            "recipient", sa.Text(), nullable=True, comment="found when delivery first looks at it: one row for each"
        ),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True, comment="what the mail server or the product answered"),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True, comment="what was sent, kept 90 days"),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pkey")),
        sa.UniqueConstraint("key", name=op.f("outbox_key_key")),
    )
    op.create_index(op.f("outbox_customer_id"), "outbox", ["customer_id"], unique=False)
    op.create_index(
        "outbox_due", "outbox", ["queue", "due_at"], unique=False, postgresql_where=sa.text("state = 'new'")
    )
    op.create_index(
        "outbox_leased", "outbox", ["queue", "lease_until"], unique=False, postgresql_where=sa.text("state = 'sending'")
    )
    op.create_index(op.f("outbox_object_id"), "outbox", ["object_id"], unique=False)
    op.create_index(
        "outbox_stuck", "outbox", ["state"], unique=False, postgresql_where=sa.text("state in ('failed', 'held')")
    )
    op.create_table(
        "payment_applications",
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("applied", sa.BigInteger(), nullable=False, comment="minor units"),
        sa.PrimaryKeyConstraint("transaction_id", "invoice_id", name=op.f("payment_applications_pkey")),
    )
    op.create_index(op.f("payment_applications_invoice_id"), "payment_applications", ["invoice_id"], unique=False)
    op.create_table(
        "payment_sources",
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("last4", sa.Text(), nullable=True),
        sa.Column("expiry_month", sa.BigInteger(), nullable=True),
        sa.Column("expiry_year", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.Text(), nullable=False, comment="the provider's id"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="resource_version, epoch ms; else updated_at or occurred_at x 1000",
        ),
        sa.Column(
            "deleted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a tombstone: the row stays",
        ),
        sa.Column(
            "tie_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=False,
            comment="breaks ties of versions in whole seconds: the event's occurred_at",
        ),
        sa.Column("digest", sa.Text(), nullable=False, comment="breaks the ties that are left: sha256 of the snapshot"),
        sa.Column(
            "snapshot",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the provider's object; without card or bank numbers, NUL or lone surrogates",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("payment_sources_pkey")),
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False, comment="payment, refund, reversal"),
        sa.Column("status", sa.Text(), nullable=False, comment="succeeded, pending, failed, taken_back"),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True, comment="minor units"),
        sa.Column(
            "unused",
            sa.BigInteger(),
            nullable=False,
            comment="minor units that paid for nothing yet: over-payment stays visible",
        ),
        sa.Column("refunded", sa.BigInteger(), nullable=False, comment="minor units given back"),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True, comment="in the site's zone"),
        sa.Column("refund_of", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("payments_pkey")),
    )
    op.create_index(op.f("payments_customer_id"), "payments", ["customer_id"], unique=False)
    op.create_table(
        "seat_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("item_price_id", sa.Text(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column(
            "effective_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=False,
            comment="when the snapshot that showed it was made",
        ),
        sa.Column("event_id", sa.Text(), nullable=True, comment="NULL: the clock's doing"),
        sa.PrimaryKeyConstraint("id", name=op.f("seat_entries_pkey")),
    )
    op.create_index(op.f("seat_entries_subscription_id"), "seat_entries", ["subscription_id"], unique=False)
    op.create_table(
        "subscription_items",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("item_price_id", sa.Text(), nullable=False, comment="the plan or add-on id in catalogue 1.0"),
        sa.Column("item_type", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False, comment="as sold, free units included"),
        sa.Column(
            "seats",
            sa.BigInteger(),
            nullable=False,
            comment="what counts now: 0 for an add-on that is no seat, or a subscription not live",
        ),
        sa.PrimaryKeyConstraint("subscription_id", "item_price_id", name=op.f("subscription_items_pkey")),
    )
    op.create_table(
        "subscriptions",
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column(
            "status",
            sa.Text(),
            nullable=True,
            comment="future, in_trial, active, non_renewing, paused, cancelled, transferred",
        ),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("auto_collection", sa.Text(), nullable=True, comment="overrides the customer's where present"),
        sa.Column("offline_payment_method", sa.Text(), nullable=True),
        sa.Column("current_term_start", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("current_term_end", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("next_billing_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "cancelled_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="in the future while a cancellation is scheduled",
        ),
        sa.Column(
            "cancel_scheduled_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="when somebody asked for it; newer sites only",
        ),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column(
            "runs_out",
            sa.Boolean(),
            nullable=False,
            comment="the plan has a fixed number of cycles, and they are used up",
        ),
        sa.Column(
            "items",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="item_price_id, item_type, quantity; NULL where the snapshot shows neither plan nor items",
        ),
        sa.Column(
            "seats", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="current seats, derived"
        ),
        sa.Column("id", sa.Text(), nullable=False, comment="the provider's id"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="resource_version, epoch ms; else updated_at or occurred_at x 1000",
        ),
        sa.Column(
            "deleted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a tombstone: the row stays",
        ),
        sa.Column(
            "tie_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=False,
            comment="breaks ties of versions in whole seconds: the event's occurred_at",
        ),
        sa.Column("digest", sa.Text(), nullable=False, comment="breaks the ties that are left: sha256 of the snapshot"),
        sa.Column(
            "snapshot",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the provider's object; without card or bank numbers, NUL or lone surrogates",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("subscriptions_pkey")),
    )
    op.create_index(op.f("subscriptions_customer_id"), "subscriptions", ["customer_id"], unique=False)
    op.create_table(
        "transactions",
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True, comment="authorization, payment, refund, payment_reversal"),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("payment_method", sa.Text(), nullable=True, comment="an open word: card, check, bank_transfer, ..."),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_unused", sa.BigInteger(), nullable=True),
        sa.Column("dated_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("last4", sa.Text(), nullable=True),
        sa.Column("refunded_id", sa.Text(), nullable=True),
        sa.Column(
            "linked_invoices", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="invoice_id, applied"
        ),
        sa.Column(
            "linked_refunds",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="transaction_id, amount, status",
        ),
        sa.Column("id", sa.Text(), nullable=False, comment="the provider's id"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="resource_version, epoch ms; else updated_at or occurred_at x 1000",
        ),
        sa.Column(
            "deleted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a tombstone: the row stays",
        ),
        sa.Column(
            "tie_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=False,
            comment="breaks ties of versions in whole seconds: the event's occurred_at",
        ),
        sa.Column("digest", sa.Text(), nullable=False, comment="breaks the ties that are left: sha256 of the snapshot"),
        sa.Column(
            "snapshot",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the provider's object; without card or bank numbers, NUL or lone surrogates",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("transactions_pkey")),
    )
    op.execute(APPEND_ONLY)
    for table in LEDGERS:
        op.execute(
            f"create trigger append_only before update or delete or truncate on {table} "
            "for each statement execute function refuse_change()"
        )


def downgrade() -> None:
    op.drop_table("transactions")
    op.drop_index(op.f("subscriptions_customer_id"), table_name="subscriptions")
    op.drop_table("subscriptions")
    op.drop_table("subscription_items")
    op.drop_index(op.f("seat_entries_subscription_id"), table_name="seat_entries")
    op.drop_table("seat_entries")
    op.drop_index(op.f("payments_customer_id"), table_name="payments")
    op.drop_table("payments")
    op.drop_table("payment_sources")
    op.drop_index(op.f("payment_applications_invoice_id"), table_name="payment_applications")
    op.drop_table("payment_applications")
    op.drop_index("outbox_stuck", table_name="outbox", postgresql_where=sa.text("state in ('failed', 'held')"))
    op.drop_index(op.f("outbox_object_id"), table_name="outbox")
    op.drop_index("outbox_leased", table_name="outbox", postgresql_where=sa.text("state = 'sending'"))
    op.drop_index("outbox_due", table_name="outbox", postgresql_where=sa.text("state = 'new'"))
    op.drop_index(op.f("outbox_customer_id"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index(op.f("invoices_subscription_id"), table_name="invoices")
    op.drop_index(
        "invoices_owed_subscription_id",
        table_name="invoices",
        postgresql_where=sa.text("amount_due > 0 and not deleted"),
    )
    op.drop_index(
        "invoices_owed_customer_id", table_name="invoices", postgresql_where=sa.text("amount_due > 0 and not deleted")
    )
    op.drop_index(op.f("invoices_customer_id"), table_name="invoices")
    op.drop_table("invoices")
    op.drop_index(
        "inbox_events_suspect", table_name="inbox_events", postgresql_where=sa.text("status = 'pending' and starts > 0")
    )
    op.drop_index(op.f("inbox_events_seq"), table_name="inbox_events")
    op.drop_index("inbox_events_parked", table_name="inbox_events", postgresql_where=sa.text("status = 'parked'"))
    op.drop_index(
        "inbox_events_fresh", table_name="inbox_events", postgresql_where=sa.text("status = 'pending' and starts = 0")
    )
    op.drop_table("inbox_events")
    op.drop_index("followups_open_due_on", table_name="followups", postgresql_where=sa.text("open"))
    op.drop_index(op.f("followups_customer_id"), table_name="followups")
    op.drop_table("followups")
    op.drop_index(op.f("followup_entries_invoice_id"), table_name="followup_entries")
    op.drop_table("followup_entries")
    op.drop_table("findings")
    op.drop_table("customers")
    op.drop_table("credit_notes")
    op.drop_index(
        "cancellations_scheduled_effective_at",
        table_name="cancellations",
        postgresql_where=sa.text("state = 'scheduled'"),
    )
    op.drop_table("cancellations")
    op.drop_index(op.f("audit_entries_object_type_object_id"), table_name="audit_entries")
    op.drop_table("audit_entries")
    op.execute("drop function refuse_change()")
    op.execute("drop function business_now()")
    op.drop_table("business_clock")
