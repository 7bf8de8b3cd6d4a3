"""The inbox: how events end, and that neither a bad one, a hot customer nor a lost database hurts the others."""

from __future__ import annotations

import ast
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from click.testing import CliRunner
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from models import Customer, Invoice, Subscription
from models.session import transaction
from tasks import inbox, registry
from tasks.clock import ring_what_is_due
from tasks.inbox import _claim_suspect, apply_pending, take_in
from tasks.registry import Change, derivations, derives, handlers, on
from tasks.world import World
from tests.builders import (
    JANUARY,
    Body,
    Quittance,
    a_customer,
    a_subscription,
    a_transaction,
    an_event,
    an_invoice,
)
from tests.conftest import ROOT
from worker.cli.derivations import command as show_derivations

STATUSES = "select status from inbox_events order by seq"
LOCK = "select pg_advisory_xact_lock(hashtextextended('cust_1', 0))"


@pytest.fixture
def registered() -> Iterator[None]:
    """What a test registers is forgotten at its end."""
    registry.load()
    kept = {model: list(functions) for model, functions in registry._derivations.items()}
    known = dict(registry._handlers)
    yield
    registry._derivations.clear()
    registry._derivations.update(kept)
    registry._handlers.clear()
    registry._handlers.update(known)


def apply(quittance: Quittance) -> int:
    return apply_pending(quittance.engine, quittance.couriers.rules)


def post(quittance: Quittance, *bodies: Body) -> None:
    for body in bodies:
        assert quittance.post(body).status_code == 200


def customers(first: int, last: int) -> list[Body]:
    return [an_event(a_customer(id=f"cust_{n}")) for n in range(first, last + 1)]


# ---- the three endings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "ending"),
    [
        (an_event(a_customer()), ("applied", None)),
        (an_event(type="coupon_codes_added"), ("ignored", "no object we keep")),
        (an_event(a_customer(id="cbdemo_tom")), ("ignored", "a test event (cbdemo_)")),
        (an_event(a_customer()) | {"id": "cbdemo_ev"}, ("ignored", "a test event (cbdemo_)")),
        (
            an_event(a_customer(), api_version="v1"),
            (
                "parked",
                "the event has api_version 'v1'; set the webhook to V2 in Chargebee; with an API key it is then read"
                " again by itself (events backfill reads older ones); without one, send it again from there",
            ),
        ),
        (
            an_event(a_transaction() | {"amount": True}),
            (
                "parked",
                "transaction txn_1: amount is True, not an integer; look at the object in Chargebee, then replay",
            ),
        ),
    ],
)
def test_an_event_ends_in_one_of_three_ways_with_the_reason(
    quittance: Quittance, event: Body, ending: tuple[str, str | None]
) -> None:
    quittance.take(event)
    assert quittance.ending(event) == ending
    assert quittance.rows("select starts, ended_at is not null from inbox_events") == [(1, True)]


def test_an_event_with_nothing_newer_is_ignored(quittance: Quittance) -> None:
    again = an_event(a_customer(1))
    quittance.take(an_event(a_customer(2)), again)
    quittance.take(again)
    assert quittance.ending(again) == ("ignored", "nothing newer in it")


@pytest.mark.parametrize("type", [["x"], {"a": 1}, None])
def test_an_event_type_that_is_no_text_does_no_harm(quittance: Quittance, type: Any) -> None:
    event = an_event(a_customer()) | {"event_type": type}
    quittance.take(event)
    assert quittance.ending(event) == ("applied", None)


def test_a_body_that_was_emptied_is_parked_with_the_next_step(quittance: Quittance) -> None:
    event = an_event(a_customer())
    post(quittance, event)
    quittance.run("update inbox_events set raw = null")
    quittance.drain()
    assert quittance.ending(event) == (
        "parked",
        "its body was emptied after 90 days; backfill its objects from the API instead",
    )


