"""The outbox: one attempt takes a lease, and what may have been accepted is never silently sent again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from models import OutboxRow
from models.session import transaction
from simulator.fixtures import ChargebeeApi
from tasks.clock import ring_what_is_due
from tasks.outbox import Delivery, deliver_one, deliver_pending
from tests.builders import Quittance, a_customer, an_event, an_invoice
from tests.emails.relay import CUT, Relay

ROW = "select state, attempts, reason from outbox"
FINDINGS = "select kind, severity, object_id, detail from findings"


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as relay:
        yield relay


@pytest.fixture
def mailing(db_url: str, tmp_path: Path, relay: Relay) -> Iterator[Quittance]:
    """The system, whose mail leaves through a relay that follows a script."""
    quittance = Quittance(db_url, tmp_path, MAIL_URL=f"smtp://127.0.0.1:{relay.port}")
    yield quittance
    quittance.close()


def a_paid_invoice(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(), an_invoice(1, paid=6784)))


def claimed(quittance: Quittance) -> Delivery:
    """The one row, as a worker holds it that took it and then was frozen."""
    a_row_to_deliver(quittance)
    with transaction(quittance.engine) as session:
        session.execute(text("update outbox set lease_token = lease_token + 1, attempts = attempts + 1"))
        row = session.scalars(select(OutboxRow)).one()
        session.expunge(row)
    return Delivery(quittance.engine, quittance.couriers, row)


def due(quittance: Quittance) -> list[str]:
    return ring_what_is_due(quittance.engine, lambda _: None)


def a_row_to_deliver(quittance: Quittance) -> None:
    """A mail that is called for and was not looked at yet."""
    a_paid_invoice(quittance)
    quittance.run("update outbox set state = 'new', attempts = 0, ended_at = null, due_at = now()")


def test_a_mail_that_is_accepted_is_sent_and_kept(mailing: Quittance, relay: Relay) -> None:
    a_paid_invoice(mailing)
    assert mailing.rows(ROW) == [("sent", 1, None)]
    assert mailing.rows("select reply, lease_until, ended_at is not null from outbox") == [
        ("250 2.0.0 queued as 4F2A", None, True)
    ]
    assert len(relay.messages) == 1
    mailing.drain()
    assert len(relay.messages) == 1


def test_a_row_that_somebody_holds_is_left_alone(mailing: Quittance, relay: Relay) -> None:
    a_row_to_deliver(mailing)
    mailing.run("update outbox set due_at = now() + interval '120 s', lease_until = now() + interval '120 s'")
    assert deliver_pending(mailing.engine, mailing.couriers, "mail") == 0
    assert len(relay.messages) == 1


def test_a_worker_that_was_frozen_sends_nothing_and_changes_nothing(mailing: Quittance, relay: Relay) -> None:
    stale = claimed(mailing)
    mailing.drain()  # another worker took it meanwhile
    assert len(relay.messages) == 2
    after = mailing.rows("select state, reason, attempts, reply from outbox")
    deliver_one(stale)
    assert len(relay.messages) == 2
    assert mailing.rows("select state, reason, attempts, reply from outbox") == after


def test_a_lease_that_ran_out_before_sending_is_taken_over(mailing: Quittance, relay: Relay) -> None:
    a_row_to_deliver(mailing)
    mailing.run("update outbox set lease_until = now() - interval '1 s', due_at = now() - interval '1 s'")
    mailing.drain()
    assert len(relay.messages) == 2
    assert mailing.rows(ROW) == [("sent", 1, None)]


def test_a_mail_whose_outcome_is_unknown_is_held_for_a_person(mailing: Quittance, relay: Relay) -> None:
    relay.script = {"dot": CUT}
    a_paid_invoice(mailing)
    ((state, attempts, reason),) = mailing.rows(ROW)
    assert (state, attempts) == ("held", 1)
    assert reason.startswith("the mail server may have accepted it")
    relay.script = {}
    mailing.hurry()
    assert relay.messages == [] and relay.dots == 1
    assert mailing.rows("select subject is not null, message_id is not null from outbox") == [(True, True)]


def test_where_so_asked_it_is_sent_again_under_the_same_message_id(db_url: str, tmp_path: Path, relay: Relay) -> None:
    quittance = Quittance(db_url, tmp_path, MAIL_URL=f"smtp://127.0.0.1:{relay.port}", EMAIL_AMBIGUOUS="resend")
    relay.script = {"dot": CUT}
    a_paid_invoice(quittance)
    assert [state for state, _, _ in quittance.rows(ROW)] == ["new"]
    relay.script = {}
    quittance.hurry()
    assert quittance.rows("select state, attempts from outbox") == [("sent", 2)]
    assert len(relay.messages) == 1 and relay.dots == 2
    (id,) = quittance.rows("select message_id from outbox")
    assert id.encode() in relay.messages[0]
    quittance.close()


def test_how_a_mail_ended_stands_in_the_audit_also_after_it_was_asked_for_again(
    mailing: Quittance, relay: Relay
) -> None:
    relay.script = {"dot": CUT}
    a_paid_invoice(mailing)
    mailing.run("update outbox set state = 'new', due_at = now()")
    relay.script = {}
    mailing.drain()
    asked = "select actor, before ->> 'state', after ->> 'state', event_id is not null from audit_entries"
    assert mailing.rows(f"{asked} where object_type = 'email' order by id") == [
        ("chargebee", None, "new", True),
        ("delivery", "sending", "held", True),
        ("delivery", "sending", "sent", True),
    ]


@pytest.mark.parametrize(("ambiguous", "state", "messages"), [("hold", "held", 1), ("resend", "sent", 2)])
def test_a_worker_that_ended_while_sending_leaves_the_mail_to_a_person_or_to_the_next(
    db_url: str, tmp_path: Path, relay: Relay, ambiguous: str, state: str, messages: int
) -> None:
    quittance = Quittance(db_url, tmp_path, MAIL_URL=f"smtp://127.0.0.1:{relay.port}", EMAIL_AMBIGUOUS=ambiguous)
    a_paid_invoice(quittance)
    quittance.run("update outbox set state = 'sending', lease_until = now() - interval '1 s', ended_at = null")
    assert due(quittance) == ["mail"]
    quittance.drain()
    assert quittance.rows("select state from outbox") == [state]
    assert len(relay.messages) == messages
    quittance.close()


@pytest.mark.parametrize("step", ["greeting", "MAIL", "RCPT", "DATA"])
def test_what_breaks_before_the_mail_is_handed_over_is_tried_again(mailing: Quittance, relay: Relay, step: str) -> None:
    relay.script = {step: CUT}
    a_paid_invoice(mailing)
    assert [state for state, _, _ in mailing.rows(ROW)] == ["new"]
    relay.script = {}
    mailing.hurry()
    assert mailing.rows("select state, attempts from outbox") == [("sent", 2)]
    assert len(relay.messages) == 1


def test_pauses_between_attempts_grow_and_end_at_an_hour(mailing: Quittance, relay: Relay) -> None:
    relay.script = {"RCPT": "450 mailbox busy"}
    a_paid_invoice(mailing)
    pauses = []
    for attempt in (1, 2, 3, 30):
        mailing.run("update outbox set attempts = :before, due_at = now()", before=attempt - 1)
        mailing.drain()
        pauses += mailing.rows("select extract(epoch from due_at - now())::float from outbox")
    for pause, planned in zip(pauses, (5, 10, 20, 3600), strict=True):
        assert planned * 0.8 - 5 <= pause <= planned * 1.2
    assert relay.messages == []


def test_a_mail_that_is_refused_for_good_fails_with_a_finding(mailing: Quittance, relay: Relay) -> None:
    relay.script = {"RCPT": "550 5.7.1 relaying denied"}
    a_paid_invoice(mailing)
    ((state, attempts, reason),) = mailing.rows(ROW)
    assert (state, attempts) == ("failed", 1)
    assert "550" in reason
    assert mailing.rows(FINDINGS) == [("delivery_failed", "error", "invoice:F-1:0", reason)]
    relay.script = {}
    mailing.hurry()
    assert relay.messages == []


@pytest.mark.parametrize(
    ("age", "state"), [(timedelta(days=2, hours=23), "new"), (timedelta(days=3, hours=1), "failed")]
)
def test_a_mail_is_tried_for_three_days(mailing: Quittance, relay: Relay, age: timedelta, state: str) -> None:
    relay.script = {"RCPT": "450 mailbox busy"}
    a_paid_invoice(mailing)
    mailing.run("update outbox set waiting_since = now() - :age", age=age)
    mailing.hurry()
    assert mailing.rows("select state from outbox") == [state]
    assert mailing.rows("select kind from findings") == ["delivery_failed"] * (state == "failed")


@pytest.mark.parametrize(("age", "state"), [(timedelta(hours=23), "new"), (timedelta(hours=25), "failed")])
def test_a_call_to_chargebee_is_tried_for_a_day(
    with_api: Quittance, chargebee_api: ChargebeeApi, age: timedelta, state: str
) -> None:
    chargebee_api.faults.plan("unavailable", path="cust_1$", times=None)
    with_api.take(an_event(a_customer(1)), an_event(a_customer(1, first_name="Luc")))
    assert with_api.rows("select kind, state from outbox") == [("chargebee", "new")]
    with_api.run("update outbox set waiting_since = now() - :age", age=age)
    with_api.hurry()
    assert with_api.rows("select state from outbox") == [state]


def test_a_call_that_chargebee_refuses_fails_at_once(with_api: Quittance) -> None:
    with_api.take(an_event(a_customer(1)), an_event(a_customer(1, first_name="Luc")))  # it knows no such customer
    assert with_api.rows("select state, attempts from outbox") == [("failed", 1)]
    assert with_api.rows("select kind from findings order by kind") == ["delivery_failed", "tie"]


@pytest.mark.parametrize("kind", ["email", "fax"])
def test_what_nothing_delivers_fails_and_says_so(quittance: Quittance, kind: str) -> None:
    quittance.run(
        "insert into outbox (key, queue, kind, name, object_id) values ('k', 'mail', :kind, 'greeting', 'x')", kind=kind
    )
    quittance.drain()
    assert quittance.rows(ROW) == [("failed", 1, f"nothing delivers {kind} greeting; run the version that queued it")]


def test_a_fault_of_ours_is_tried_again_and_hurts_nobody_else(mailing: Quittance, relay: Relay) -> None:
    a_paid_invoice(mailing)
    mailing.run(
        "insert into outbox (key, queue, kind, name, object_id) values ('k', 'mail', 'email', 'invoice', 'no such')"
    )
    mailing.take(an_event(an_invoice(1, id="F-2", paid=6784)))
    assert mailing.rows("select key, state from outbox order by key") == [
        ("invoice:F-1:0", "sent"),
        ("invoice:F-2:0", "sent"),
        ("k", "new"),
    ]
    assert len(relay.messages) == 2


def test_each_queue_is_asked_for_itself(quittance: Quittance) -> None:
    a_row_to_deliver(quittance)
    assert due(quittance) == ["mail"]
    quittance.run("update outbox set due_at = now() + interval '1 minute'")
    assert due(quittance) == []
