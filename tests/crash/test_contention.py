"""Many workers at once: one busy customer, all the others, and nobody in anybody's way."""

from __future__ import annotations

import psycopg
import pytest

from tests.builders import JANUARY, Body, Quittance, a_customer, a_subscription, an_event, seconds
from tests.conftest import eventually
from tests.crash.stack import Stack

pytestmark = pytest.mark.timeout(240)
HOT, OTHERS = 2000, 100


def of_a_customer(number: int, version: int) -> Body:
    id = f"cust_{number}"
    return an_event(
        a_customer(version, id=id, first_name=f"Number {version}"),
        a_subscription(version, id=f"sub_{number}", customer_id=id, seats=version),
    )


@pytest.mark.long
def test_a_busy_customer_does_not_hide_the_others_and_costs_nobody_a_start(stack: Stack, door: Quittance) -> None:
    for version in range(1, HOT + 1):
        assert door.post(of_a_customer(0, version)).status_code == 200
    for version in (1, 2, 3):
        for number in range(1, OTHERS + 1):
            assert door.post(of_a_customer(number, version)).status_code == 200
    stack.worker(processes=4)
    stack.beat()
    eventually(stack.everything_ended, seconds=180)

    assert stack.rows("select distinct status from inbox_events where status not in ('applied', 'ignored')") == []
    assert stack.rows("select distinct starts from inbox_events") == [1]
    (last_of_others,) = stack.rows("select max(ended_at) from inbox_events where not customer_ids @> '{cust_0}'")
    (before_that,) = stack.rows(
        "select count(*) from inbox_events where customer_ids @> '{cust_0}' and ended_at < %s", last_of_others
    )
    assert before_that <= HOT / 3
    assert stack.rows("select deadlocks from pg_stat_database where datname = current_database()") == [0]
    assert dict(stack.rows("select seats, count(*) from subscriptions group by seats")) == {HOT: 1, 3: OTHERS}
    ledger = "select sum(after - before) from seat_entries group by subscription_id"
    assert sorted(stack.rows(ledger)) == [3] * OTHERS + [HOT]


def a_due_end(number: int) -> Body:
    ends = {"status": "non_renewing", "cancelled_at": seconds(JANUARY) + number * 86400}
    return an_event(a_subscription(id=f"sub_{number}", customer_id=f"cust_{number}", **ends))


def scheduled(stack: Stack, numbers: range) -> None:
    """These have come in, and their instant too; nobody has asked yet what is due."""
    stack.worker()
    stack.ring()
    eventually(lambda: stack.rows("select state from cancellations") == ["scheduled"] * len(numbers))


@pytest.mark.long
def test_a_cancellation_waits_for_its_turn_when_its_customer_is_busy(stack: Stack, door: Quittance) -> None:
    door.post(a_due_end(1))
    scheduled(stack, range(1, 2))
    with psycopg.connect(stack.db_url) as busy:
        busy.execute("select pg_advisory_xact_lock(hashtextextended('cust_1', 0))")
        stack.beat()
        waiting = "select pid from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
        eventually(lambda: stack.rows(waiting, busy.info.backend_pid))
    # Now, and not when the scheduler asks again in a minute.
    eventually(lambda: stack.rows("select state from cancellations") == ["run"])


@pytest.mark.long
def test_a_cancellation_that_fails_keeps_no_other_from_being_carried_out(stack: Stack, door: Quittance) -> None:
    for number in (1, 2, 3):
        door.post(a_due_end(number))
    scheduled(stack, range(1, 4))
    with psycopg.connect(stack.db_url) as connection:
        connection.execute("""
            create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
            create trigger refuse before update on cancellations for each row when (new.subscription_id = 'sub_1')
            execute function refuse()""")
    stack.beat()
    ended = "select subscription_id from cancellations where state = 'run' order by subscription_id"
    eventually(lambda: stack.rows(ended) == ["sub_2", "sub_3"])
    assert "a cancellation is due and was not carried out" in stack.said("worker")
    assert stack.rows("select kind, severity, object_id from findings") == [("cancellation_fails", "error", "sub_1")]
