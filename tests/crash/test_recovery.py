"""Workers that die, freeze or go deaf, and no scheduler: all goes on by itself, and within its bound."""

from __future__ import annotations

import os
import signal

import pytest

from tests.builders import Body, Quittance, a_customer, a_subscription, an_event, an_invoice
from tests.conftest import eventually
from tests.crash.stack import Process, Stack, kill
from tests.emails.relay import WAIT, Relay

pytestmark = [pytest.mark.long, pytest.mark.bound, pytest.mark.timeout(300)]

SEATS = "select seats from subscriptions where id = 'sub_1'"
LIVE = "select worker from heartbeats where at > now() - interval '60 s'"
MAIL = "select state, attempts from outbox where kind = 'email' and name = 'invoice'"


def of_seats(seats: int) -> Body:
    return an_event(a_customer(), a_subscription(seats, seats=seats))


def a_paid_invoice() -> Body:
    return an_event(a_customer(email="reader@test1234.example"), an_invoice(subscription_id=None, paid=6784))


def mailing(stack: Stack, name: str, relay: Relay, *, processes: int = 1) -> Process:
    return stack.worker(name, processes=processes, MAIL_URL=f"smtp://127.0.0.1:{relay.port}")


# ---- workers that die ------------------------------------------------------------------------------------------------


def test_an_event_of_a_killed_worker_is_applied_within_20_seconds(stack: Stack, door: Quittance) -> None:
    door.take(of_seats(1))
    door.post(of_seats(2))
    stack.beat()
    with stack.held_row("subscriptions", "sub_1") as waiting:
        worker = stack.worker("killed")
        eventually(waiting)
        kill(worker)
    stack.worker("another")  # which takes some of them to come up
    eventually(lambda: stack.rows(SEATS) == [2], seconds=20)
    assert stack.rows("select starts from inbox_events order by seq") == [1, 2]


def test_a_mail_of_a_killed_worker_leaves_within_125_seconds(stack: Stack, door: Quittance) -> None:
    door.post(a_paid_invoice())
    stack.beat()
    with Relay({"RCPT": WAIT}) as patient, Relay() as relay:
        worker = mailing(stack, "killed", patient)
        eventually(lambda: any(line.startswith("rcpt") for line in map(str.lower, patient.heard)))
        mailing(stack, "another", relay)
        kill(worker)
        assert stack.rows(MAIL) == [("new", 1)]
        eventually(lambda: stack.rows(MAIL) == [("sent", 2)], seconds=125)
        assert (patient.dots, relay.dots) == (0, 1)


# ---- workers that freeze ---------------------------------------------------------------------------------------------


def frozen(worker: Process) -> Process:
    os.killpg(worker.pid, signal.SIGSTOP)
    return worker


def thawed(worker: Process) -> Process:
    os.killpg(worker.pid, signal.SIGCONT)
    return worker


def test_a_worker_frozen_before_its_mail_leaves_finds_that_another_has_sent_it(stack: Stack, door: Quittance) -> None:
    door.post(a_paid_invoice())
    with Relay({"RCPT": WAIT}) as patient, Relay() as relay:
        worker = mailing(stack, "frozen", patient)
        stack.ring()
        eventually(lambda: any(line.startswith("rcpt") for line in map(str.lower, patient.heard)))
        frozen(worker)
        stack.rows("update outbox set due_at = now()")  # the two minutes of its lease go by here
        mailing(stack, "another", relay)
        stack.ring("mail")
        eventually(lambda: stack.rows(MAIL) == [("sent", 2)])
        patient.go_on.set()
        thawed(worker)
        eventually(lambda: "its outcome stands" in stack.said("frozen"))
        assert (patient.dots, relay.dots) == (0, 1)
    assert stack.rows(MAIL) == [("sent", 2)]


def test_a_worker_frozen_while_the_mail_leaves_leaves_it_to_a_person_and_changes_nothing_later(
    stack: Stack, door: Quittance
) -> None:
    door.post(a_paid_invoice())
    with Relay({"dot": WAIT}) as patient, Relay() as relay:
        worker = mailing(stack, "frozen", patient)
        stack.ring()
        eventually(lambda: patient.dots)
        frozen(worker)
        stack.rows("update outbox set lease_until = now()")
        mailing(stack, "another", relay)
        stack.ring("mail")
        eventually(lambda: stack.rows(MAIL) == [("held", 1)])
        patient.go_on.set()
        thawed(worker)
        eventually(lambda: "its outcome stands" in stack.said("frozen"))
        assert (patient.dots, relay.dots) == (1, 0)
    assert stack.rows(MAIL) == [("held", 1)]


# ---- workers that are given nothing ----------------------------------------------------------------------------------


def test_a_worker_that_is_given_nothing_any_more_says_so_and_ends_to_be_started_anew(stack: Stack) -> None:
    worker = stack.worker("deaf")
    (name,) = eventually(lambda: stack.rows(LIVE))
    with stack.control() as control:  # connected, answering, and deaf
        for queue in ("events", "mail", "provider", f"{name}.dq"):
            control.cancel_consumer(queue, destination=[name], reply=True, timeout=5)
        assert control.ping(destination=[name], timeout=5)
    assert eventually(worker.poll, seconds=75) == 1
    assert "this worker is given no work while the broker takes messages" in stack.said("deaf")


# ---- workers that are asked to stop ----------------------------------------------------------------------------------


def test_a_worker_asked_to_stop_ends_what_it_does_even_if_all_its_processes_are_asked(
    stack: Stack, door: Quittance
) -> None:
    door.post(a_paid_invoice())
    with Relay({"dot": WAIT}) as patient:
        worker = mailing(stack, "stopped", patient, processes=2)
        stack.ring()
        eventually(lambda: patient.dots and stack.rows(LIVE))
        for _ in range(2):
            os.killpg(worker.pid, signal.SIGTERM)  # as systemd and foreman do; and once more, impatiently
            eventually(lambda: "shutdown" in stack.said("stopped"))
        door.post(of_seats(1))
        stack.ring()
        patient.go_on.set()
        assert eventually(lambda: worker.poll() is not None, seconds=75)
    assert worker.returncode == 0
    assert stack.rows(MAIL) == [("sent", 1)]
    assert stack.rows("select status from inbox_events order by seq desc limit 1") == ["pending"]
    assert stack.rows("select worker from heartbeats") == []


# ---- no scheduler ----------------------------------------------------------------------------------------------------


def test_without_a_scheduler_workers_ask_for_what_is_due_and_cancel_nothing_early(
    stack: Stack, door: Quittance
) -> None:
    """The job was just done when the instant comes: no turn comes sooner than its period."""
    (ends,) = stack.rows("select ceil(extract(epoch from now()))::bigint + 20")
    ending = a_subscription(status="non_renewing", cancelled_at=ends, current_term_end=ends)
    stack.worker()
    eventually(lambda: stack.rows("select job from job_turns where job = 'tasks.compare' and taken_at is not null"))
    assert door.post(an_event(a_customer(), ending)).status_code == 200
    eventually(
        lambda: stack.rows("select state from cancellations") == ["scheduled"]
    )  # nobody rang: the sweep found it
    late = "select extract(epoch from now() - effective_at) from cancellations where state = 'run'"
    (seconds_late,) = eventually(lambda: stack.rows(late), seconds=20 + 90)
    assert seconds_late >= 0
    assert stack.rows("select count(*) from job_turns where asked_at is not null") == [5]