@pytest.mark.parametrize(
    "bad",
    [
        a_subscription(subscription_items=None),  # a rule refuses it
        a_customer(id="cust_2", locale=["fr"]),  # it is not understood
        an_invoice(1, due_date=-1),
    ],
)
def test_a_parked_event_leaves_nothing_and_its_neighbours_are_applied(quittance: Quittance, bad: Body) -> None:
    before, after, broken = an_event(a_customer(1)), an_event(a_customer(2)), an_event(a_customer(id="cust_9"), bad)
    quittance.take(before, broken, after, *customers(10, 12))
    assert quittance.ending(broken)[0] == "parked"
    assert quittance.rows("select count(*) from inbox_events where status = 'applied'") == [5]
    assert quittance.rows("select id from customers order by id") == ["cust_1", "cust_10", "cust_11", "cust_12"]


def test_what_several_events_of_a_batch_change_is_written_as_the_last_left_it_and_explained_by_each(
    quittance: Quittance,
) -> None:
    post(quittance, an_event(a_subscription(1, seats=3)), an_event(a_subscription(2, seats=5)))
    assert apply(quittance) == 2
    assert quittance.rows("select seats from subscriptions") == [5]
    assert quittance.rows("select before, after from seat_entries order by id") == [(0, 3), (3, 5)]
    explained = "select before ->> 'seats', after ->> 'seats' from audit_entries where object_type = :what order by id"
    assert quittance.rows(explained, what="subscription_items") == [(None, "3"), ("3", "5")]
    # Written over the version that the first of them had read, not over the one that it made and never wrote.
    post(quittance, an_event(a_subscription(3, seats=6)), an_event(a_subscription(4, seats=7)))
    assert apply(quittance) == 2
    assert quittance.rows("select seats from subscriptions") == [7]


def test_an_id_too_long_for_an_index_parks_its_event_alone(quittance: Quittance) -> None:
    long = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000))
    broken = an_event(a_subscription(id=long))
    quittance.take(broken, an_event(a_customer()))
    status, reason = quittance.ending(broken)
    assert status == "parked" and reason is not None and "maximum" in reason
    assert quittance.rows("select id from customers") == ["cust_1"]


@pytest.mark.usefixtures("registered")
def test_a_fault_of_ours_parks_that_event_only(quittance: Quittance) -> None:
    @derives(Customer)
    def fail_for_one(world: World, customer: Customer, change: Change | None) -> None:
        world.find("seen", "customer", customer.id, "before the fault")
        if customer.id == "cust_2":
            raise KeyError("no such thing")

    broken = an_event(a_customer(id="cust_2"), a_subscription(customer_id="cust_2"))
    quittance.take(an_event(a_customer()), broken, an_event(a_customer(id="cust_3")))
    assert quittance.ending(broken) == (
        "parked",
        "KeyError: 'no such thing'; a fault of ours, see the log, then replay",
    )
    assert quittance.rows("select id from customers order by 1") == ["cust_1", "cust_3"]
    assert quittance.rows("select object_id from findings order by 1") == ["cust_1", "cust_3"]
    assert quittance.rows("select count(*) from subscriptions") == [0]


@pytest.mark.usefixtures("registered")
def test_what_was_parked_is_applied_once_the_cause_is_mended_and_it_is_replayed(quittance: Quittance) -> None:
    broken = True

    @derives(Customer)
    def fail_for_now(world: World, customer: Customer, change: Change | None) -> None:
        if broken:
            raise RuntimeError("not yet")

    event = an_event(a_customer())
    quittance.take(event)
    assert quittance.ending(event)[0] == "parked"
    broken = False
    quittance.run("update inbox_events set status = 'pending'")
    quittance.hurry()
    assert quittance.ending(event) == ("applied", None)


def test_batch_after_batch_is_applied_on_one_connection(quittance: Quittance) -> None:
    """Each that is taken from the pool is asked whether it lives: three more round trips a batch."""
    post(quittance, *customers(1, 120))
    taken: list[Any] = []
    sqlalchemy_event.listen(quittance.engine, "checkout", lambda *connection: taken.append(connection))
    assert apply(quittance) == 120
    assert len(taken) == 1


# ---- processes that die ----------------------------------------------------------------------------------------------


def test_an_event_whose_process_died_five_times_is_parked(quittance: Quittance) -> None:
    poison = an_event(a_customer())
    post(quittance, poison, *customers(2, 3))
    quittance.run("update inbox_events set starts = 5 where id = :id", id=poison["id"])
    quittance.drain()
    status, reason = quittance.ending(poison)
    assert status == "parked" and reason is not None and reason.startswith("its process ended 5 times")
    assert quittance.rows("select id from customers order by 1") == ["cust_2", "cust_3"]


