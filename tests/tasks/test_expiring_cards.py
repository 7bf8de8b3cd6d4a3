"""Cards about to expire: one mail for each card and month, whoever says it, if it still matters."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from tasks.recipients import opt_outs, set_opt_out
from tests.builders import JANUARY, Body, Quittance, _snapshot, a_customer, an_event, in_every_order, mail_text

MAILS = "select key, state from outbox where name = 'payment_method_expiring' order by id"
KEY = "payment_method_expiring:cust_1:4242-2021-02"
CARD = {"brand": "visa", "last4": "4242", "expiry_month": 2, "expiry_year": 2021}


def a_source(version: int = 1, status: str = "expiring", card: Body = CARD, **fields: Any) -> Body:
    default = {"id": "pm_1", "customer_id": "cust_1", "type": "card", "status": status, "card": card}
    return _snapshot("payment_source", version, default | fields)


def legacy(**fields: Any) -> Body:
    """An event of a site that has no payment sources: the card is no object we keep."""
    card = {"object": "card", "customer_id": "cust_1", "payment_source_id": "pm_1", **CARD, "card_type": "visa"}
    event = an_event(a_customer(), type="card_expiry_reminder")
    event["content"]["card"] = card | fields
    return event


@pytest.fixture(autouse=True)
def in_january(quittance: Quittance) -> None:
    quittance.move_clock(JANUARY)


def test_a_card_that_expires_soon_is_told_to_the_owner(quittance: Quittance) -> None:
    contact = {"id": "c", "email": "comptes@test1234.example", "enabled": True, "send_billing_email": True}
    quittance.take(an_event(a_customer(contacts=[contact]), a_source(), type="payment_source_expiring"))
    assert quittance.rows(MAILS) == [(KEY, "sent")]
    (mail,) = quittance.mails()
    assert mail["To"] == "marie@test1234.example"
    assert "4242" in mail["Subject"] and "février 2021" in mail_text(mail)


def test_state_event_and_legacy_event_make_one_mail(quittance: Quittance) -> None:
    quittance.take(legacy(), an_event(a_customer(), a_source()), an_event(a_source(2), type="payment_source_expiring"))
    quittance.take(legacy())
    assert quittance.rows(MAILS) == [(KEY, "sent")]


def test_in_whatever_order_it_is_heard_of_it_is_told_once(quittance: Quittance) -> None:
    for end in in_every_order(quittance, a_customer(), a_source(id="txn_7")):
        quittance.hurry()
        told = quittance.rows("select state from outbox where object_id = :id", id=f"cust_1{end}")
        assert told == ["sent"]


def test_another_month_is_another_mail(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(), a_source()))
    quittance.take(an_event(a_source(2, card=CARD | {"expiry_year": 2022})))
    assert [state for _, state in quittance.rows(MAILS)] == ["sent", "sent"]


@pytest.mark.parametrize(
    "event",
    [
        an_event(a_customer(), a_source(status="valid")),
        an_event(a_customer(), a_source(deleted=True)),
        an_event(a_customer(), a_source(type="direct_debit")),
        an_event(a_customer(), type="card_expiry_reminder"),  # which card, nobody says
        legacy(expiry_month=13),
        legacy(last4=None),
    ],
)
def test_without_a_card_and_its_month_nothing_is_said(quittance: Quittance, event: Body) -> None:
    quittance.take(event | {"id": "ev_x"})
    assert quittance.rows(MAILS) == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        a_source(2, deleted=True),
        a_source(2, status="valid", card=CARD | {"expiry_year": 2025}),
        a_customer(3, auto_collection="off"),
    ],
)
def test_a_card_that_no_longer_matters_is_not_told_of(quittance: Quittance, meanwhile: Body) -> None:
    quittance.take(an_event(a_customer(email=None), a_source()))
    quittance.take(an_event(meanwhile), an_event(a_customer(2)))
    if meanwhile["object"] == "customer":
        quittance.take(an_event(meanwhile))
    quittance.hurry()
    assert quittance.rows(MAILS) == [(KEY, "suppressed")]


def turn(quittance: Quittance, off: bool, kind: str = "payment_method_expiring") -> bool:
    with Session(quittance.engine) as session, session.begin():
        return set_opt_out(session, "cust_1", "Marie@TEST1234.example", kind, off, "marie, from a mail")


def test_a_reader_who_turned_these_mails_off_gets_none_and_on_again_they_come(quittance: Quittance) -> None:
    assert turn(quittance, True) and not turn(quittance, True)
    with Session(quittance.engine) as session:
        assert opt_outs(session, "cust_1", "marie@test1234.example") == {"payment_method_expiring"}
    quittance.take(an_event(a_customer(), a_source()))
    assert quittance.rows("select state, reason from outbox") == [("suppressed", "its reader turned these mails off")]
    assert turn(quittance, False) and not turn(quittance, False)
    quittance.take(an_event(a_source(2, card=CARD | {"expiry_month": 3})))
    assert len(quittance.mails()) == 1
    audit = "select actor, before->>'off', after->>'off' from audit_entries where object_type = 'opt_outs' order by id"
    assert quittance.rows(audit) == [
        ("marie, from a mail", "false", "true"),
        ("marie, from a mail", "true", "false"),
    ]


@pytest.mark.parametrize("kind", ["invoice", "payment_failed", "no_such_kind"])
def test_what_is_always_sent_cannot_be_turned_off(quittance: Quittance, kind: str) -> None:
    with pytest.raises(ValueError, match=r"these can: .*seats_changed"):
        turn(quittance, True, kind)
