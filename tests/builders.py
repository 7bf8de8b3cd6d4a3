"""What tests are made of: snapshots and events with sensible defaults, and the system in process.

A test states only what matters to it. Bodies go in through the receiver itself, and come out through the mail sender.
"""

from __future__ import annotations

import base64
import email
import email.policy
import io
import itertools
import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from models import clock as business_clock
from tasks import clock
from tasks.couriers import Couriers, couriers_of
from tests.databases import an_engine
from webhooks.app import create_app
from worker.settings import Settings

PASSWORD = "a-password-for-tests"
AUTHORIZATION = "Basic " + base64.b64encode(f"chargebee:{PASSWORD}".encode()).decode()

_count = itertools.count(1)

Body = dict[str, Any]


def settings_for(db_url: str, mail: Path, **more: str) -> Settings:
    """Settings of a merchant in Québec, whose mail is kept as files. No API is configured and no broker is there."""
    return Settings.read(
        {
            "DATABASE_URL": db_url,
            "BROKER_URL": "redis://127.0.0.1:1/0",
            "WEBHOOK_CREDENTIALS": f"chargebee:{PASSWORD}",
            "MAIL_URL": f"file://{mail}",
            "MAIL_FROM": "facturation@boreal.example",
            "MERCHANT_NAME": "Logiciels Boréal inc.",
            "MERCHANT_PRODUCT": "Boréal Cloud",
            "MERCHANT_SUPPORT_EMAIL": "soutien@boreal.example",
            "FINANCE_EMAILS": "finance@boreal.example",
            "REMITTANCE_BANK": "Banque Exemple",
            "REMITTANCE_INSTITUTION": "999",
            "REMITTANCE_TRANSIT": "00001",
            "REMITTANCE_ACCOUNT": "000-123-4",
            "EFFECTS_HORIZON": "36500 days",
            "MAIL_PER_DOMAIN": "0",
            **more,
        }
    )


class Quittance:
    """The system in one process: the receiver's door, everything due worked off, and the mail that left."""

    def __init__(self, db_url: str, directory: Path, **more: str) -> None:
        self.mail = directory / "mail"
        self.settings = settings_for(db_url, self.mail, **more)
        self._ends = ExitStack()
        self.engine = self._ends.enter_context(an_engine(db_url))
        self.couriers: Couriers = couriers_of(self.settings)
        self.receiver = create_app(self.settings)
        self._client: FlaskClient = self.receiver.test_client()

    def post(self, body: Body | bytes, to: str = "/webhooks/chargebee") -> TestResponse:
        """One webhook call, as Chargebee makes it."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
        return self._client.post(to, data=raw, headers=headers)

    def call(self, body: bytes) -> str:
        """The same as a server makes it, without a client around it, for very many of them: how it is answered."""
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/webhooks/chargebee",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": AUTHORIZATION,
            "wsgi.input": io.BytesIO(body),
        }
        told: list[Any] = []
        self.receiver.wsgi_app(environ, lambda status, headers: told.append(status))
        return str(told[0])

    def take(self, *bodies: Body | bytes) -> None:
        """Post these, which must all be taken, and work off what follows."""
        for body in bodies:
            answer = self.post(body)
            assert answer.status_code == 200, answer.text
        self.drain()

    def drain(self) -> dict[str, int]:
        return clock.drain(self.engine, self.couriers)

    def rows(self, query: str, **values: Any) -> list[Any]:
        """What a question to the database answers: single values where it asks for one column, else rows."""
        with Session(self.engine) as session:
            found = session.execute(text(query), values).all()
        return [row[0] if len(row) == 1 else tuple(row) for row in found]

    def run(self, statement: str, **values: Any) -> int:
        """Change the database behind the system's back; how many rows that touched."""
        with self.engine.begin() as connection:
            return connection.execute(text(statement), values).rowcount

    def hurry(self) -> dict[str, int]:
        """Do not wait for what pauses between two attempts: work it off now."""
        self.run("update outbox set due_at = now() where state = 'new'")
        self.run("update inbox_events set due_at = now() where status = 'pending'")
        return self.drain()

    def ending(self, event: Body) -> tuple[str, str | None]:
        """How an event ended: status and reason."""
        ((status, reason),) = self.rows("select status, reason from inbox_events where id = :id", id=event["id"])
        return status, reason

    def mails(self, *, to_staff: bool = False) -> list[EmailMessage]:
        """The mail that left for customers, or for the merchant's own people, oldest first."""
        files = sorted(self.mail.glob("*.eml"), key=lambda file: (file.stat().st_mtime_ns, file.name))
        found = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        staff = {*self.settings.finance_emails, *self.settings.ops_emails}
        return [mail for mail in found if (mail["To"] in staff) == to_staff]

    def move_clock(self, instant: datetime) -> None:
        with Session(self.engine) as session, session.begin():
            business_clock.move_to(session, instant, env="development")

    def close(self) -> None:
        self.receiver.extensions["doorbell"].close()
        self.receiver.extensions["store"].close()
        self._ends.close()