def test_a_suspect_is_applied_alone_after_the_others_and_clears_its_name(quittance: Quittance) -> None:
    suspects = customers(1, 2)
    post(quittance, *suspects, *customers(3, 4))
    quittance.run("update inbox_events set starts = 4 where id = any(:ids)", ids=[event["id"] for event in suspects])
    apply(quittance)
    assert quittance.rows(STATUSES) == ["applied"] * 4
    # The instant is the transaction's: the fresh ones share theirs, each suspect has one of its own, after it.
    *suspect, fresh, other = quittance.rows("select ended_at from inbox_events order by seq")
    assert fresh == other < min(suspect)
    assert len({*suspect}) == 2


def test_each_start_of_a_suspect_is_further_away(quittance: Quittance) -> None:
    event = an_event(a_customer())
    post(quittance, event)
    pauses = []
    for starts in (1, 2, 3, 4):
        quittance.run("update inbox_events set starts = :n, due_at = now(), status = 'pending'", n=starts)
        with quittance.engine.connect() as connection:
            assert _claim_suspect(connection, set()) == [event["id"]]
        pauses += quittance.rows("select round(extract(epoch from due_at - now()))::int from inbox_events")
    for pause, planned in zip(pauses, (4, 8, 16, 32), strict=True):
        assert planned - 3 <= pause <= planned
    assert quittance.rows("select starts from inbox_events") == [5]


def test_a_claimed_event_is_not_claimed_again_until_its_time_is_over(quittance: Quittance) -> None:
    post(quittance, an_event(a_customer()))
    quittance.run("update inbox_events set starts = 1, due_at = now() + interval '1 minute'")
    assert apply(quittance) == 0
    assert ring_what_is_due(quittance.engine, lambda _: None) == []
    assert quittance.rows("select status, starts from inbox_events") == [("pending", 1)]


# ---- customers that somebody works on --------------------------------------------------------------------------------


def test_events_of_a_busy_customer_wait_uncounted_and_the_others_are_applied(quittance: Quittance) -> None:
    hot = [an_event(a_customer(n)) for n in range(1, 61)]  # more than a batch
    post(quittance, *hot, *customers(2, 4))
    with quittance.engine.connect() as holder, holder.begin():
        holder.execute(text(LOCK))
        assert apply(quittance) == 3
        assert quittance.rows("select starts, count(*) from inbox_events where status = 'pending' group by 1") == [
            (0, 60)
        ]
        assert quittance.rows("select count(*) from inbox_events where status = 'pending' and due_at > now()") == [0]
    quittance.hurry()
    assert quittance.rows("select distinct status from inbox_events order by 1") == ["applied"]


def test_a_row_that_belongs_to_a_busy_customer_makes_only_its_event_wait(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(), a_customer(id="cust_2"), a_subscription(1), an_invoice(1)))
    # The invoice is not of cust_2, but the subscription that moved to it is asked for.
    moved = an_event(a_subscription(2, customer_id="cust_2"))
    post(quittance, moved, *customers(5, 6))
    with quittance.engine.connect() as holder, holder.begin():
        holder.execute(text(LOCK))
        apply(quittance)
        assert quittance.ending(moved)[0] == "pending"
        assert quittance.rows("select starts from inbox_events where id = :id", id=moved["id"]) == [0]
        assert quittance.rows("select count(*) from customers") == [4]
    quittance.hurry()
    assert quittance.ending(moved) == ("applied", None)
    assert quittance.rows("select customer_id from subscriptions") == ["cust_2"]


