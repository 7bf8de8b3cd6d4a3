"""What two databases hold, compared: everything but what the instant of writing decides."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg

# What the claim notes, which the bare loop does not need. (Numbers and instants that the database gives as it goes are
# left out everywhere.)
_ITS_OWN = {"inbox_events": {"starts", "ended_at"}}
# Who applies a customer's events in another order comes to the same objects by other steps: what was scheduled or owed
# for a while only may never have been seen. What stands in the end is the same.
IN_STEPS = frozenset(
    "inbox_events audit_entries seat_entries followup_entries findings outbox cancellations followups".split()
)
_STANDING = {
    "cancellations that stand": "select subscription_id, effective_at, state from cancellations"
    " where state in ('scheduled', 'run')",
    "open follow-ups": "select invoice_id, total, paid, balance from followups where open",
}
_NOT_COMPARED = ("alembic_version", "business_clock")

Rows = dict[str, Counter[tuple[Any, ...]]]


def rows_of(database_url: str) -> Rows:
    """Every row of every table, without what the database gives as it goes."""
    found: Rows = {}
    with psycopg.connect(database_url) as connection:
        columns = connection.execute(
            "select table_name, array_agg(column_name::text order by column_name) from information_schema.columns"
            " where table_schema = 'public' and is_identity = 'NO' and coalesce(column_default, '') not like '%now()%'"
            " group by 1 order by 1"
        ).fetchall()
        for table, names in columns:
            if table in _NOT_COMPARED:
                continue
            kept = ", ".join(f'"{name}"::text' for name in names if name not in _ITS_OWN.get(table, ()))
            found[table] = Counter(connection.execute(f'select {kept} from "{table}"').fetchall())
        found |= {what: Counter(connection.execute(query).fetchall()) for what, query in _STANDING.items()}
    return found


def differences(one: Rows, other: Rows) -> dict[str, int]:
    """How many rows of each table stand in one and not in the other; tables that are equal are left out."""
    return {
        table: ((one[table] - other[table]) | (other[table] - one[table])).total()
        for table in one
        if one[table] != other[table]
    }
