"""Applying events again, and what it would do: rehearsed on copies, with nothing written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention
from models import Subscription
from simulator import story
from tasks import registry, replay
from tasks.couriers import rules_of
from tasks.rehearsal import rehearse
from tasks.replay import Selection
from tests.builders import (
    JANUARY,
    Quittance,
    a_customer,
    a_link,
    a_subscription,
    a_transaction,
    an_event,
    an_invoice,
    end_state,
)

PARKED = Selection(parked=True)
EVERYTHING = (
    *("inbox_events", "customers", "subscriptions", "subscription_items", "invoices", "transactions", "credit_notes"),
    *("payments", "payment_applications", "followups", "cancellations", "outbox", "findings", "audit_entries"),
    *("seat_entries", "followup_entries"),
)


@pytest.fixture
def rehearsed(quittance):
    def go(selection=PARKED, limit=1_000, **rules):
        teams = {"finance": quittance.settings.finance_emails, "ops": ()}
        return rehearse(quittance.engine, rules_of(quittance.settings), selection, teams=teams, limit=limit)

    return go


def park(quittance: Quittance, *events) -> None:
    """As after five starts that killed their process: parked, whatever is in them."""
    for event in events:
        assert quittance.post(event).status_code == 200
    quittance.run("update inbox_events set status = 'parked', reason = 'no fault of its own' where status = 'pending'")


def again(quittance: Quittance, selection: Selection = PARKED) -> None:
    for _ in replay.replay(quittance.engine, selection, by="marie"):
        pass
    quittance.drain()


def everything(quittance: Quittance) -> dict:
    numbers = "select sequencename::text, last_value from pg_sequences order by 1"
    rows = {name: sorted(quittance.rows(f"select to_jsonb(t) from {name} as t"), key=str) for name in EVERYTHING}
    return rows | {"numbers": quittance.rows(numbers)}


def a_paid_case(version: int, due: int):
    """A case of 3,010.09 of which so much is still owed."""
    paid = 301009 - due
    invoice = an_invoice(version, total=301009, paid=paid, linked_payments=[a_link(applied=paid)])
    return an_event(invoice, a_transaction(version, amount=paid, pays={"F-1": paid}))


@pytest.fixture
def a_case(quittance):
    quittance.take(an_event(a_customer(auto_collection="off"), a_subscription(seats=3), an_invoice(total=301009)))


# ---- the rehearsal ---------------------------------------------------------------------------------------------------


def test_what_is_rehearsed_is_what_then_happens(quittance, rehearsed):
    site = story.a_site()
    for step in story.steps():
        step.play(site)
    quittance.move_clock(site.now)
    half = len(site.events) // 2
    quittance.take(*site.events[:half])
    park(quittance, *site.events[half:])

    would = rehearsed()
    again(quittance)

    assert would.tally.able == len(site.events) - half and would.statuses["applied"] > 3
    assert dict(
        quittance.rows("select status, count(*) from inbox_events where seq > :half group by 1", half=half)
    ) == (would.statuses)
    stored = {table: quittance.rows(f"select to_jsonb(t) from {table} as t") for table in would.tables}
    assert would.rows and len(would.rows) == sum(would.tables.values())
    for row in would.rows:
        found = [each for each in stored[row.table] if _is(each, row.key)]
        assert bool(found) is (row.after is not None), row
        if row.after:
            assert {name: found[0][name] for name in row.after} == row.after
    queued = set(
        quittance.rows("select key from outbox where event_id in (select id from inbox_events where seq > :n)", n=half)
    )
    assert {each.key for each in would.told} <= queued


def _is(row: dict, key: str) -> bool:
    keys = ("subscription_id", "item_price_id"), ("transaction_id", "invoice_id"), ("subscription_id", "effective_at")
    names = next((pair for pair in keys if all(name in row for name in pair) and "id" not in row), None)
    return key == (":".join(str(row[name]) for name in names) if names else row.get("id", row.get("invoice_id")))


def test_a_rehearsal_writes_nothing_and_uses_no_number_up(quittance, rehearsed, a_case):
    park(quittance, a_paid_case(2, due=100000), an_event(a_subscription(2, seats=9)))
    before = everything(quittance)
    assert rehearsed().tables
    assert everything(quittance) == before


def test_a_rehearsal_neither_waits_for_a_worker_nor_makes_one_wait(quittance, rehearsed, a_case):
    park(quittance, an_event(a_subscription(2, seats=9)))
    with Session(quittance.engine) as session, session.begin():  # a worker in the middle of a batch
        session.execute(text("select pg_advisory_xact_lock(hashtextextended('cust_1', 0))"))
        session.execute(text("update subscriptions set seats = 4"))
        assert rehearsed().seats == (3, 9)


def test_events_of_many_batches_build_on_each_other(quittance, rehearsed, a_case):
    park(quittance, *(an_event(a_subscription(n, seats=n)) for n in range(2, 122)))
    would = rehearsed()
    assert would.statuses == {"applied": 120}
    assert would.seats == (3, 121)
    assert {row.key: (row.before["seats"], row.after["seats"]) for row in would.rows if "seats" in row.after} == {
        "sub_1": (3, 121),
        "sub_1:licence-CAD-monthly": (3, 121),
    }


def test_money_and_seats_are_told_as_differences(quittance, rehearsed, a_case):
    park(
        quittance,
        a_paid_case(2, due=101009),
        an_event(a_customer(id="cust_2"), an_invoice(id="F-2", customer_id="cust_2", currency_code="USD", total=5000)),
    )
    would = rehearsed()
    assert [(each.what, each.currency, each.before, each.after) for each in would.money] == [
        ("owed on invoices", "CAD", 301009, 101009),
        ("owed on invoices", "USD", 0, 5000),
        ("to be chased", "CAD", 301009, 101009),
        ("payments recorded", "CAD", 0, 200000),
    ]
    assert would.seats[0] == would.seats[1]


def test_mail_that_would_go_is_told_and_what_was_told_is_not_told_again(quittance, rehearsed, a_case):
    park(quittance, a_paid_case(2, due=101009))
    would = rehearsed()
    assert [(each.name, each.object_id, each.to, each.why_not) for each in would.told] == [
        ("payment_received", "F-1", ["marie@test1234.example"], None)
    ]
    assert would.told_already == {"invoice:F-1:0": "sent"}
    again(quittance)
    sent = quittance.rows("select name from outbox where state = 'sent'")
    assert sorted(sent) == ["finance_new_case", "invoice", "payment_received"]
    assert rehearsed(Selection(since=JANUARY - timedelta(days=4000))).told == []


def test_what_is_older_than_the_mirror_changes_nothing(quittance, rehearsed, a_case):
    park(quittance, an_event(a_subscription(2, seats=9)))
    quittance.take(an_event(a_subscription(5, seats=4)))
    would = rehearsed()
    assert [(each.was, each.ending.status, each.ending.reason) for each in would.endings] == [
        ("parked", "ignored", "nothing newer in it")
    ]
    assert (would.rows, would.told, would.money, would.seats[0]) == ([], [], [], would.seats[1])


def test_an_event_is_quiet_if_it_was_late_when_it_was_received_not_when_it_is_replayed(db_url, tmp_path):
    sober = Quittance(db_url, tmp_path, EFFECTS_HORIZON="7 days")
    in_time, late = (
        an_event(a_customer(id=f"cust_{n}"), an_invoice(id=f"F-{n}", customer_id=f"cust_{n}", paid=6784), at=at)
        for n, at in ((1, JANUARY), (2, JANUARY - timedelta(days=20)))
    )
    sober.move_clock(JANUARY + timedelta(hours=1))
    park(sober, in_time, late)
    sober.move_clock(JANUARY + timedelta(days=30))
    would = rehearse(sober.engine, rules_of(sober.settings), PARKED, teams={}, limit=10)
    assert {each.object_id: each.why_not for each in would.told if each.kind == "email"} == {
        "F-1": None,
        "F-2": "history: it happened more than 7 days before it was received",
    }
    again(sober)
    assert sober.rows("select object_id from outbox where state = 'sent' order by 1") == ["F-1"]
    sober.close()


def test_the_database_refuses_in_a_rehearsal_what_it_would_refuse(quittance, rehearsed, a_case):
    park(quittance, an_event(a_subscription(2, seats=2**31), a_customer(3)), an_event(a_subscription(3, seats=9)))
    quittance.run("alter table subscription_items add constraint small check (quantity < 1000)")
    try:
        would = rehearsed()
    finally:
        quittance.run("alter table subscription_items drop constraint small")
    assert [each.ending.status for each in would.endings] == ["parked", "applied"]
    assert "small" in (would.endings[0].ending.reason or "")
    assert would.seats == (3, 9)
    assert "customers" not in would.tables


def test_what_is_pending_or_emptied_is_left_alone_and_counted(quittance, rehearsed, a_case):
    park(quittance, an_event(a_subscription(2, seats=9)), an_event(a_subscription(3, seats=2)))
    quittance.run("update inbox_events set raw = null where seq = 3")
    quittance.post(an_event(a_customer(2, auto_collection="off")))
    would = rehearsed(Selection(since=JANUARY - timedelta(days=1)))
    assert (would.tally.able, would.tally.pending, would.tally.emptied) == (2, 1, 1)
    tallies = list(replay.replay(quittance.engine, Selection(since=JANUARY), by="marie"))
    assert tallies[-1] == would.tally
    assert quittance.rows("select seq from inbox_events where status = 'pending' order by 1") == [1, 2, 4]


def test_of_very_many_each_thousand_is_due_a_while_after_the_one_before(quittance):
    park(quittance, an_event(a_customer()))
    quittance.run(
        "insert into inbox_events (id, raw, digest, customer_ids, status) "
        "select 'ev_many_' || n, raw, digest, customer_ids, status from inbox_events, generate_series(1, 2499) as n"
    )
    (*_, tally) = replay.replay(quittance.engine, PARKED, by="marie")
    assert tally.able == 2500
    due = quittance.rows("select count(*), due_at from inbox_events group by due_at order by due_at")
    assert [times for times, _ in due] == [1000, 1000, 500]
    assert due[1][1] - due[0][1] >= timedelta(seconds=2) and due[2][1] - due[0][1] >= timedelta(seconds=4)


def test_lists_are_as_long_as_was_asked_for_and_counts_are_whole(quittance, rehearsed):
    park(quittance, *(an_event(a_customer(id=f"cust_{n}")) for n in range(30)))
    would = rehearsed(limit=4)
    assert (len(would.rows), len(would.endings), would.tables, would.statuses) == (
        4,
        4,
        {"customers": 30},
        {"applied": 30},
    )


# ---- which ones ------------------------------------------------------------------------------------------------------


def test_a_selection_is_narrowed_by_all_that_is_said(quittance):
    first, second, third = (an_event(a_customer(n), type=kind) for n, kind in ((1, "one"), (2, "two"), (3, "two")))
    quittance.move_clock(JANUARY)
    park(quittance, first)
    quittance.move_clock(JANUARY + timedelta(days=4000))
    park(quittance, second)
    quittance.take(third)

    def chosen(**said):
        with Session(quittance.engine) as session:
            found = replay.batches(session, Selection(**said), *replay.ends(session), size=2)
            return [id for batch in found for id in batch.ids]

    assert chosen(since=JANUARY + timedelta(days=3999)) == [second["id"], third["id"]]
    assert chosen(event_type="two") == [second["id"], third["id"]]
    assert chosen(event_type="two", parked=True) == [second["id"]]
    assert chosen(parked=True) == [first["id"], second["id"]]
    assert chosen(ids=(third["id"],)) == [third["id"]]


# ---- mending a cause -------------------------------------------------------------------------------------------------


def test_mending_a_cause_and_replaying_empties_what_is_parked(quittance, rehearsed, monkeypatch):
    plans = {"licence-CAD-monthly"}

    def refuse_an_unmapped_plan(world, subscription, change):
        for item in subscription.items or ():
            if item["item_price_id"] not in plans:
                raise NeedsAttention(f"plan {item['item_price_id']} is mapped to nothing; map it, then replay")

    derivations = registry.derivations()
    monkeypatch.setitem(derivations, Subscription, [refuse_an_unmapped_plan, *derivations[Subscription]])
    new = {"subscription_items": [{"item_price_id": "gold", "item_type": "plan", "quantity": 4}]}
    event = an_event(a_customer(), a_subscription(**new), an_invoice(paid=6784))
    quittance.take(event)
    assert quittance.ending(event) == ("parked", "plan gold is mapped to nothing; map it, then replay")
    assert rehearsed().reasons == {"plan gold is mapped to nothing; map it, then replay": 1}
    assert quittance.mails() == []

    plans.add("gold")
    would = rehearsed()
    assert (would.statuses, would.seats, [each.name for each in would.told]) == ({"applied": 1}, (0, 4), ["invoice"])
    assert quittance.ending(event)[0] == "parked"

    again(quittance)
    assert quittance.ending(event) == ("applied", None)
    assert quittance.rows("select seats from subscriptions") == [4] and len(quittance.mails()) == 1
    assert quittance.rows("select before ->> 'reason' from audit_entries where object_type = 'event'") == [
        "plan gold is mapped to nothing; map it, then replay"
    ]
    before = end_state(quittance)
    again(quittance, Selection(event_type="something_happened"))
    assert end_state(quittance) == before and len(quittance.mails()) == 1