@pytest.mark.usefixtures("registered")
def test_an_invoice_and_its_subscription_of_another_customer_see_each_other_come(quittance: Quittance) -> None:
    """The subscription moved to a customer of its own before anybody here had heard of either."""
    to_another = an_event(a_customer(id="cust_2"), a_subscription(1, customer_id="cust_2", auto_collection="off"))
    meanwhile: list[str] = []

    @derives(Invoice)
    def work_beside(_world: World, _invoice: Invoice, _change: Change | None) -> None:
        if not meanwhile:
            meanwhile.append("")
            post(quittance, to_another)
            another = threading.Thread(target=apply, args=(quittance,))
            another.start()
            another.join()
            meanwhile[0] = quittance.ending(to_another)[0]

    quittance.take(an_event(a_customer(), an_invoice(1, id="F-1")))
    assert meanwhile == ["pending"]
    quittance.hurry()
    assert quittance.ending(to_another) == ("applied", None)
    assert quittance.rows("select invoice_id, state from followups") == [("F-1", "awaiting")]


def test_workers_side_by_side_apply_each_event_once(quittance: Quittance) -> None:
    post(quittance, *(an_event(a_subscription(n, seats=n)) for n in range(1, 21)), *customers(1, 20))
    workers = [threading.Thread(target=apply, args=(quittance,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    quittance.hurry()
    assert quittance.rows("select count(*) from inbox_events where status in ('pending', 'parked')") == [0]
    assert quittance.rows("select seats from subscriptions") == [20]
    assert quittance.rows("select sum(after - before) from seat_entries") == [20]


# ---- what is nobody's fault ------------------------------------------------------------------------------------------


def raised_once(problem: Callable[[World], object]) -> None:
    """The next customer that is derived meets this problem, and only that one."""
    met: list[bool] = []

    @derives(Customer)
    def meet(world: World, customer: Customer, change: Change | None) -> None:
        if not met:
            met.append(True)
            problem(world)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "statement",
    [
        "select pg_terminate_backend(pg_backend_pid())",  # the connection is lost
        "do $$ begin raise exception 'deadlock detected' using errcode = 'deadlock_detected'; end $$",
        "do $$ begin raise exception 'canceled' using errcode = 'lock_not_available'; end $$",
    ],
)
@pytest.mark.parametrize("events", [1, 3])
def test_a_lost_or_deadlocked_database_rolls_the_batch_back_and_is_nobodys_death(
    quittance: Quittance, statement: str, events: int
) -> None:
    raised_once(lambda world: world.session.execute(text(statement)))
    post(quittance, *customers(1, events))
    assert apply(quittance) == 0
    # Alone, its start is given back; of several each is applied alone from now on.
    assert quittance.rows("select status, starts from inbox_events") == [("pending", int(events > 1))] * events
    assert quittance.rows("select count(*) from customers") == [0]
    for _ in range(events):
        quittance.hurry()
    assert quittance.rows("select distinct status from inbox_events") == ["applied"]


@pytest.mark.usefixtures("registered")
def test_a_row_that_changed_under_us_rolls_the_batch_back_and_is_applied_again(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(1), a_subscription(1)))

    def somebody_is_faster(world: World) -> None:
        quittance.run("update subscriptions set version = version + 1")  # without the customer's lock

    @derives(Customer)
    def meet(world: World, customer: Customer, change: Change | None) -> None:
        if not met:
            met.append(True)
            somebody_is_faster(world)

    met: list[bool] = []
    event = an_event(a_customer(2), a_subscription(3, seats=9))
    post(quittance, event)
    assert apply(quittance) == 0
    assert quittance.rows("select status, starts from inbox_events where id = :id", id=event["id"]) == [("pending", 0)]
    quittance.hurry()
    assert quittance.rows("select seats from subscriptions") == [9]
    assert quittance.ending(event) == ("applied", None)


@pytest.mark.usefixtures("registered")
def test_a_time_limit_is_not_the_events_fault(quittance: Quittance) -> None:
    def take_too_long(world: World) -> None:
        raise SoftTimeLimitExceeded

    raised_once(take_too_long)
    post(quittance, *customers(1, 2))
    with pytest.raises(SoftTimeLimitExceeded):
        apply(quittance)
    assert quittance.rows("select status, starts from inbox_events") == [("pending", 1)] * 2
    assert quittance.rows("select kind from findings") == []  # it may be any of them
    for _ in range(2):
        quittance.hurry()
    assert quittance.rows("select distinct status from inbox_events") == ["applied"]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("nested", "comes_out"), [(False, True), (True, False)])
