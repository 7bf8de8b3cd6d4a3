"""Workers that are killed or frozen in the middle of their work: it is done by others, and nothing is done twice."""

from __future__ import annotations

import os
import signal

import pytest

from tests.builders import Body, Quittance, a_customer, a_link, a_subscription, a_transaction, an_event, an_invoice
from tests.conftest import eventually
from tests.crash.stack import Stack, kill

pytestmark = [pytest.mark.long, pytest.mark.timeout(150)]

EVENTS = 20
SEATS = "select seats from subscriptions where id = 'sub_1'"


def a_years_growth() -> list[Body]:
    """One seat more in each event, with a cheque that pays for it. The first is for the test to put in."""
    return [
        an_event(
            a_subscription(seats, seats=seats),
            an_invoice(seats, id=f"F-{seats}", total=6784, paid=6784, linked_payments=[a_link(f"txn_{seats}")]),
            a_transaction(seats, id=f"txn_{seats}", pays={f"F-{seats}": 6784}),
        )
        for seats in range(1, EVENTS + 1)
    ]


def everything_is_there_once(stack: Stack, *, others: int = 0) -> None:
    assert stack.endings() == {"applied": EVENTS + 1 + others}
    assert stack.rows(SEATS) == [EVENTS]
    assert stack.rows("select sum(after - before) from seat_entries") == [EVENTS]
    assert stack.rows("select count(*), sum(amount) from payments") == [(EVENTS, EVENTS * 6784)]
    assert stack.rows("select sum(applied) from payment_applications") == [EVENTS * 6784]
    # One line of audit for each row made: an event that was done twice would have left its own.
    made = "select count(*) from audit_entries where object_type = 'payments' and coalesce(before, 'null') = 'null'"
    assert stack.rows(made) == [EVENTS]


def test_a_worker_killed_in_the_middle_of_a_batch_is_made_good_by_another(stack: Stack, door: Quittance) -> None:
    first, *others = a_years_growth()
    door.take(first, an_event(a_customer()))
    for event in others:
        door.post(event)
    with stack.held_row("subscriptions", "sub_1") as waiting:
        worker = stack.worker("killed")
        stack.ring()
        eventually(waiting)
        assert stack.rows("select count(*) from inbox_events where status = 'pending' and starts = 1") == [EVENTS - 1]
        kill(worker)
    stack.worker("another")
    stack.beat()
    eventually(stack.everything_ended)
    everything_is_there_once(stack)
    assert set(stack.rows("select starts from inbox_events")) == {1, 2}


def test_a_frozen_worker_loses_its_batch_and_writes_nothing_when_it_wakes(stack: Stack, door: Quittance) -> None:
    first, *others = a_years_growth()
    door.take(first, an_event(a_customer()))
    for event in others:
        door.post(event)
    with stack.held_row("subscriptions", "sub_1") as waiting:
        frozen = stack.worker("frozen")
        stack.ring()
        (session, *_) = eventually(waiting)
        os.killpg(frozen.pid, signal.SIGSTOP)
    another = stack.worker("another")
    stack.beat()
    # Nobody ends it but the server: idle_in_transaction_session_timeout, fifteen seconds.
    eventually(lambda: not stack.rows("select pid from pg_stat_activity where pid = %s", session), seconds=60)
    eventually(stack.everything_ended)
    everything_is_there_once(stack)

    # It finds its session gone, or its time over, whichever is faster; either way it ends its batch and works on.
    os.killpg(frozen.pid, signal.SIGCONT)
    kill(another)
    door.post(an_event(a_customer(id="cust_2")))
    eventually(lambda: stack.rows("select id from customers where id = 'cust_2'"), seconds=60)
    everything_is_there_once(stack, others=1)


def test_an_event_that_kills_its_process_each_time_is_parked_after_five_starts(stack: Stack, door: Quittance) -> None:
    neighbours = [an_event(a_subscription(id=f"sub_{n}", customer_id=f"cust_{n}", seats=n)) for n in range(1, 40)]
    poison = an_event(a_customer(id="cust_poison"), type="poison")
    for event in (*neighbours[:20], poison, *neighbours[20:]):
        door.post(event)
    worker = stack.worker(app="tests.crash.poisoned_app")
    state = "select status, starts from inbox_events where id = %s"
    for starts in range(1, 6):
        stack.ring()
        eventually(lambda starts=starts: stack.rows(state, poison["id"]) == [("pending", starts)])
        eventually(lambda starts=starts: stack.said("worker").count("signal 9 (SIGKILL)") >= starts)
        # The pauses of 2 to 32 seconds go by here, not on the clock.
        stack.rows("update inbox_events set due_at = now() where status = 'pending'")
    stack.ring()
    eventually(stack.everything_ended)
    assert stack.endings() == {"applied": len(neighbours), "parked": 1}
    assert stack.rows(state, poison["id"]) == [("parked", 5)]
    assert stack.rows("select max(starts) from inbox_events where id <> %s", poison["id"])[0] <= 2
    assert worker.poll() is None

    stack.rows("update inbox_events set status = 'ignored' where status = 'parked'")
    door.post(an_event(a_subscription(2, id="sub_1", customer_id="cust_1", seats=9)))
    stack.ring()
    eventually(lambda: stack.rows(SEATS) == [9])


def test_an_event_that_never_ends_keeps_nobody_else_waiting(stack: Stack, door: Quittance) -> None:
    neighbours = [an_event(a_subscription(id=f"sub_{n}", customer_id=f"cust_{n}", seats=n)) for n in range(1, 10)]
    endless = an_event(a_customer(id="cust_endless"), type="endless")
    for event in (endless, *neighbours):
        door.post(event)
    worker = stack.worker(app="tests.crash.poisoned_app")
    stack.beat()
    eventually(lambda: stack.endings() == {"applied": len(neighbours), "pending": 1}, seconds=60)
    (found,) = stack.rows("select id, starts from inbox_events where status = 'pending'")
    assert found[0] == endless["id"]
    assert found[1] <= 2  # a time limit is nobody's death
    assert worker.poll() is None


def test_a_row_that_a_stranger_holds_keeps_only_its_own_event_waiting(stack: Stack, door: Quittance) -> None:
    door.take(an_event(a_subscription(1, seats=1)))
    stack.worker()
    stack.beat()
    held = an_event(a_subscription(2, seats=2))
    neighbours = [an_event(a_subscription(id=f"sub_{n}", customer_id=f"cust_{n}", seats=n)) for n in range(2, 30)]
    with stack.held_row("subscriptions", "sub_1"):
        for event in (*neighbours[:10], held, *neighbours[10:]):
            door.post(event)
        eventually(lambda: stack.endings() == {"applied": 1 + len(neighbours), "pending": 1})
        assert stack.rows("select id from inbox_events where status = 'pending'") == [held["id"]]
    eventually(lambda: stack.rows(SEATS) == [2])
    assert stack.endings() == {"applied": 2 + len(neighbours)}
