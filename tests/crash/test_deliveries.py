"""What leaves the house leaves it once: a worker killed in the instant of sending, and two schedulers at once."""

from __future__ import annotations

import json
from collections import Counter
from email import message_from_bytes
from pathlib import Path

import pytest
import redis
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from local.children import free_port
from tests.builders import JANUARY, Body, Quittance, a_customer, a_subscription, an_event, an_invoice, seconds
from tests.conftest import eventually
from tests.crash.stack import Stack, kill
from tests.emails.relay import STALL, Relay

pytestmark = pytest.mark.timeout(150)


def a_paid_invoice(number: int) -> Body:
    customer = f"cust_{number}"
    return an_event(
        a_customer(id=customer, email=f"reader{number}@test1234.example"),
        an_invoice(id=f"F-{number}", customer_id=customer, subscription_id=None, paid=6784),
    )


@pytest.mark.long
def test_a_worker_killed_before_the_mail_server_answers_leaves_the_mail_to_a_person(
    stack: Stack, door: Quittance
) -> None:
    def state(number: int) -> list[str]:
        return stack.rows("select state from outbox where kind = 'email' and object_id = %s", f"F-{number}")

    with Relay({"dot": STALL}) as silent, Relay() as relay:
        door.post(a_paid_invoice(1))
        worker = stack.worker("sending", MAIL_URL=f"smtp://127.0.0.1:{silent.port}")
        stack.ring()
        eventually(lambda: silent.dots)
        kill(worker)
        assert state(1) == ["sending"]

        stack.worker("another", MAIL_URL=f"smtp://127.0.0.1:{relay.port}")
        stack.beat()
        door.post(a_paid_invoice(2))
        eventually(lambda: state(2) == ["sent"])
        assert state(1) == ["sending"]  # its lease is not over
        stack.rows("update outbox set lease_until = now() where state = 'sending'")  # the two minutes go by here
        eventually(lambda: state(1) == ["held"])
        stack.rows("update outbox set due_at = now() where state = 'held'")  # and any other pause
        door.post(a_paid_invoice(3))
        eventually(lambda: state(3) == ["sent"])
        assert state(1) == ["held"]
        assert silent.dots == 1  # one message, that it may have taken
        assert len(relay.messages) == 2
        assert not any(b"reader1@" in message for message in relay.messages)
    (reason,) = stack.rows("select reason from outbox where state = 'held'")
    assert "the mail server may have accepted it" in reason


class Mailbox:
    """A real mail server that keeps the Message-ID of what it accepted."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(str(message_from_bytes(envelope.content or b"")["Message-ID"]))
        return "250 kept"


@pytest.mark.long
@pytest.mark.timeout(400)
def test_of_a_thousand_mails_none_is_sent_twice_by_workers_that_die(stack: Stack, door: Quittance) -> None:
    mails, kills = 1000, 6
    for number in range(mails):
        assert door.post(a_paid_invoice(number)).status_code == 200
    port, box = free_port(), Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        for life in range(kills):
            worker = stack.worker(f"worker {life}", processes=2, MAIL_URL=f"smtp://127.0.0.1:{port}")
            stack.ring("events")
            stack.ring("mail")
            enough = len(box.taken) + mails // (kills + 1)
            eventually(lambda enough=enough: len(box.taken) >= enough, seconds=90)
            kill(worker)
            # The two minutes of its leases go by here: of what was claimed, and of what was being sent.
            stack.rows("update outbox set due_at = now(), lease_until = now() where lease_until is not null")
        stack.worker("the last", processes=2, MAIL_URL=f"smtp://127.0.0.1:{port}")
        stack.beat()
        ended = "select count(*) from outbox where kind = 'email' and state in ('sent', 'held')"
        eventually(lambda: stack.rows(ended) == [mails], seconds=120)
    finally:
        server.stop()
    assert [id for id, times in Counter(box.taken).items() if times > 1] == []
    states = dict(stack.rows("select state, count(*) from outbox group by state"))
    assert states.get("held", 0) <= kills * 2  # what each process had in hand when it died
    sent = set(stack.rows("select message_id from outbox where state = 'sent'"))
    assert sent <= set(box.taken)
    assert len(set(box.taken) - sent) <= states.get("held", 0)


@pytest.mark.long
def test_two_schedulers_carry_a_cancellation_out_once_and_tell_of_it_once(
    stack: Stack, door: Quittance, broker_url: str, key_prefix: str, tmp_path: Path
) -> None:
    subscriptions = 5
    for number in range(subscriptions):
        customer = a_customer(id=f"cust_{number}", email=f"reader{number}@test1234.example")
        ends = {"status": "non_renewing", "cancelled_at": seconds(JANUARY) + 20 * 86400}
        door.post(an_event(customer, a_subscription(id=f"sub_{number}", customer_id=f"cust_{number}", **ends)))
    states = "select state from cancellations"
    first = stack.worker("first")
    stack.ring()
    eventually(lambda: stack.rows(states) == ["scheduled"] * subscriptions)
    kill(first)

    with redis.Redis.from_url(broker_url) as broker:

        def asked() -> int:
            """How many messages wait that ask for due cancellations."""
            messages = [json.loads(message) for message in broker.lrange(f"{key_prefix}events", 0, -1)]
            return sum(m["headers"]["task"] == "tasks.carry_out_due_cancellations" for m in messages)

        stack.beat("one beat")
        stack.beat("another beat")
        eventually(lambda: asked() == 2)  # at their start, both
        assert stack.rows(states) == ["scheduled"] * subscriptions
        stack.worker(processes=2)
        eventually(lambda: stack.rows(states) == ["run"] * subscriptions)
        eventually(lambda: not asked() and not broker.hlen(f"{key_prefix}unacked"))

    told = "select state, attempts from outbox where name = 'cancelled'"
    eventually(lambda: stack.rows(told) == [("sent", 1)] * subscriptions)
    assert stack.rows("select after - before from seat_entries where after = 0") == [-5] * subscriptions
    carried_out = "select count(*) from audit_entries where object_type = 'cancellations' and after->>'state' = 'run'"
    assert stack.rows(carried_out) == [subscriptions]
    sent = stack.rows("select count(*) from outbox where state = 'sent'")
    assert [len(list((tmp_path / "mail").glob("*.eml")))] == sent