def test_a_time_limit_in_the_midst_of_a_statement_does_not_wait_for_its_own_locks(
    quittance: Quittance, nested: bool, comes_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "LONG", 0.1)

    def strike(*_: object) -> None:
        raise SoftTimeLimitExceeded

    def wait_too_long(world: World) -> None:
        with world.session.begin_nested() if nested else nullcontext():
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            world.session.execute(text("select pg_sleep(0.5)"))

    raised_once(wait_too_long)
    event = an_event(a_customer())
    post(quittance, event)
    before = signal.signal(signal.SIGALRM, strike)
    try:
        with pytest.raises(SoftTimeLimitExceeded) if comes_out else nullcontext():
            apply(quittance)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert quittance.rows("select status, starts from inbox_events") == [("pending", 0)]
    assert quittance.rows("select kind, object_id from findings") == [("event_takes_too_long", event["id"])] * comes_out
    quittance.hurry()
    assert quittance.ending(event) == ("applied", None)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("long", "told"), [(0.01, 1), (60, 0)], ids=["long", "struck by a limit that others used up"])
def test_an_event_that_keeps_the_database_busy_for_too_long_is_told_of(
    quittance: Quittance, monkeypatch: pytest.MonkeyPatch, long: float, told: int
) -> None:
    monkeypatch.setattr(inbox, "LONG", long)

    def ask_too_much(world: World) -> None:
        world.session.execute(text("set local statement_timeout = '50ms'"))
        world.session.execute(text("select pg_sleep(5)"))

    raised_once(ask_too_much)
    event = an_event(a_customer())
    post(quittance, event)
    assert apply(quittance) == 0
    assert (
        quittance.rows("select kind, severity, object_id from findings")
        == [("event_takes_too_long", "error", event["id"])] * told
    )


# ---- the registry ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("registered")
def test_a_handler_says_what_no_snapshot_shows(quittance: Quittance) -> None:
    @on("card_about_to_expire")
    def note(world: World, content: dict[str, Any]) -> None:
        world.find("card_expires", "card", content["card"]["id"], "soon", severity="info")

    event = an_event(type="card_about_to_expire") | {"content": {"card": {"id": "card_1"}}}
    quittance.take(event)
    assert quittance.ending(event) == ("applied", None)
    assert quittance.rows("select kind, severity, object_id, detail from findings") == [
        ("card_expires", "info", "card_1", "soon")
    ]


@pytest.mark.usefixtures("registered")
def test_a_type_has_one_handler() -> None:
    @on("something_new")
    def first(world: World, content: dict[str, Any]) -> None: ...

    with pytest.raises(ValueError, match=r"something_new is handled by .*first already"):
        on("something_new")(first)
    assert handlers()["something_new"] is first


