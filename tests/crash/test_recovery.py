"""Workers that die, freeze or go deaf, and no scheduler: all goes on by itself, and within its bound."""

from __future__ import annotations

import pytest

from tests.builders import Body, a_customer, a_subscription, an_event
from tests.conftest import eventually
from tests.crash.stack import Stack

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

SEATS = "select seats from subscriptions where id = 'sub_1'"
LIVE = "select worker from heartbeats where at > now() - interval '60 s'"


def of_seats(seats: int) -> Body:
    return an_event(a_customer(), a_subscription(seats, seats=seats))


def test_a_worker_that_is_given_nothing_any_more_says_so_and_ends_to_be_started_anew(stack: Stack) -> None:
    worker = stack.worker("deaf")
    (name,) = eventually(lambda: stack.rows(LIVE))
    with stack.control() as control:  # connected, answering, and deaf
        for queue in ("events", "mail", "provider", f"{name}.dq"):
            control.cancel_consumer(queue, destination=[name], reply=True, timeout=5)
        assert control.ping(destination=[name], timeout=5)
    assert eventually(lambda: worker.poll(), seconds=75) == 1
    assert "this worker is given no work while the broker takes messages" in stack.said("deaf")
