"""What operators hear of: each cause once a day, while it stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from models import clock
from models.session import transaction
from tasks.alerts import raise_alerts
from tests.builders import Quittance, a_customer, an_event, an_invoice, mail_text

DAY = timedelta(days=1)
MAILS = "select object_id, state from outbox where name = 'ops_alert' order by id"
FAILED = (
    "insert into outbox (key, queue, kind, name, object_id, state, ended_at) values ('k', 'mail', 'email', 'invoice'"
)


@pytest.fixture
def watched(db_url: str, tmp_path: Path) -> Iterator[Quittance]:
    quittance = Quittance(db_url, tmp_path, OPS_EMAILS="ops@boreal.example")
    yield quittance
    quittance.close()


def watch(quittance: Quittance, silence: timedelta = 3 * DAY) -> None:
    raise_alerts(quittance.engine, quittance.couriers.rules, silence)
    quittance.drain()


def a_day_goes_by(quittance: Quittance) -> None:
    with transaction(quittance.engine) as session:
        now = clock.now(session)
    quittance.move_clock(now + DAY)


def test_while_all_is_well_nobody_hears_anything(watched: Quittance) -> None:
    watched.take(an_event(a_customer(), an_invoice(1, paid=6784)))
    watch(watched)
    assert watched.rows(MAILS) == []


def test_a_parked_event_is_told_once_a_day_with_the_command_that_shows_it(watched: Quittance) -> None:
    watched.take(an_event(an_invoice(1) | {"amount_due": 67.84}))
    watch(watched)
    watch(watched)
    assert watched.rows(MAILS) == [("parked_events", "sent")]
    (mail,) = watched.mails(to_staff=True)
    assert mail["To"] == "ops@boreal.example"
    assert "quittance events list --status parked" in mail_text(mail)
    a_day_goes_by(watched)
    watch(watched)
    assert watched.rows(MAILS) == [("parked_events", "sent")] * 2


@pytest.mark.parametrize(
    ("state", "cause"), [("failed", "failed_deliveries"), ("held", "held_mail"), ("new", "stuck_queue.mail")]
)
def test_what_could_not_be_delivered_is_told(watched: Quittance, state: str, cause: str) -> None:
    due = "now() + interval '1 hour'" if state != "new" else "now() - interval '16 minutes'"
    watched.run(
        "insert into outbox (key, queue, kind, name, object_id, state, due_at, ended_at)"
        f" values ('k', 'mail', 'email', 'greeting', 'x', :state, {due}, business_now())",
        state=state,
    )
    raise_alerts(watched.engine, watched.couriers.rules, DAY)
    assert watched.rows(MAILS) == [(cause, "new")]


def test_a_queue_that_moves_again_is_not_told_of(watched: Quittance) -> None:
    watched.take(an_event(a_customer(), an_invoice(1, paid=6784)))
    watched.run("update outbox set state = 'new', due_at = now() - interval '20 minutes'")
    raise_alerts(watched.engine, watched.couriers.rules, DAY)
    watched.drain()
    assert watched.rows(MAILS) == [("stuck_queue.mail", "suppressed")]


def test_events_that_nobody_applies_are_told_with_their_age(watched: Quittance) -> None:
    watched.post(an_event(a_customer()))
    watched.run("update inbox_events set due_at = now() - interval '40 minutes'")
    raise_alerts(watched.engine, watched.couriers.rules, DAY)
    assert watched.rows(MAILS) == [("stuck_queue.events", "new")]


def test_what_failed_days_ago_was_told_then(watched: Quittance) -> None:
    watched.run(FAILED + ", 'F-1', 'failed', business_now() - interval '3 days')")
    watch(watched)
    assert watched.rows(MAILS) == []


def test_silence_is_told_and_where_none_ever_called_it_is_none(watched: Quittance) -> None:
    watch(watched)
    assert watched.rows(MAILS) == []
    watched.take(an_event(a_customer()))
    watched.run("update inbox_events set received_at = received_at - interval '4 days'")
    watch(watched, timedelta(0))
    assert watched.rows(MAILS) == []
    watch(watched)
    assert watched.rows(MAILS) == [("silence", "sent")]


def test_what_reconciliation_brings_is_no_webhook(watched: Quittance) -> None:
    watched.take(an_event(a_customer()), an_event(a_customer(2)))
    watched.run("update inbox_events set received_at = received_at - interval '4 days'")
    watched.run("update inbox_events set origin = 'reconcile', received_at = business_now() where seq = 2")
    watch(watched)
    assert watched.rows(MAILS) == [("silence", "sent")]


@pytest.mark.parametrize(
    ("severity", "kind", "acknowledged", "told"),
    [
        ("error", "reconcile_refused", "null", ["finding"]),
        ("error", "reconcile_refused", "business_now() + interval '1 day'", []),
        ("error", "reconcile_refused", "business_now() - interval '1 day'", ["finding"]),
        ("warning", "mirror_differs", "null", []),
        ("error", "delivery_failed", "null", []),
    ],
    ids=["an error", "acknowledged", "acknowledged until yesterday", "a warning", "a failed delivery is told as such"],
)
def test_an_error_that_was_found_is_told_until_it_is_acknowledged(
    watched: Quittance, severity: str, kind: str, acknowledged: str, told: list[str]
) -> None:
    watched.run(
        "insert into findings (kind, severity, object_type, object_id, detail, acknowledged_until)"
        f" values (:kind, :severity, 'reading', 'events', 'why', {acknowledged})",
        kind=kind,
        severity=severity,
    )
    watch(watched)
    assert watched.rows("select object_id from outbox where name = 'ops_alert'") == told