def mail_text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


# ---- snapshots -------------------------------------------------------------------------------------------------------

JANUARY = datetime(2021, 1, 11, 15, 0, tzinfo=UTC)


def seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def _snapshot(kind: str, version: int, fields: Mapping[str, Any]) -> Body:
    """`version` counts from 1; it becomes milliseconds that do not end in 000, as real ones."""
    stamp = seconds(JANUARY) * 1000 + version * 1_000 + 1
    return {"object": kind, "deleted": False, "resource_version": stamp, "updated_at": stamp // 1000} | {
        name: value for name, value in fields.items() if value is not None
    }


def a_customer(version: int = 1, **fields: Any) -> Body:
    default = {
        "id": "cust_1",
        "first_name": "Marie",
        "company": "Société Test1234",
        "email": "marie@test1234.example",
        "locale": "fr-CA",
        "auto_collection": "on",
        "billing_address": {"state_code": "QC", "country": "CA", "object": "billing_address"},
    }
    return _snapshot("customer", version, default | fields)


def a_subscription(version: int = 1, seats: int = 5, **fields: Any) -> Body:
    default = {
        "id": "sub_1",
        "customer_id": "cust_1",
        "status": "active",
        "currency_code": "CAD",
        "subscription_items": [an_item(seats)],
    }
    return _snapshot("subscription", version, default | fields)


def an_item(quantity: int | None, price: str = "licence-CAD-monthly", kind: str = "plan", **fields: Any) -> Body:
    item = {"item_price_id": price, "item_type": kind, "object": "subscription_item"} | fields
    return item if quantity is None else item | {"quantity": quantity}


def an_invoice(version: int = 1, total: int = 6784, paid: int = 0, **fields: Any) -> Body:
    """Payable (payment_due) unless told otherwise; what is not paid is due."""
    due = total - paid - fields.get("write_off_amount", 0)
    default = {
        "id": "F-1",
        "customer_id": "cust_1",
        "subscription_id": "sub_1",
        "status": "paid" if due == 0 else "payment_due",
        "currency_code": "CAD",
        "date": seconds(JANUARY),
        "due_date": seconds(JANUARY) + 30 * 86400,
        "paid_at": seconds(JANUARY) if due == 0 else None,
        "total": total,
        "amount_paid": paid,
        "amount_due": due,
        "write_off_amount": 0,
        "line_items": [
            {
                "description": "Licence Boréal Cloud",
                "quantity": 1,
                "unit_amount": total,
                "amount": total,
                "object": "line_item",
            }
        ],
        "linked_payments": [],
    }
    return _snapshot("invoice", version, default | fields)


def a_link(transaction_id: str = "txn_1", applied: int = 6784, status: str = "success", **fields: Any) -> Body:
    """A payment as an invoice lists it."""
    return {
        "txn_id": transaction_id,
        "applied_amount": applied,
        "txn_status": status,
        "txn_amount": applied,
        "txn_date": seconds(JANUARY),
    } | fields


