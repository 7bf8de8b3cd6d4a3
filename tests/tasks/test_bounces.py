"""Dead addresses: how they come to be known, what stops, who is told, and how a person takes it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tasks.bounces import clear_dead
from tests.builders import Quittance, a_customer, an_event, an_invoice
from tests.emails.relay import Relay
from tests.emails.test_reports import CONFIRM, POSTMARK, SES, through_sns

DEAD = "select address, customer_id, reason, reported_by from dead_addresses"
FINDINGS = "select kind, object_type, object_id, detail from findings"
STATES = "select state, reason from outbox order by id"


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as relay:
        yield relay


@pytest.fixture
def mailing(db_url: str, tmp_path: Path, relay: Relay) -> Iterator[Quittance]:
    quittance = Quittance(
        db_url,
        tmp_path,
        MAIL_URL=f"smtp://127.0.0.1:{relay.port}",
        MAIL_WEBHOOK_CREDENTIALS="chargebee:a-password-for-tests",
    )
    yield quittance
    quittance.close()


def a_paid_invoice(quittance: Quittance, number: int = 1) -> None:
    quittance.take(an_event(a_customer(), an_invoice(1, id=f"F-{number}", paid=6784)))


def report(quittance: Quittance, body: Any) -> None:
    assert quittance.post(json.dumps(body).encode(), to="/webhooks/mail").status_code == 200
    quittance.drain()


@pytest.mark.parametrize(
    "answer",
    [
        "550 5.1.1 no such mailbox",
        "550 5.2.1 mailbox disabled",
        "553 no such user here",
        "550 No such person <marie@test1234.example>",
    ],
)
def test_a_recipient_refused_for_good_marks_the_address_and_tells_finance(
    mailing: Quittance, relay: Relay, answer: str
) -> None:
    relay.script = {"RCPT": answer}
    a_paid_invoice(mailing)
    said = answer.replace("marie@test1234.example", "(address)")
    assert mailing.rows(STATES) == [("failed", f"the mail server refused the recipient: {said}")]
    assert mailing.rows(DEAD) == [("marie@test1234.example", "cust_1", said, "smtp")]
    ((kind, object_type, object_id, detail),) = mailing.rows(FINDINGS)
    assert (kind, object_type, object_id) == ("dead_address", "address", "1")
    assert "address 1 of customer cust_1" in detail and "marie" not in detail


@pytest.mark.parametrize(
    "answer",
    [
        "550 5.7.1 relaying denied",
        "550 relay not permitted",
        "550 5.7.1 message rejected due to SPF",
        "552 5.2.2 mailbox full",
        "554 transaction failed",
        "550 sender's host is blacklisted",
    ],
)
def test_a_refusal_that_is_about_us_marks_nobody(mailing: Quittance, relay: Relay, answer: str) -> None:
    relay.script = {"RCPT": answer}
    a_paid_invoice(mailing)
    assert mailing.rows("select state from outbox") == ["failed"]
    assert mailing.rows(DEAD) == []
    assert mailing.rows("select kind from findings") == ["delivery_failed"]


@pytest.mark.parametrize("body", [POSTMARK, SES, through_sns(SES)])
def test_a_bounce_that_the_relay_reports_marks_the_address_and_stops_its_mail(
    mailing: Quittance, relay: Relay, body: Any
) -> None:
    a_paid_invoice(mailing)
    report(mailing, body)
    ((address, customer, _, by),) = mailing.rows(DEAD)
    assert (address, customer) == ("marie@test1234.example", "cust_1") and by in ("postmark", "ses")
    assert mailing.rows("select status from mail_reports") == ["applied"]
    a_paid_invoice(mailing, 2)
    assert mailing.rows(STATES)[1:] == [
        (
            "suppressed",
            "mail to this address came back (address 1); correct it in Chargebee, or clear the mark",
        )
    ]
    assert len(relay.messages) == 1


def test_mail_to_the_other_recipients_goes_on(mailing: Quittance, relay: Relay) -> None:
    a_paid_invoice(mailing)
    report(mailing, POSTMARK)
    contact = {"id": "c", "email": "comptes@test1234.example", "enabled": True, "send_billing_email": True}
    mailing.take(an_event(a_customer(2, contacts=[contact]), an_invoice(1, id="F-2", paid=6784)))
    assert mailing.rows("select recipient, state from outbox where object_id = 'F-2' order by 1") == [
        ("comptes@test1234.example", "sent"),
        ("marie@test1234.example", "suppressed"),
    ]


def test_the_same_bounce_twice_is_one_mark_and_one_finding(mailing: Quittance) -> None:
    a_paid_invoice(mailing)
    report(mailing, POSTMARK)
    report(mailing, POSTMARK)
    report(mailing, POSTMARK | {"ID": 2})
    assert len(mailing.rows(DEAD)) == 1
    assert mailing.rows("select times from findings") == [1]
    assert mailing.rows("select status from mail_reports order by seq") == ["applied", "applied"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (POSTMARK | {"Email": "stranger@elsewhere.example"}, "we wrote to none of its addresses"),
        (POSTMARK | {"Type": "SoftBounce"}, "it may pass: not a hard bounce"),
        ({"hello": "world"}, "neither Postmark nor Amazon SES writes reports like this; check what posts here"),
    ],
)
def test_any_other_report_ends_with_its_reason_and_changes_nothing(mailing: Quittance, body: Any, reason: str) -> None:
    a_paid_invoice(mailing)
    report(mailing, body)
    assert mailing.rows("select status, reason from mail_reports") == [("ignored", reason)]
    assert mailing.rows(DEAD) == [] and mailing.rows(FINDINGS) == []


def test_amazons_question_is_put_to_a_person_and_nothing_is_called(mailing: Quittance) -> None:
    report(mailing, CONFIRM)
    ((kind, _, topic, detail),) = mailing.rows(FINDINGS)
    assert (kind, topic) == ("reports_to_confirm", CONFIRM["TopicArn"])
    assert detail.endswith(f"open {CONFIRM['SubscribeURL']}")


def test_a_person_clears_the_mark_and_mail_goes_there_again(mailing: Quittance, relay: Relay) -> None:
    a_paid_invoice(mailing)
    report(mailing, POSTMARK)
    with Session(mailing.engine) as session, session.begin():
        assert clear_dead(session, 1, "luc")
        assert not clear_dead(session, 1, "luc")
    assert mailing.rows(FINDINGS) == []
    assert mailing.rows("select actor, object_id from audit_entries where object_type = 'dead_addresses'") == [
        ("postmark", "1"),
        ("luc", "1"),
    ]
    a_paid_invoice(mailing, 2)
    assert len(relay.messages) == 2


def test_a_report_that_is_nonsense_hides_no_other(mailing: Quittance) -> None:
    a_paid_invoice(mailing)
    for kind in ([], {"HardBounce": 1}):
        report(mailing, POSTMARK | {"Type": kind, "Inactive": False})
    report(mailing, POSTMARK)
    assert mailing.rows("select status from mail_reports order by seq") == ["ignored", "ignored", "applied"]
