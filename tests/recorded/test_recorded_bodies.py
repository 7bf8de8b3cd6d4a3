"""The recorded Chargebee bodies beside this repository, posted to the receiver and worked off like live ones.

What they must lead to stands in expected.py, written by reading them. The bodies are other people's data and no part of
the repository, so without them there is nothing to post.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from psycopg.rows import dict_row

from tests.builders import Quittance
from tests.conftest import a_database
from tests.recorded import expected
from tests.recorded.expected import EXPECTED, Expected, Paid, Row

EVENTS = Path(__file__).parents[3] / "shared" / "chargebee" / "events"
if not EVENTS.is_dir():
    pytest.skip("the recorded Chargebee bodies are not beside this repository", allow_module_level=True)
BODIES = {path.name: path.read_bytes() for path in sorted(EVENTS.glob("*.json"))}

MIRRORS = {
    "customers": expected.CUSTOMERS,
    "subscriptions": expected.SUBSCRIPTIONS,
    "invoices": expected.INVOICES,
    "transactions": expected.TRANSACTIONS,
    "credit_notes": expected.CREDIT_NOTES,
    "payment_sources": expected.PAYMENT_SOURCES,
}


# What stands between these tests and the service: how a body gets in, how work gets done, where mail ends up.


@dataclass
class MailServer:
    """A real SMTP server that keeps what it accepted: (Message-ID, recipients)."""

    port: int
    accepted: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = message_from_bytes(envelope.original_content or b"")
        self.accepted.append((str(message["Message-ID"]), tuple(envelope.rcpt_tos)))
        return "250 Kept"


@contextmanager
def a_mail_server() -> Iterator[MailServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = MailServer(free.getsockname()[1])
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


class Service(Quittance):
    """The system in one process, without an API, whose mail goes to a real server."""

    def __init__(self, db_url: str, directory: Path, mail_server: MailServer) -> None:
        super().__init__(
            db_url,
            directory,
            MAIL_URL=f"smtp://127.0.0.1:{mail_server.port}",
            EFFECTS_HORIZON="36500 days",
            SITE_TIMEZONE="America/Toronto",
        )
        self.mail_server = mail_server
        self.database = psycopg.connect(db_url, autocommit=True, row_factory=dict_row)

    def ask(self, sql: str) -> list[dict[str, Any]]:
        return self.database.execute(sql).fetchall()

    def close(self) -> None:
        self.database.close()
        super().close()


@contextmanager
def a_service(db_url: str, directory: Path) -> Iterator[Service]:
    with a_mail_server() as mail_server, closing(Service(db_url, directory, mail_server)) as service:
        yield service


@pytest.fixture
def service(db_url: str, tmp_path: Path) -> Iterator[Service]:
    with a_service(db_url, tmp_path) as service:
        yield service


# What is read back, in the words of expected.py.


def events_by_status(service: Service) -> dict[str, list[str]]:
    rows = service.ask("select status, array_agg(id order by id) as ids from inbox_events group by status")
    return {row["status"]: row["ids"] for row in rows}


def parked(service: Service) -> dict[str, str]:
    rows = service.ask("select id, reason from inbox_events where status = 'parked'")
    return {row["id"]: row["reason"] for row in rows}


def seats(service: Service) -> dict[str, int]:
    return {row["id"]: row["seats"] for row in service.ask("select id, seats from subscriptions")}


def open_followups(service: Service) -> dict[str, int]:
    rows = service.ask("select invoice_id, balance from followups where open")
    return {row["invoice_id"]: row["balance"] for row in rows}


def cancellations(service: Service) -> dict[str, tuple[str, int]]:
    rows = service.ask(
        "select subscription_id, state, effective_at from cancellations where state in ('scheduled', 'run')"
    )
    assert len({row["subscription_id"] for row in rows}) == len(rows), f"two ends of one subscription: {rows}"
    return {row["subscription_id"]: (row["state"], int(row["effective_at"].timestamp())) for row in rows}


def payments(service: Service) -> dict[str, Paid]:
    applied: dict[str, dict[str, int]] = {}
    for row in service.ask("select transaction_id, invoice_id, applied from payment_applications"):
        applied.setdefault(row["transaction_id"], {})[row["invoice_id"]] = row["applied"]
    rows = service.ask("select id, kind, amount, currency from payments where status = 'succeeded'")
    assert {row["currency"] for row in rows} <= {"USD"}
    return {row["id"]: Paid(row["kind"], row["amount"], applied.get(row["id"], {})) for row in rows}


def invoice_mails(service: Service) -> frozenset[str]:
    return frozenset(row["object_id"] for row in service.ask("select object_id from outbox where name = 'invoice'"))


def invoice_mails_accepted(service: Service) -> list[tuple[str, str]]:
    """(invoice, recipient) once for every time that the mail server said yes."""
    rows = service.ask("select message_id, name, object_id from outbox where message_id is not null")
    about = {row["message_id"]: (row["name"], row["object_id"]) for row in rows}
    return sorted(
        (about[message_id][1], recipient)
        for message_id, recipients in service.mail_server.accepted
        for recipient in recipients
        if about[message_id][0] == "invoice"
    )


def other_mails(service: Service) -> frozenset[tuple[str, str]]:
    rows = service.ask(
        "select name, object_id from outbox where kind = 'email' and name <> 'invoice' and state = 'sent'"
    )
    return frozenset((row["name"], row["object_id"]) for row in rows)


def each_once(mails: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return sorted((invoice, recipient) for invoice, recipients in mails.items() for recipient in recipients)


def assert_says(reason: str | None, words: Iterable[str]) -> None:
    missing = [word for word in words if word not in (reason or "")]
    assert not missing, f"the reason {reason!r} does not say {missing}"


# 1. As they were recorded: 63 bodies, 52 ids.


def test_there_are_63_bodies_and_the_table_has_a_row_for_each() -> None:
    assert set(BODIES) == set(EXPECTED)
    assert len(BODIES) == 63


def test_the_63_bodies_bear_52_ids_and_no_two_of_one_id_say_the_same() -> None:
    files_of: dict[str, list[str]] = {}
    for file, body in BODIES.items():
        files_of.setdefault(json.loads(body)["id"], []).append(file)
    assert len(files_of) == 52
    assert {event: tuple(files) for event, files in files_of.items() if len(files) > 1} == expected.SHARED_IDS
    for files in expected.SHARED_IDS.values():
        said = [json.loads(BODIES[file]) for file in files]
        assert len({json.dumps([body["event_type"], body["content"]], sort_keys=True) for body in said}) == len(files)


@pytest.mark.parametrize(
    ("first", "parked_events"),
    [
        pytest.param(None, expected.PARKED_AS_RECORDED, id="in the order of their names"),
        pytest.param(
            "subscription_created--4.json",
            expected.PARKED_WHEN_THE_BARE_SUBSCRIPTION_COMES_FIRST,
            id="the bare subscription first",
        ),
    ],
)
def test_all_bodies_as_recorded_are_answered_200_and_none_stays_pending(
    service: Service, first: str | None, parked_events: dict[str, tuple[str, ...]]
) -> None:
    files = sorted(BODIES, key=lambda file: (file != first, file))

    assert [service.post(BODIES[file]).status_code for file in files] == [200] * 63

    assert sorted(row["id"] for row in service.ask("select id from inbox_events")) == sorted(
        {json.loads(body)["id"] for body in BODIES.values()}
    )
    kept = service.ask("select id, raw from inbox_events where id = any(array['ev_123', 'ev_delete'])")
    first_of = {json.loads(BODIES[file])["id"]: BODIES[file] for file in reversed(files)}
    assert {row["id"]: bytes(row["raw"]) for row in kept} == {id: first_of[id] for id in ("ev_123", "ev_delete")}
    clashes = service.ask("select object_id, times from findings where kind = 'same_id_other_body'")
    assert {row["object_id"]: row["times"] for row in clashes} == {
        event: len(files) - 1 for event, files in expected.SHARED_IDS.items()
    }

    service.drain()

    assert "pending" not in events_by_status(service)
    assert set(parked(service)) == set(parked_events)
    for event, words in parked_events.items():
        assert_says(parked(service)[event], words)


# 2. Each body alone.


@pytest.mark.parametrize("file", EXPECTED)
def test_a_body_posted_alone_leads_to_its_row_of_the_table(service: Service, file: str) -> None:
    assert service.post(BODIES[file]).status_code == 200
    service.drain()

    [event] = service.ask("select status, reason from inbox_events")
    found = Expected(
        status=event["status"],
        reason_contains=EXPECTED[file].reason_contains,
        seats=seats(service),
        open_followup=open_followups(service),
        cancellation=cancellations(service),  # type: ignore[arg-type]
        payments=payments(service),
        invoice_mails=invoice_mails(service),
        invoice_mails_sent=EXPECTED[file].invoice_mails_sent,
        other_mails=other_mails(service),
    )
    assert found == EXPECTED[file], f"the event ended {event}"
    assert_says(event["reason"], EXPECTED[file].reason_contains)
    assert invoice_mails_accepted(service) == each_once(EXPECTED[file].invoice_mails_sent)


def test_a_parked_body_leaves_nothing_but_its_inbox_row(service: Service) -> None:
    service.post(BODIES["subscription_created--4.json"])
    service.drain()

    assert {table: service.ask(f"select id from {table}") for table in MIRRORS} == {table: [] for table in MIRRORS}


# 3. All of them, in any order.


def under_an_id_of_its_own(file: str) -> bytes:
    body = json.loads(BODIES[file])
    return json.dumps(body | {"id": f"{body['id']}:{file}"}).encode()


# What is the same whatever the order, to the last field. Left out are the paths that lead there: ledgers, cancellations
# that were withdrawn, the instants at which a case was opened.
END_STATE = {
    **{table: f"select * from {table} order by id" for table in MIRRORS},
    "seats": "select * from subscription_items order by subscription_id, item_price_id",
    "payments": "select * from payments order by id",
    "what they paid": "select * from payment_applications order by transaction_id, invoice_id",
    "open follow-ups": """
        select invoice_id, customer_id, subscription_id, method, currency, total, paid, balance, due_on
        from followups where open order by invoice_id""",
    "cancellations": """
        select * from cancellations where state in ('scheduled', 'run') order by subscription_id, effective_at""",
    "invoice mails": "select distinct object_id from outbox where name = 'invoice' order by object_id",
}


def end_state(service: Service) -> dict[str, list[dict[str, Any]]]:
    return {name: service.ask(sql) for name, sql in END_STATE.items()}


def post_and_work_off(service: Service, files: list[str], rests: int) -> None:
    """Deliver the bodies in that order, and work off what there is `rests` times on the way as well as at the end."""
    pauses = {len(files) * (n + 1) // (rests + 1) for n in range(rests)}
    for position, file in enumerate(files):
        if position in pauses:
            service.drain()
        assert service.post(under_an_id_of_its_own(file)).status_code == 200
    service.drain()


@pytest.fixture(scope="module")
def plain_end(
    admin: psycopg.Connection, template_db: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """The end state after each body came once, in the order of their names: every other order must equal it."""
    with a_database(admin, template_db) as url, a_service(url, tmp_path_factory.mktemp("plain")) as service:
        post_and_work_off(service, sorted(BODIES), rests=0)
        yield end_state(service)


def mirror_row(row: dict[str, Any], members: Iterable[str]) -> Row:
    return Row(row["version"], row["deleted"], {member: row["snapshot"].get(member) for member in members})


@pytest.mark.parametrize("order", [*range(4), *(pytest.param(order, marks=pytest.mark.long) for order in range(4, 20))])
def test_the_end_is_the_same_in_whatever_order_the_bodies_come_three_times_each(
    service: Service, plain_end: dict[str, list[dict[str, Any]]], order: int
) -> None:
    files = sorted(BODIES) * 3
    random.Random(order).shuffle(files)

    post_and_work_off(service, files, rests=order % 4)

    assert "pending" not in events_by_status(service)
    assert set(parked(service)) <= {"ev_123:subscription_created--4.json"}
    state = end_state(service)
    for table, rows in MIRRORS.items():
        found = {row["id"]: row for row in state[table]}
        assert {id: mirror_row(row, rows[id].says if id in rows else ()) for id, row in found.items()} == rows
    [sub_123] = [row for row in state["subscriptions"] if row["id"] == "sub_123"]
    assert seats(service) == expected.SEATS | {"sub_123": expected.SEATS_OF_SUB_123[sub_123["status"]]}
    assert payments(service) == expected.PAYMENTS
    assert open_followups(service) == expected.OPEN_FOLLOWUPS
    ended = expected.CANCELLATIONS_OF_SUB_123[sub_123["status"]]
    assert cancellations(service) == expected.CANCELLATIONS | ended
    assert invoice_mails(service) == expected.INVOICE_MAILS
    assert invoice_mails_accepted(service) == each_once(expected.INVOICE_MAILS_SENT)
    assert state == plain_end
