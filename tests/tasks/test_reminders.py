"""Reminders that somebody asks for: sent while they hold, under the invoice's own mail."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from models import clock
from models.session import transaction
from tasks.outbox import queue_email
from tasks.world import Cause, World
from tests.builders import JANUARY, Quittance, a_customer, an_event, an_invoice, mail_text

DUE = JANUARY + timedelta(days=30)


@pytest.fixture
def owing(quittance: Quittance) -> Quittance:
    quittance.move_clock(JANUARY)
    customer = a_customer(auto_collection="off", offline_payment_method="check")
    quittance.take(an_event(customer, an_invoice(1), an_invoice(1, id="F-2", total=5000)))
    return quittance


def remind(quittance: Quittance, kind: str, days: int, **payload: Any) -> str:
    """Ask for a reminder so many days after the due date; how it ended."""
    quittance.move_clock(DUE + timedelta(days=days))
    with transaction(quittance.engine) as session:
        world = World(session, quittance.couriers.rules)
        world.cause = Cause("luc", None, clock.now(session), None)
        queue_email(world, kind, "F-1", "cust_1", payload=payload)
        world.write()
    quittance.drain()
    (state,) = quittance.rows("select state from outbox where name = :kind", kind=kind)
    return str(state)


@pytest.mark.parametrize(
    ("kind", "days"),
    [("due_soon", -7), ("reminder_1", 3), ("reminder_2", 15), ("reminder_3", 30), ("final_notice", 45)],
)
def test_a_reminder_is_sent_under_the_invoice_with_the_live_balance(owing: Quittance, kind: str, days: int) -> None:
    assert remind(owing, kind, days) == "sent"
    mail = owing.mails()[-1]
    assert "F-1" in mail["Subject"] and "67,84\u00a0$" in mail_text(mail)
    assert mail["In-Reply-To"] == next(m["Message-ID"] for m in owing.mails() if "facture F-1," in m["Subject"])
    told = "select actor from audit_entries where object_id = :key order by id"
    assert owing.rows(told, key=f"{kind}:F-1:0") == ["luc", "delivery"]


@pytest.mark.parametrize(("kind", "days"), [("due_soon", 1), ("reminder_1", 0), ("reminder_2", -1)])
def test_a_reminder_whose_day_is_not_come_or_gone_is_not_sent(owing: Quittance, kind: str, days: int) -> None:
    assert remind(owing, kind, days) == "suppressed"


def test_what_is_paid_is_not_reminded_of(owing: Quittance) -> None:
    owing.take(an_event(an_invoice(2, paid=6784)))
    assert remind(owing, "reminder_1", 3) == "suppressed"


def test_one_mail_reminds_of_several_invoices_those_still_owed(owing: Quittance) -> None:
    assert remind(owing, "reminder_2", 15, others=["F-2"], pay_by=date(2021, 3, 22).isoformat()) == "sent"
    words = mail_text(owing.mails()[-1])
    assert "F-2" in words and "50,00\u00a0$" in words
