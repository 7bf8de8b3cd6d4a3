"""Writes to Chargebee happen once, whatever becomes of the calls and of the workers that make them.

`./dev test` leaves these out: each way in which a call fails, before it was carried out and after, for every write.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, get_args

import pytest
from sqlalchemy import event as sqlalchemy_event

from gateway.client import Pace
from gateway.errors import ProviderDown
from gateway.payments import Owed
from simulator import Site
from simulator.api.faults import Kind, When
from simulator.fixtures import ChargebeeApi
from tasks.outbox import deliver_pending
from tests.builders import Quittance
from tests.tasks.writing import STATE, Asking, Story, gateway_of, it_was_done_once, payments

pytestmark = pytest.mark.long

WORKERS_DIED = "update outbox set lease_until = now() - interval '1 second' where state = 'sending'"


def impatient(quittance: Quittance, pace: Pace | None = None) -> None:
    """A call that is not answered is given up after a third of a second."""
    quittance.couriers = replace(quittance.couriers, gateway=gateway_of(quittance, pace))


def in_the_end(quittance: Quittance, api: ChargebeeApi) -> None:
    """The trouble is over, the pauses and leases go by, and somebody works on."""
    api.faults.clear()
    quittance.run(WORKERS_DIED)
    quittance.hurry()
    quittance.hurry()


@pytest.mark.parametrize("when", get_args(When))
@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_call_without_an_answer_is_neither_lost_nor_made_twice(
    story: Story, kind: Kind, when: When, asking: Asking, quittance: Quittance, site: Site, chargebee_api: ChargebeeApi
) -> None:
    asking.intend(story.ask(asking))
    impatient(quittance)
    faults = [chargebee_api.faults.plan(kind, when=when, path=f"POST .*/{call}") for call in story.calls]
    for fault in faults:  # where there are two calls, each of them fails once
        quittance.hurry()
        assert fault.struck == 1
        ((state, reason),) = quittance.rows(STATE)
        assert state == "new" and "tried again" in reason
    in_the_end(quittance, chargebee_api)
    it_was_done_once(story, quittance, site)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_nor_when_half_an_hour_has_gone_by_and_the_key_is_forgotten(
    story: Story, kind: Kind, asking: Asking, quittance: Quittance, site: Site, chargebee_api: ChargebeeApi
) -> None:
    asking.intend(story.ask(asking))
    impatient(quittance)
    chargebee_api.faults.plan(kind, when="after", path=f"POST .*/{story.calls[-1]}")
    quittance.drain()
    chargebee_api.faults.clear()
    site.advance(minutes=31)
    in_the_end(quittance, chargebee_api)
    it_was_done_once(story, quittance, site)


# ---- workers that die, freeze, or are two ----------------------------------------------------------------------------


class Died(BaseException):
    """The process ends here: nothing after this line is run."""


class Ending(Pace):
    """Ends the process as it is about to make its nth call."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def before_call(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Died

    def asked_to_wait(self, seconds: float | None) -> None: ...


@contextmanager
def ending_at(quittance: Quittance, words: str) -> Iterator[None]:
    """End the process as it is about to tell the database this."""

    def end(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if words in statement:
            raise Died

    sqlalchemy_event.listen(quittance.engine, "before_cursor_execute", end)
    try:
        yield
    finally:
        sqlalchemy_event.remove(quittance.engine, "before_cursor_execute", end)


@pytest.mark.parametrize("call", range(1, 9))
def test_a_worker_that_dies_before_any_of_its_calls_is_followed_by_one_that_reads(
    story: Story, call: int, asking: Asking, quittance: Quittance, site: Site, chargebee_api: ChargebeeApi
) -> None:
    asking.intend(story.ask(asking))
    impatient(quittance, Ending(call))
    try:
        deliver_pending(quittance.engine, quittance.couriers, "provider")
    except Died:
        quittance.run("update outbox set due_at = now() where state = 'new'")
    impatient(quittance)
    in_the_end(quittance, chargebee_api)
    it_was_done_once(story, quittance, site)


@pytest.mark.parametrize("words", ("INSERT INTO inbox_events", "set state = 'sending'", "update outbox set state = :"))
def test_a_worker_that_dies_between_a_call_and_its_row_is_followed_by_one_that_reads(
    story: Story, words: str, asking: Asking, quittance: Quittance, site: Site, chargebee_api: ChargebeeApi
) -> None:
    asking.intend(story.ask(asking))
    with ending_at(quittance, words):
        try:
            deliver_pending(quittance.engine, quittance.couriers, "provider")
        except Died:
            quittance.run("update outbox set due_at = now() where state = 'new'")
    in_the_end(quittance, chargebee_api)
    it_was_done_once(story, quittance, site)


class Frozen(Pace):
    """Freezes the process that makes its nth call, until it is woken."""

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.sleeps, self.wake = threading.Event(), threading.Event()

    def before_call(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.sleeps.set()
            assert self.wake.wait(30)

    def asked_to_wait(self, seconds: float | None) -> None: ...


@pytest.mark.parametrize("call", range(1, 8))
def test_a_frozen_worker_that_wakes_changes_nothing_that_another_did_meanwhile(
    story: Story, call: int, asking: Asking, quittance: Quittance, site: Site
) -> None:
    asking.intend(story.ask(asking))
    frozen = Frozen(call)
    asleep = replace(quittance.couriers, gateway=gateway_of(quittance, frozen))
    worker = threading.Thread(target=deliver_pending, args=(quittance.engine, asleep, "provider"))
    worker.start()
    while worker.is_alive() and not frozen.sleeps.wait(0.01):
        pass
    quittance.run("update outbox set lease_until = now() - interval '1 second', due_at = now()")
    quittance.hurry()
    it_was_done_once(story, quittance, site)
    frozen.wake.set()
    worker.join()
    it_was_done_once(story, quittance, site)


def test_one_that_wakes_after_its_lease_sends_nothing(asking: Asking, site: Site) -> None:
    call = asking.payment().write.next_call(Owed("payment_due", 0))
    assert call is not None
    with pytest.raises(ProviderDown, match="this process slept"):
        asking.gateway.write(call, "a-key", good_until=time.monotonic() - 1)
    assert payments(site) == []


def test_two_workers_at_once_do_it_once(story: Story, asking: Asking, quittance: Quittance, site: Site) -> None:
    asking.intend(story.ask(asking))
    arguments = (quittance.engine, quittance.couriers, "provider")
    workers = [threading.Thread(target=deliver_pending, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    quittance.drain()
    it_was_done_once(story, quittance, site)
