"""No question reads many more rows than it answers with, on a database with years of history.

Every statement of the hot path, of the sweeps and of the lists is explained in the instant before it is executed, with
its own values: what its scans read, and what they threw away, is bounded by what it gave and a constant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from bench import years
from tasks import alerts, bounces, clock, heartbeats
from tests.builders import Quittance, a_customer, a_link, a_subscription, a_transaction, an_event, an_invoice
from tests.conftest import a_database
from tests.worker.cli.conftest import Run
from worker.schedule import PERIODS

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

SIZE = years.Size(events=60_000, subscriptions=30_000, cases=50_000)
SLACK = 600  # rows: the longest page of a list, and a little
LOOK_BACK = 2 * 20_000  # rows: as many of the newest events are looked through for a person, twice at the most


class Plans:
    """What each statement read, by its text."""

    def __init__(self, slack: int) -> None:
        self.slack = slack
        self.greedy: dict[str, str] = {}
        self.seen = 0

    def explain(self, cursor: psycopg.Cursor[Any], statement: str, values: Any) -> None:
        word = statement.split(None, 1)[0].lower()
        if word not in ("select", "insert", "update", "delete", "with") or "advisory" in statement:
            return
        look = cursor.connection.cursor()
        look.execute("savepoint before")
        look.execute(f"explain (analyze, format json) {statement}", values)
        (plan,) = look.fetchone()[0]  # type: ignore[index]
        look.execute("rollback to savepoint before")
        look.execute("release savepoint before")
        self.seen += 1
        given = plan["Plan"]["Actual Rows"] * plan["Plan"]["Actual Loops"]
        read = sum(_read_by(node) for node in _nodes(plan["Plan"]))
        if read > self.slack + 10 * given:
            self.greedy[statement] = f"read {read:.0f} rows for {given:.0f}: {json.dumps(plan['Plan'])[:3000]}"


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _read_by(node: dict[str, Any]) -> float:
    """Rows that a scan found or threw away; other nodes read nothing themselves, but may throw away."""
    away = sum(float(value) for name, value in node.items() if name.startswith("Rows Removed by"))
    found = node["Actual Rows"] if node["Node Type"].endswith("Scan") and "Relation Name" in node else 0
    return float((away + found) * node["Actual Loops"])


@contextmanager
def plans_of(engine: Engine | type[Engine], slack: int = SLACK) -> Iterator[Plans]:
    plans = Plans(slack)

    def explain(_: Any, cursor: Any, statement: str, values: Any, __: Any, many: bool) -> None:
        plans.explain(cursor, statement, values[0] if many else values)

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(engine, "before_cursor_execute", explain)


@pytest.fixture(scope="module")
def old_database(admin: psycopg.Connection, template_db: str) -> Iterator[str]:
    with a_database(admin, template_db) as url:
        years.fill(url, SIZE)
        yield url


@pytest.fixture
def db_url(old_database: str) -> str:
    """The same for all tests here: it takes seconds to fill."""
    return old_database


def test_applying_and_delivering_read_what_they_need(quittance: Quittance) -> None:
    customers = [a_customer(version, id=f"cust_{version}") for version in range(2, 40)]
    subscriptions = [a_subscription(n, id=f"sub_{n}", customer_id=f"cust_{n}", seats=n) for n in range(2, 40)]
    paid = [
        an_invoice(n, id=f"F-{n}", customer_id=f"cust_{n}", subscription_id=f"sub_{n}", paid=6784,
                   linked_payments=[a_link(f"txn_{n}")])
        for n in range(2, 40)
    ]  # fmt: skip
    cheques = [a_transaction(n, id=f"txn_{n}", customer_id=f"cust_{n}", pays={f"F-{n}": 6784}) for n in range(2, 40)]
    with plans_of(quittance.engine) as plans:
        quittance.take(*(an_event(*each) for each in zip(customers, subscriptions, paid, cheques, strict=True)))
    assert plans.greedy == {}
    assert plans.seen > 20
    assert quittance.rows("select sum(seats) from subscriptions where id in ('sub_2', 'sub_39')") == [41]


def test_the_sweeps_read_what_is_due(quittance: Quittance) -> None:
    rules, engine = quittance.couriers.rules, quittance.engine
    sweeps: list[Callable[[], object]] = [
        lambda: clock.ring_what_is_due(engine, lambda _: None),
        lambda: clock.carry_out_due_cancellations(engine, rules),
        lambda: alerts.raise_alerts(engine, rules, timedelta(days=3)),
        lambda: bounces.apply_reports(engine),
        lambda: heartbeats.beat(engine, "events@here", ["events"]),
        lambda: heartbeats.ask_for_late_jobs(engine, PERIODS),
    ]
    with plans_of(engine) as plans:
        for sweep in sweeps:
            sweep()
    assert plans.greedy == {}
    assert plans.seen >= len(sweeps)


@pytest.mark.parametrize(
    "words",
    [
        "followups list",
        "events list",
        "events list --status parked",
        "cancellations list",
        "emails list",
        "outbox list",
        "findings list",
        "show subscription sub_77",
        "show customer cust_77",
        "show invoice F-70",
        "explain sub_77",
    ],
)
def test_the_lists_read_a_page(run: Run, words: str) -> None:
    with plans_of(Engine, LOOK_BACK if words.startswith(("show", "explain")) else SLACK) as plans:
        run(*words.split(), "--json")
    assert plans.greedy == {}
    assert plans.seen