def a_transaction(version: int = 1, amount: int = 6784, pays: Mapping[str, int] | None = None, **fields: Any) -> Body:
    """A cheque that came in and pays `pays` (invoice id: minor units)."""
    default = {
        "id": "txn_1",
        "customer_id": "cust_1",
        "type": "payment",
        "status": "success",
        "payment_method": "check",
        "reference_number": "001482",
        "currency_code": "CAD",
        "amount": amount,
        "date": seconds(JANUARY),
        "linked_invoices": [
            {"invoice_id": invoice, "applied_amount": applied} for invoice, applied in (pays or {}).items()
        ],
    }
    return _snapshot("transaction", version, default | fields)


def a_credit_note(version: int = 1, **fields: Any) -> Body:
    default = {
        "id": "CN-1",
        "customer_id": "cust_1",
        "reference_invoice_id": "F-1",
        "type": "adjustment",
        "status": "adjusted",
        "currency_code": "CAD",
        "total": 1000,
    }
    return _snapshot("credit_note", version, default | fields)


def an_event(*snapshots: Body, type: str = "something_happened", at: datetime = JANUARY, **fields: Any) -> Body:
    """An event that carries these snapshots, under an id of its own."""
    content: Body = {}
    for snapshot in snapshots:
        kind = snapshot["object"]
        if kind in content:
            content.setdefault(kind + "s", []).append(snapshot)
        else:
            content[kind] = snapshot
    return {
        "id": f"ev_{next(_count)}",
        "object": "event",
        "event_type": type,
        "api_version": "v2",
        "occurred_at": seconds(at),
        "content": content,
    } | fields


# ---- orders ----------------------------------------------------------------------------------------------------------

_ID = re.compile(r'"((?:cust|sub|txn|ev)_\d+|(?:F|CN)-\d+)"')


def in_every_order(quittance: Quittance, *snapshots: Body) -> list[str]:
    """Take these snapshots, each in an event of its own, in every order; what the ids of each order end in.

    Every order has objects of its own, so that all of them are worked off side by side, a step at a time.
    """
    orders = list(itertools.permutations(snapshots))
    for step in range(len(snapshots)):
        named = (_ID.sub(rf'"\1.{n}"', json.dumps(an_event(order[step]))) for n, order in enumerate(orders))
        events = [json.loads(event) for event in named]
        quittance.take(*events)
        assert {quittance.ending(event)[0] for event in events} <= {"applied", "ignored"}
    return [f".{n}" for n in range(len(orders))]


def of_order(quittance: Quittance, query: str, end: str) -> list[Any]:
    """What a question answers for one of those orders: rows whose first column is an id of it, named as they were."""
    plain = [
        [v.removesuffix(end) if isinstance(v, str) else v for v in row]
        for row in quittance.rows(query)
        if row[0].endswith(end)
    ]
    return [tuple(row) for row in plain]


# ---- what it comes to ------------------------------------------------------------------------------------------------

# The end state, whatever the path: cancellations that were withdrawn, and ledgers, may differ.
_END_STATE = {
    "customers": "select * from customers",
    "payment sources": "select * from payment_sources",
    "subscriptions": "select * from subscriptions",
    "items": "select * from subscription_items",
    "invoices": "select * from invoices",
    "transactions": "select * from transactions",
    "credit notes": "select * from credit_notes",
    "payments": "select * from payments",
    "applications": "select * from payment_applications",
    "follow-ups": "select invoice_id, state, method, total, paid, balance, due_on from followups where open",
    "cancellations": "select subscription_id, effective_at, state from cancellations"
    " where state in ('scheduled', 'run')",
}


def end_state(quittance: Quittance) -> dict[str, list[Body]]:
    """Every row of the mirror and of what is derived from it, without the columns that tell how it came in."""
    told = "to_jsonb(each) - array['tie_at', 'event_id']"
    return {
        name: sorted(quittance.rows(f"select {told} from ({query}) as each"), key=str)
        for name, query in _END_STATE.items()
    }
