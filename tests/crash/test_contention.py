"""Many workers at once: one busy customer, all the others, and nobody in anybody's way."""

from __future__ import annotations

import pytest

from tests.builders import Body, Quittance, a_customer, a_subscription, an_event
from tests.conftest import eventually
from tests.crash.stack import Stack

pytestmark = pytest.mark.timeout(180)
HOT, OTHERS = 2000, 100


def of_a_customer(number: int, version: int) -> Body:
    id = f"cust_{number}"
    return an_event(
        a_customer(version, id=id, first_name=f"Number {version}"),
        a_subscription(version, id=f"sub_{number}", customer_id=id, seats=version),
    )


def test_a_busy_customer_does_not_hide_the_others_and_costs_nobody_a_start(stack: Stack, door: Quittance) -> None:
    for version in range(1, HOT + 1):
        assert door.post(of_a_customer(0, version)).status_code == 200
    for version in (1, 2, 3):
        for number in range(1, OTHERS + 1):
            assert door.post(of_a_customer(number, version)).status_code == 200
    stack.worker(processes=4)
    stack.beat()
    eventually(stack.everything_ended, seconds=120)

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
