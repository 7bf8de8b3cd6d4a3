"""Why things are as they are: the facts that a timeline tells, and how things stand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from models import OutboxRow
from tasks import by_hand, explain, replay, standing
from tasks.bounces import mark_dead
from tasks.couriers import rules_of
from tasks.recipients import set_opt_out
from tasks.replay import Selection
from tasks.wording import Words
from tests.builders import (
    JANUARY,
    Quittance,
    a_customer,
    a_link,
    a_subscription,
    a_transaction,
    an_event,
    an_invoice,
    seconds,
)
from tests.emails.relay import CUT, Relay

WORDS = Words("en_CA", "America/Toronto")


def told(quittance: Quittance, kind: str, id: str, *kinds: str) -> list[str]:
    """The story, of these kinds of facts or of all."""
    with Session(quittance.engine) as session:
        facts = explain.explain(session, WORDS, kind, id).facts
    assert [fact.text for fact in facts if "@test1234" in fact.text or "@test1234" in str(fact.details)] == []
    return [fact.text for fact in facts if not kinds or fact.kind in kinds]


def now(quittance: Quittance, kind: str, id: str) -> list[str]:
    with Session(quittance.engine) as session:
        return standing.standing(session, WORDS, rules_of(quittance.settings), kind, id)


def test_a_case_is_open_because_collection_was_turned_off_and_money_is_owed(quittance):
    quittance.move_clock(JANUARY)
    on, owed, off = (
        an_event(a_customer(1, auto_collection="on"), type="customer_created"),
        an_event(a_subscription(), an_invoice(total=301009), type="invoice_generated"),
        an_event(a_customer(2, auto_collection="off", offline_payment_method="check"), type="customer_changed"),
    )
    for event in (on, owed, off):
        quittance.take(event)
    story = told(quittance, "invoice", "F-1", "event", "change", "decision")
    assert story == [
        f"customer_created {on['id']} came in by webhook; applied",
        "customer cust_1: collection on",
        f"invoice_generated {owed['id']} came in by webhook; applied",
        "invoice F-1: status payment_due, total $3,010.09, owed $3,010.09, due 2021-02-10",
        f"customer_changed {off['id']} came in by webhook; applied",
        "customer cust_1: collection on -> off, pays by none -> check",
        "case F-1 opened: collection is off and $3,010.09 is owed, to be paid by check",
    ]
    assert now(quittance, "invoice", "F-1")[:2] == [
        "F-1 is payment_due: $3,010.09 is owed of $3,010.09, due on 2021-02-10",
        "its case is open: collection is off, as its customer says, and $3,010.09 is owed",
    ]

    quittance.take(an_event(a_subscription(2, auto_collection="on")))
    assert told(quittance, "invoice", "F-1", "decision")[-1] == "case F-1 closed: collection was turned on"
    assert "no case is open: collection was turned on" in now(quittance, "invoice", "F-1")


def test_money_that_comes_in_is_told_with_what_it_paid(quittance):
    quittance.take(an_event(a_customer(auto_collection="off"), a_subscription(), an_invoice(total=301009)))
    paid = an_invoice(2, total=301009, paid=200000, linked_payments=[a_link(applied=200000)])
    quittance.take(an_event(paid, a_transaction(2, amount=200000, pays={"F-1": 200000}), type="payment_succeeded"))
    story = told(quittance, "invoice", "F-1")
    for fact in (
        "invoice F-1: paid $0.00 -> $2,000.00, owed $3,010.09 -> $1,010.09",
        "payment txn_1 recorded: $2,000.00 by check, reference 001482",
        "payment txn_1 pays $2,000.00 of F-1",
        "case F-1 goes on: $1,010.09 is owed, $2,000.00 came",
        "mail payment_received about F-1 queued: a cheque or wire was applied to it",
    ):
        assert fact in story, story
    assert any(fact.startswith("mail payment_received about F-1 sent to m***@t***; the answer: ") for fact in story)


def test_a_payment_that_was_taken_off_an_invoice_stays_in_its_story(quittance):
    quittance.take(an_event(a_customer(auto_collection="off"), a_subscription(), an_invoice(total=301009)))
    paid = an_invoice(2, total=301009, paid=301009, linked_payments=[a_link(applied=301009)])
    quittance.take(an_event(paid, a_transaction(2, amount=301009, pays={"F-1": 301009}), type="payment_succeeded"))
    bounced = a_transaction(3, amount=301009, pays={}, deleted=True)
    quittance.take(an_event(an_invoice(3, total=301009), bounced, type="transaction_deleted"))
    story = told(quittance, "invoice", "F-1", "change")
    assert "payment txn_1 recorded: $3,010.09 by check, reference 001482" in story
    assert "payment txn_1: status succeeded -> taken_back" in story
    assert "payment txn_1 pays nothing of F-1 any more" in story


def test_the_number_of_seats_is_told_by_what_made_it(quittance):
    quittance.take(an_event(a_customer(), a_subscription(seats=3)))
    quittance.take(an_event(a_subscription(2, seats=7), type="subscription_changed"))
    assert told(quittance, "subscription", "sub_1", "change", "mail")[-4:-1] == [
        "seats 0 -> 3 of licence-CAD-monthly",
        "seats 3 -> 7 of licence-CAD-monthly",
        "mail seats_changed about sub_1 queued: the seats changed from 3 to 7",
    ]
    assert now(quittance, "subscription", "sub_1") == ["7 seats: 7 of licence-CAD-monthly; it is active"]


def test_an_end_is_told_from_the_plan_to_the_day_by_whom_it_was_brought(quittance):
    ends = {"status": "non_renewing", "cancelled_at": seconds(JANUARY + timedelta(days=30))}
    quittance.move_clock(JANUARY)
    quittance.take(an_event(a_customer(), a_subscription(1, **ends)))
    quittance.take(an_event(a_subscription(2)))
    quittance.take(an_event(a_subscription(3, cancel_reason="too_dear", **ends)))
    assert "it is to end on 2021-02-10 10:00 (too_dear)" in now(quittance, "subscription", "sub_1")
    quittance.move_clock(JANUARY + timedelta(days=30, minutes=1))
    quittance.drain()
    assert told(quittance, "subscription", "sub_1", "decision") == [
        "sub_1 is to end on 2021-02-10 10:00",
        "the end of sub_1 on 2021-02-10 10:00 is withdrawn: Chargebee shows it live, without this date",
        "sub_1 is to end on 2021-02-10 10:00",
        "sub_1 has ended on 2021-02-10 10:00: the date has come",
    ]
    assert "seats 5 -> 0 of licence-CAD-monthly (the clock: its date has come)" in told(
        quittance, "subscription", "sub_1", "change"
    )


def test_why_no_mail_went_is_said(quittance, db_url, tmp_path):
    sober = Quittance(db_url, tmp_path, EFFECTS_HORIZON="7 days")
    sober.move_clock(JANUARY + timedelta(days=90))
    sober.take(an_event(a_customer(), an_invoice(paid=6784), at=JANUARY))
    sober.take(an_event(an_invoice(id="F-2"), at=JANUARY + timedelta(days=89)))
    assert told(sober, "invoice", "F-1", "mail") == [
        "mail invoice about F-1 not sent: history: it happened more than 7 days before it was received"
    ]
    assert "no mail: Chargebee collects it by itself, and it is not paid yet" in now(sober, "invoice", "F-2")

    with Session(sober.engine) as session, session.begin():
        mark_dead(session, "marie@test1234.example", customer_id="cust_1", reason="no mailbox", reported_by="smtp")
        set_opt_out(session, "cust_1", "marie@test1234.example", "payment_method_expiring", True, "marie")
    sober.take(an_event(an_invoice(2, id="F-2", paid=6784), at=JANUARY + timedelta(days=90)))
    assert told(sober, "invoice", "F-2", "mail")[-1].startswith(
        "mail invoice about F-2 not sent: mail to this address came back"
    )
    assert "mail to m***@t*** came back, and nothing goes there: no mailbox" in told(sober, "customer", "cust_1")
    assert {line.partition(":")[0] for line in now(sober, "customer", "cust_1")} >= {
        "m***@t*** turned payment_method_expiring mails off",
        "nothing is sent to m***@t***",
    }
    sober.close()


def test_a_held_mail_and_who_decided_about_it_are_told(db_url, tmp_path):
    with Relay() as relay:
        mailing = Quittance(db_url, tmp_path, MAIL_URL=f"smtp://127.0.0.1:{relay.port}")
        relay.script = {"dot": CUT}
        mailing.take(an_event(a_customer(), an_invoice(paid=6784)))
        assert now(mailing, "invoice", "F-1")[-1].startswith(
            "its mail: held for a person to m***@t***: the mail server"
        )
        with Session(mailing.engine) as session, session.begin():
            by_hand.mark_sent(session, session.query(OutboxRow).one(), by="marie")
    story = told(mailing, "invoice", "F-1", "mail", "person")
    assert story[0] == "mail invoice about F-1 queued: it is paid, or open with collection off"
    assert story[1].startswith("mail invoice about F-1 held for a person: the mail server may have accepted it")
    assert story[2] == "mail invoice about F-1 called sent by marie"
    mailing.close()


def test_each_reader_of_a_mail_has_lines_of_their_own(quittance):
    contact = {"id": "con_1", "email": "compta@test1234.example", "enabled": True, "send_billing_email": True}
    quittance.take(an_event(a_customer(contacts=[contact]), an_invoice(paid=6784)))
    story = [line.partition(";")[0] for line in told(quittance, "invoice", "F-1", "mail")]
    assert story == [
        "mail invoice about F-1 queued: it is paid, or open with collection off",
        "mail invoice about F-1 sent to m***@t***",
        "mail invoice about F-1 queued for another reader (c***@t***)",
        "mail invoice about F-1 sent to c***@t***",
    ]
    with Session(quittance.engine) as session, session.begin():
        (first, _) = session.query(OutboxRow).order_by(OutboxRow.id)
        by_hand.revoke_links(session, first, by="marie")
        by_hand.send_again(session, first, by="luc")
    assert told(quittance, "invoice", "F-1", "person") == [
        "mail invoice about F-1 links revoked by marie",
        "mail invoice about F-1 queued once more by luc",
    ]


def test_a_parked_event_that_was_replayed_is_told_twice_with_who_did_it(quittance):
    quittance.move_clock(JANUARY)
    event = an_event(a_customer(), an_invoice(paid=6784), type="odd")
    quittance.post(event)
    quittance.run(
        "update inbox_events set status = 'parked', reason = 'no fault of its own', ended_at = business_now()"
    )
    assert told(quittance, "event", event["id"]) == [
        f"odd {event['id']} came in by webhook; parked: no fault of its own"
    ]
    quittance.move_clock(JANUARY + timedelta(hours=3))
    list(replay.replay(quittance.engine, Selection(parked=True), by="marie"))
    quittance.drain()
    story = told(quittance, "event", event["id"])
    assert story[:3] == [
        f"odd {event['id']} came in by webhook",
        f"marie replayed {event['id']}, which was parked: no fault of its own",
        f"odd {event['id']} was applied",
    ]
    assert "mail invoice about F-1 queued: it is paid, or open with collection off" in story
    assert now(quittance, "event", event["id"]) == [
        "applied on 2021-01-11 13:00",
        "it carries customer cust_1, invoice F-1",
    ]


def test_an_events_story_is_what_it_did_and_no_more(quittance):
    quittance.move_clock(JANUARY)
    first = an_event(a_customer(auto_collection="off"), a_subscription(seats=3), an_invoice())
    second = an_event(a_subscription(2, seats=9))
    quittance.take(first)
    quittance.take(second)
    story = told(quittance, "event", second["id"], "event", "change", "decision")
    assert story == [
        f"something_happened {second['id']} came in by webhook; applied",
        "seats 3 -> 9 of licence-CAD-monthly",
    ]


def test_what_does_not_add_up_is_told(quittance):
    event = an_event(a_customer())
    quittance.take(event)
    quittance.post(event | {"event_type": "another"})
    (line,) = told(quittance, "event", event["id"], "finding")
    assert line.startswith("warning: ")


def test_without_bodies_the_ledgers_still_tell(quittance):
    quittance.take(an_event(a_customer(auto_collection="off"), a_subscription(seats=3), an_invoice(total=301009)))
    quittance.run("update inbox_events set raw = null")
    assert told(quittance, "subscription", "sub_1", "change", "decision") == [
        "seats 0 -> 3 of licence-CAD-monthly",
        "case F-1 opened: collection is off and $3,010.09 is owed",
    ]


@pytest.mark.parametrize("id", ["cust_1", "sub_1", "F-1"])
def test_what_an_id_is_of_is_found_out(quittance, id):
    quittance.take(an_event(a_customer(), a_subscription(), an_invoice()))
    with Session(quittance.engine) as session:
        assert explain.kinds_of(session, id) == [{"c": "customer", "s": "subscription", "F": "invoice"}[id[0]]]


def test_that_a_parked_event_was_mended_is_told_with_why_it_was_parked(quittance: Quittance) -> None:
    event = an_event(a_customer())
    quittance.take(event | {"api_version": "v1"})
    quittance.take(event)
    (line,) = [each for each in told(quittance, "event", event["id"]) if "another body" in each]
    assert "which was parked" in line and "api_version 'v1'" in line
