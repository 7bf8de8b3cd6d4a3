"""Thanks for cheques and wires: once for each, with what is still owed, and never besides a mail that told of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator import Site
from simulator.pricing import MONTHLY
from tests.builders import (
    Body,
    Quittance,
    a_customer,
    a_link,
    a_transaction,
    an_event,
    an_invoice,
    in_every_order,
    mail_text,
    seconds,
)

RECEIPTS = "select key, state, reason from outbox where name = 'payment_received' order by id"
TOLD = "another mail told of this payment"


def by_cheque(version: int = 1, **fields: Body) -> Body:
    return a_customer(version, auto_collection="off", offline_payment_method="check", **fields)


def a_part(version: int = 2) -> tuple[Body, Body]:
    return (
        an_invoice(version, paid=3000, linked_payments=[a_link(applied=3000)]),
        a_transaction(version, 3000, pays={"F-1": 3000}),
    )


@pytest.fixture
def owing(quittance: Quittance) -> Quittance:
    """A customer whose invoice is to be paid by cheque, and was mailed."""
    quittance.take(an_event(by_cheque(), an_invoice(1)))
    assert len(quittance.mails()) == 1
    return quittance


def test_a_part_payment_is_thanked_for_with_what_is_left(owing: Quittance) -> None:
    owing.take(an_event(*a_part()))
    assert owing.rows(RECEIPTS) == [("payment_received:F-1:txn_1", "sent", None)]
    first, receipt = owing.mails()
    assert "30,00\u00a0$" in receipt["Subject"] and "F-1" in receipt["Subject"]
    words = mail_text(receipt)
    for said in ("30,00\u00a0$", "11 janv. 2021", "001482", "37,84\u00a0$"):
        assert said in words
    assert receipt["In-Reply-To"] == receipt["References"] == first["Message-ID"]
    assert receipt["Reply-To"] == "finance@boreal.example"


def test_the_payment_that_settles_a_mailed_invoice_is_one_mail(owing: Quittance) -> None:
    paid = an_invoice(2, paid=6784, linked_payments=[a_link()])
    owing.take(an_event(paid, a_transaction(2, pays={"F-1": 6784})))
    assert owing.rows("select key, state from outbox where name <> 'finance_new_case' order by id") == [
        ("invoice:F-1:0", "sent"),
        ("payment_received:F-1:txn_1", "sent"),
    ]


def test_the_same_payment_again_is_not_thanked_for_twice(owing: Quittance) -> None:
    event = an_event(*a_part())
    owing.take(event, event | {"id": "ev_again"})
    owing.take(an_event(*a_part(3)), an_event(by_cheque(4)))
    assert owing.rows(RECEIPTS) == [("payment_received:F-1:txn_1", "sent", None)]


def test_in_whatever_order_it_is_heard_of_one_mail_tells_of_the_payment(quittance: Quittance) -> None:
    for end in in_every_order(quittance, by_cheque(), *a_part()):
        quittance.hurry()
        told = quittance.rows(
            "select name, payload->'payments' from outbox where state = 'sent' and object_id = :id", id=f"F-1{end}"
        )
        receipts = [name for name, _ in told if name == "payment_received"]
        own = [payments for name, payments in told if name == "invoice" and f"txn_1{end}" in payments]
        assert len(receipts) + len(own) == 1, end
        assert [name for name, _ in told].count("invoice") == 1


def test_an_invoice_mail_that_shows_the_payment_is_receipt_enough(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(), *a_part()))
    assert quittance.rows(RECEIPTS) == [("payment_received:F-1:txn_1", "suppressed", TOLD)]
    assert len(quittance.mails()) == 1


def test_a_receipt_waits_for_an_invoice_mail_that_may_tell_of_the_payment(with_api: Quittance, site: Site) -> None:
    site.create_customer(id="cust_1", email="marie@test1234.example", auto_collection="off")
    site.subscribe("cust_1", MONTHLY.id, 1, id="sub_1")
    site.record_payment(site.find("invoice")[0]["id"], method="check", reference="17")
    with_api.take(*site.events)
    with_api.hurry()
    assert [state for _, state, _ in with_api.rows(RECEIPTS)] == ["suppressed"]
    assert len(with_api.mails()) == 1


def test_card_payments_are_not_thanked_for_apart(owing: Quittance) -> None:
    invoice, payment = a_part()
    owing.take(an_event(invoice, payment | {"payment_method": "card"}))
    assert owing.rows(RECEIPTS) == []


def test_a_cheque_for_several_invoices_is_one_mail_that_names_them_all(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(), an_invoice(1), an_invoice(1, id="F-2", total=5000)))
    links = {"F-1": 6784, "F-2": 2000}
    paid = [
        an_invoice(2, paid=6784, linked_payments=[a_link(txn_amount=9000)]),
        an_invoice(2, id="F-2", total=5000, paid=2000, linked_payments=[a_link(applied=2000, txn_amount=9000)]),
    ]
    quittance.take(an_event(*paid, a_transaction(2, 9000, pays=links, amount_unused=216)))
    assert [state for _, state, _ in quittance.rows(RECEIPTS)] == ["sent", "suppressed"]
    receipt = quittance.mails()[-1]
    words = mail_text(receipt)
    assert "90,00\u00a0$" in receipt["Subject"]
    for said in ("F-1", "F-2", "67,84\u00a0$", "20,00\u00a0$", "30,00\u00a0$", "2,16\u00a0$"):
        assert said in words


def test_a_payment_that_is_taken_back_before_the_mail_leaves_is_not_thanked_for(quittance: Quittance) -> None:
    nobody = a_customer(email=None, auto_collection="off")
    quittance.take(an_event(nobody, an_invoice(1)))
    quittance.take(an_event(*a_part()))
    quittance.take(an_event(an_invoice(3), a_transaction(3, 3000, deleted=True)), an_event(by_cheque(3)))
    quittance.hurry()
    assert [state for _, state, _ in quittance.rows(RECEIPTS)] == ["suppressed"]
    assert len(quittance.mails()) == 1  # that of the invoice


def test_a_balance_from_before_the_payment_is_never_said(owing: Quittance) -> None:
    invoice, payment = a_part()
    owing.take(an_event(payment))
    assert owing.rows(RECEIPTS) == [
        ("payment_received:F-1:txn_1", "new", "invoice F-1 does not show payment txn_1 yet")
    ]
    owing.take(an_event(invoice))
    owing.hurry()
    assert "37,84\u00a0$" in mail_text(owing.mails()[-1])


def test_the_live_balance_is_said(with_api: Quittance, site: Site) -> None:
    site.create_customer(id="cust_1", email="marie@test1234.example", auto_collection="off", locale="fr-CA")
    site.subscribe("cust_1", MONTHLY.id, 1, id="sub_1")
    (invoice,) = site.find("invoice")
    with_api.take(*site.events)
    seen = len(site.events)
    site.record_payment(invoice["id"], amount=1000, method="check", reference="17")
    heard = list(site.events_since(seen))
    site.record_payment(invoice["id"], amount=2000, method="check", reference="18")  # of this no webhook came
    with_api.take(*heard)
    receipt = with_api.mails()[-1]
    assert "10,00\u00a0$" in receipt["Subject"] and "37,84\u00a0$" in mail_text(receipt)


@pytest.mark.parametrize(("applied", "state"), [(timedelta(days=1), "sent"), (timedelta(days=30), "suppressed")])
def test_a_cheque_dated_long_ago_counts_from_when_it_was_recorded(
    db_url: str, tmp_path: Path, applied: timedelta, state: str
) -> None:
    now = datetime.now(UTC)
    quittance = Quittance(db_url, tmp_path, EFFECTS_HORIZON="7 days")
    quittance.take(an_event(by_cheque(), an_invoice(1), at=now))
    invoice, payment = a_part()
    links = [a_link(applied=3000, applied_at=seconds(now - applied))]
    quittance.take(an_event(invoice | {"linked_payments": links}, payment, at=now))
    assert [state for _, state, _ in quittance.rows(RECEIPTS)] == [state]
    quittance.close()