def test_the_order_of_derivations_does_not_hang_on_what_was_imported_first() -> None:
    question = (
        "from tasks import receipts, invoice_mails, seats; from tasks.registry import derivations; "
        "print({model.__name__: [f.__name__ for f in each] for model, each in derivations().items()})"
    )
    told = subprocess.run([sys.executable, "-c", question], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    here = {model.__name__: [each.__name__ for each in functions] for model, functions in derivations().items()}
    assert ast.literal_eval(told) == here


def test_quittance_derivations_prints_them_in_the_order_in_which_they_are_made() -> None:
    shown = CliRunner().invoke(show_derivations, ["--json"])
    assert shown.exit_code == 0
    told = json.loads(shown.stdout)
    names = {kind: [line["name"].rpartition(".")[2] for line in lines] for kind, lines in told["derivations"].items()}
    assert names == {
        "subscription": ["bring_cancellations_in_line", "tell_of_scheduled_change", "bring_seats_in_line"],
        "invoice": [
            "tell_of_failures_of",
            "bring_followup_in_line",
            "call_for_invoice_mail",
            "record_payments_of",
            "thank_for_payments_of",
        ],
        "transaction": ["tell_of_failure", "record_payment", "thank_for_payment", "tell_of_refund"],
        "credit_note": ["tell_of_refunds_of"],
        "payment_source": ["tell_of_expiring_card"],
    }
    assert all(line["does"].endswith(".") for lines in told["derivations"].values() for line in lines)
    assert [function.__name__ for function in derivations()[Subscription]] == names["subscription"]


# ---- why things are as they are --------------------------------------------------------------------------------------


def test_every_derived_change_is_explained(quittance: Quittance) -> None:
    first = an_event(a_customer(auto_collection="off"), a_subscription(1), an_invoice(1))
    second = an_event(an_invoice(2, paid=3000), a_transaction(3, amount=3000, pays={"F-1": 3000}))
    quittance.take(first)
    quittance.take(second)
    explained = (
        "select object_type, object_id, before is null from audit_entries"
        " where event_id = :id and actor = 'chargebee' order by 1, 2"
    )
    assert quittance.rows(explained, id=first["id"]) == [
        ("email", "finance_new_case:F-1:0", True),
        ("email", "invoice:F-1:0", True),
        ("followups", "F-1", True),
        ("subscription_items", "sub_1:licence-CAD-monthly", True),
    ]
    assert quittance.rows(explained, id=second["id"]) == [
        ("email", "payment_received:F-1:txn_1", True),
        ("followups", "F-1", False),
        ("payment_applications", "txn_1:F-1", True),
        ("payments", "txn_1", True),
    ]
    ((before, after, actor),) = quittance.rows(
        "select before, after, actor from audit_entries where object_type = 'followups' and event_id = :id",
        id=second["id"],
    )
    assert actor == "chargebee"
    assert (before["balance"], after["balance"]) == (6784, 3784)
    assert before.keys() == after.keys()


@pytest.mark.parametrize(
    "change", ["update audit_entries set actor = 'nobody'", "delete from audit_entries", "truncate audit_entries"]
)
def test_the_audit_is_append_only(quittance: Quittance, change: str) -> None:
    quittance.take(an_event(a_subscription(1)))
    with pytest.raises(Exception, match="audit_entries is append-only"):
        quittance.run(change)


# ---- objects that the API showed -------------------------------------------------------------------------------------


def test_what_the_api_shows_comes_in_through_the_same_door_and_once(quittance: Quittance) -> None:
    content = {"subscription": a_subscription(1), "customer": a_customer()}
    for taken in (True, False):
        with transaction(quittance.engine) as session:
            assert take_in(session, content) is taken
    quittance.drain()
    assert quittance.rows("select status, origin, customer_ids from inbox_events") == [
        ("applied", "reconcile", ["cust_1"])
    ]
    assert quittance.rows("select seats from subscriptions") == [5]


def test_events_are_applied_in_the_order_in_which_they_happened(quittance: Quittance) -> None:
    events = [an_event(a_subscription(n, seats=n), at=JANUARY + timedelta(minutes=n)) for n in (3, 1, 2)]
    quittance.take(*events)
    assert quittance.rows("select before, after from seat_entries order by id") == [(0, 1), (1, 2), (2, 3)]


def test_a_parked_event_that_comes_again_with_another_body_is_applied_with_that(quittance: Quittance) -> None:
    event = an_event(a_customer())
    quittance.take(event | {"api_version": "v1"})
    assert quittance.ending(event)[0] == "parked"
    for _ in range(2):
        assert quittance.post(event).json == {"status": "duplicate"}
        quittance.drain()
        assert quittance.ending(event) == ("applied", None)
    assert quittance.rows("select id from customers") == ["cust_1"]
    assert quittance.rows("select count(*) from findings") == [0]
    ((before, after),) = quittance.rows("select before, after from audit_entries where object_type = 'event'")
    assert before["status"] == "parked" and "api_version 'v1'" in before["reason"]
    assert after["by"] == "another body" and after["digest"] != before["digest"]
    quittance.take(event | {"api_version": "v1"})  # from now on the first body stays
    assert quittance.ending(event) == ("applied", None)
    assert quittance.rows("select kind from findings") == ["same_id_other_body"]


def test_a_parked_event_stays_parked_when_it_comes_again_as_it_was(quittance: Quittance) -> None:
    event = an_event(a_customer(), api_version="v1")
    quittance.take(event, event)
    assert quittance.ending(event)[0] == "parked"
    assert quittance.rows("select count(*) from audit_entries where object_type = 'event'") == [0]
