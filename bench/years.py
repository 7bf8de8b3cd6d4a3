"""A database as it is after years: rows in every table that grows, made by PostgreSQL itself."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg


@dataclass(frozen=True)
class Size:
    """How much history. A case in ten is open; a subscription has a customer, a line of seats and a mail."""

    events: int
    subscriptions: int
    cases: int

    def times(self, share: float) -> Size:
        return Size(round(self.events * share), round(self.subscriptions * share), round(self.cases * share))


# Each customer n has subscription n and invoice n; every event is over but for the last `pending` of them.
_FILL = (
    """
    insert into inbox_events
      (id, raw, digest, event_type, occurred_at, api_version, received_at, status, customer_ids, ended_at)
    select 'ev_past_' || n, convert_to(repeat('{"id": "ev_"} ', 16), 'UTF8'), md5(n::text), 'invoice_updated',
      now() - interval '1 second' * (%(events)s - n), 'v2', now() - interval '1 second' * (%(events)s - n), 'applied',
      array['cust_' || n %% %(subscriptions)s], now()
    from generate_series(1, %(events)s) as n
    """,
    """
    insert into customers (id, version, tie_at, digest, snapshot, email, company, locale, auto_collection, contacts)
    select 'cust_' || n, 1, now(), md5(n::text), jsonb_build_object('id', 'cust_' || n), n || '@example.example',
      'Client ' || n || ' inc.', 'fr-CA', 'off', '[]'
    from generate_series(0, %(subscriptions)s - 1) as n
    """,
    """
    insert into subscriptions
      (id, version, tie_at, digest, snapshot, customer_id, status, currency, current_term_end, runs_out, items, seats)
    select 'sub_' || n, 1, now(), md5(n::text), jsonb_build_object('id', 'sub_' || n), 'cust_' || n, 'active', 'CAD',
      now() + interval '1 minute' * n, false,
      '[{"item_price_id": "poste-mensuel", "item_type": "plan", "quantity": 5}]', 5
    from generate_series(0, %(subscriptions)s - 1) as n
    """,
    """
    insert into subscription_items (subscription_id, item_price_id, item_type, quantity, seats)
    select 'sub_' || n, 'poste-mensuel', 'plan', 5, 5 from generate_series(0, %(subscriptions)s - 1) as n
    """,
    """
    insert into seat_entries (subscription_id, item_price_id, before, after, effective_at, event_id)
    select 'sub_' || n, 'poste-mensuel', 0, 5, now(), 'ev_past_' || n
    from generate_series(0, %(subscriptions)s - 1) as n
    """,
    """
    insert into cancellations
      (subscription_id, effective_at, customer_id, state, reason, effective_on, zone, executed_by, confirmed)
    select 'sub_' || n, now() + interval '1 minute' * (n + 1), 'cust_' || n, 'scheduled', 'asked', current_date,
      'America/Toronto', 'chargebee', false
    from generate_series(0, %(subscriptions)s / 2) as n
    """,
    """
    insert into invoices
      (id, version, tie_at, digest, snapshot, customer_id, subscription_id, status, currency, total, amount_paid,
       amount_due, write_off_amount, issued_at, due_at, linked_payments)
    select 'F-' || n, 1, now(), md5(n::text), jsonb_build_object('id', 'F-' || n),
      'cust_' || n %% %(subscriptions)s, 'sub_' || n %% %(subscriptions)s,
      case when n %% 10 = 0 then 'payment_due' else 'paid' end, 'CAD', 6784, case when n %% 10 = 0 then 0 else 6784 end,
      case when n %% 10 = 0 then 6784 else 0 end, 0, now(), now(), '[]'
    from generate_series(0, %(cases)s - 1) as n
    """,
    """
    insert into followups
      (invoice_id, customer_id, subscription_id, open, state, method, currency, total, paid, balance, due_on, opened_at)
    select id, customer_id, subscription_id, amount_due > 0, case when amount_due > 0 then 'awaiting' else 'paid' end,
      'check', currency, total, amount_paid, amount_due, current_date - (random() * 300)::int, now() from invoices
    """,
    """
    insert into outbox (key, queue, kind, name, object_id, customer_id, state, ended_at, due_at, created_at)
    select 'invoice:F-' || n || ':0', 'mail', 'email', 'invoice', 'F-' || n, 'cust_' || n %% %(subscriptions)s, 'sent',
      now(), now(), now() from generate_series(0, %(subscriptions)s - 1) as n
    """,
    """
    insert into audit_entries (actor, event_id, object_type, object_id, before, after)
    select 'chargebee', 'ev_past_' || n, 'followups', 'F-' || n, null, '{"state": "awaiting"}'
    from generate_series(0, %(subscriptions)s - 1) as n
    """,
)


def fill(database_url: str, size: Size) -> None:
    """Fill an empty, migrated database, and let PostgreSQL look at what it holds."""
    values = {"events": size.events, "subscriptions": size.subscriptions, "cases": size.cases}
    with psycopg.connect(database_url, autocommit=True, options="-c synchronous_commit=off") as connection:
        for statement in _FILL:
            connection.execute(statement, values)
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
