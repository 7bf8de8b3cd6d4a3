"""The tale: a small story in chapters, each of them on its own, that goes through every effect of the product.

What a chapter does by itself happens outside, once. What it yields is asked of the product, whose process may die.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from simulator.pricing import MONTHLY
from tests.builders import a_customer, a_subscription, an_event, an_invoice
from tests.crash.scene import NOBODY, WORK, Ask, Chapter, Scene, command, post, task
from tests.emails.test_reports import POSTMARK

NO_API = {"CHARGEBEE_SITE": "", "CHARGEBEE_API_KEY": "", "CHARGEBEE_API_URL": ""}
READER = {"email": "compta@test1234.example", "first_name": "Luc", "enabled": True, "send_billing_email": True}


def growth(scene: Scene) -> Iterator[Ask]:
    """A customer with two readers buys by card; an event comes again, and with another body; versions tie."""
    site = scene.site
    site.create_customer(id="marie", company="Société Test1234", email="marie@test1234.example", contacts=[READER])
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, 3, id="seats")
    yield scene.news()
    yield WORK
    known = site.current("subscription", "seats")
    last = site.events[-1]
    yield post(last, last | {"occurred_at": last["occurred_at"] + 1})
    tied = known | {"subscription_items": [known["subscription_items"][0] | {"quantity": 4}]}
    yield post(an_event(tied, id="ev_tied", at=site.now))
    nobody = a_customer(id="nobody"), a_customer(id="nobody", first_name="Personne")  # whom Chargebee does not know
    yield post(an_event(nobody[0], id="ev_nobody"), an_event(nobody[1], id="ev_nobody_tied"))
    yield WORK


def money(scene: Scene) -> Iterator[Ask]:
    """An invoice to be paid by wire: its case, a reminder, a part of the money, the rest, and some of it back."""
    site = scene.site
    site.create_customer(
        id="paul", email="paul@test1234.example", auto_collection="off", offline_payment_method="bank_transfer",
        net_term_days=30,
    )  # fmt: skip
    site.subscribe("paul", MONTHLY.id, 2, id="seats-paul")
    yield scene.news()
    yield WORK
    (invoice,) = site.all("invoice")
    site.record_payment(invoice["id"], amount=5000, method="bank_transfer", reference="VIR-1")
    yield scene.news()
    yield WORK
    paid = site.record_payment(invoice["id"], method="bank_transfer", reference="VIR-2")
    site.record_refund(invoice["id"], amount=1000, method="check", reference="R-1")
    assert paid
    yield scene.news()
    yield WORK


def declined(scene: Scene) -> Iterator[Ask]:
    """A card that does not pay, one that expires, and an invoice of somebody whom no event has told of."""
    site = scene.site
    site.create_customer(id="anna", email="anna@test1234.example")
    card = site.add_card("anna", last4="0002", expires=(2, 2021))
    site.subscribe("anna", MONTHLY.id, 1, id="seats-anna")
    yield scene.news()
    yield post(an_event(card | {"object": "payment_source"}, id="ev_expiring", type="payment_source_expiring"))
    yield WORK
    site.create_customer(id="mute", email="mute@test1234.example")
    site.add_card("mute")
    site.subscribe("mute", MONTHLY.id, 1, id="seats-mute")
    scene.silence()
    (paid,) = (each for each in site.all("invoice") if each["customer_id"] == "mute")
    yield post(an_event(paid, id="ev_mute"))
    yield WORK


def ends(scene: Scene) -> Iterator[Ask]:
    """A subscription is to end, then not, then it does; Chargebee says so."""
    site = scene.site
    site.create_customer(id="luc", email="luc@test1234.example")
    site.add_card("luc")
    site.subscribe("luc", MONTHLY.id, 2, id="seats-luc")
    site.schedule_cancellation("seats-luc", reason="Other")
    yield scene.news()
    yield WORK
    site.remove_scheduled_cancellation("seats-luc")
    yield scene.news()
    yield WORK
    site.schedule_cancellation("seats-luc")
    yield scene.news()
    yield WORK
    scene.now(site.now + timedelta(days=32))  # Chargebee is late
    yield task("carry_out_due_cancellations")
    yield WORK
    site.advance(days=32)
    scene.silence()
    yield WORK


def ends_unasked(scene: Scene) -> Iterator[Ask]:
    """The same end where there is no API: its date decides."""
    site = scene.site
    site.create_customer(id="eve", email="eve@test1234.example")
    site.add_card("eve")
    site.subscribe("eve", MONTHLY.id, 2, id="seats-eve")
    site.schedule_cancellation("seats-eve")
    yield scene.news()
    yield WORK
    site.advance(days=32)
    scene.silence()
    yield task("carry_out_due_cancellations")
    yield WORK


def missed(scene: Scene) -> Iterator[Ask]:
    """Webhooks that never come, and changes that make none: the list of events, and the nightly comparison."""
    site = scene.site
    yield task("reconcile_events")
    site.create_customer(id="zoe", email="zoe@test1234.example")
    site.add_card("zoe")
    site.subscribe("zoe", MONTHLY.id, 2, id="seats-zoe")
    site.create_customer(id="gone", email="gone@test1234.example")
    scene.silence()
    scene.rows("delete from job_slots")  # ten minutes go by
    scene.time_goes_by()
    scene.limits.per_minute = 0
    yield task("reconcile_events")
    scene.limits.per_minute = 1_000_000
    scene.time_goes_by()
    yield task("reconcile_events")
    yield WORK
    yield post(site.events[0])  # found, and then it comes after all
    with site.silenced(webhooks=True, events=True):
        site.change_seats("seats-zoe", 7)
        site.delete_customer("gone")
    site.advance(hours=1)
    scene.silence()
    scene.rows("insert into readings (name, watermark, ended_at) values ('compare customer', now(), now())")
    scene.limits.per_minute = 0
    yield task("compare")
    scene.limits.per_minute = 1_000_000
    scene.time_goes_by()
    yield task("compare")
    yield WORK


def first_day(scene: Scene) -> Iterator[Ask]:
    """A site that was there before us is brought in, and its last events after it."""
    site = scene.site
    site.create_customer(id="old", email="old@test1234.example")
    site.add_card("old")
    site.subscribe("old", MONTHLY.id, 2, id="seats-old")
    site.advance(hours=1)
    scene.silence()
    yield command("import")
    yield command("events", "backfill", "--since", (site.now - timedelta(days=1)).isoformat())
    yield command("reconcile", "events")
    yield command("reconcile", "objects")
    yield WORK


def writes(scene: Scene) -> Iterator[Ask]:
    """What operators have Chargebee do: more seats, an end and its withdrawal, a payment recorded and taken back."""
    site = scene.site
    site.create_customer(
        id="ines", email="ines@test1234.example", auto_collection="off", offline_payment_method="check",
        net_term_days=30,
    )  # fmt: skip
    site.subscribe("ines", MONTHLY.id, 2, id="seats-ines")
    yield scene.news()
    yield WORK
    (invoice,) = site.all("invoice")
    yield _asked_once("set_seats", "seats", "set", "seats-ines", "4")
    yield WORK
    yield _asked_once("schedule_cancellation", "cancellations", "schedule", "seats-ines")
    yield WORK
    yield _asked_once("withdraw_cancellation", "cancellations", "withdraw", "seats-ines")
    yield WORK
    how = ("--amount", "50.00", "--method", "check", "--reference", "CHQ-7")
    yield _asked_once("record_payment", "payments", "record", invoice["id"], *how)
    yield WORK
    (payment,) = (each for each in site.all("transaction") if each.get("reference_number") == "CHQ-7")
    yield _asked_once("take_back_payment", "payments", "take-back", payment["id"])
    yield WORK
    yield scene.news()
    yield WORK


def _asked_once(name: str, *arguments: str) -> Ask:
    return command(*arguments, "--yes", undone=f"select 1 where not exists (select from outbox where name = '{name}')")


def readers(scene: Scene) -> Iterator[Ask]:
    """Addresses that are not there, a reader who chooses, and what persons decide about mails."""
    scene.now(scene.site.now)
    yield post(
        an_event(a_customer(email=NOBODY, contacts=[READER]), an_invoice(paid=6784), id="ev_nobody"),
        an_event(a_customer(id="cust_2"), an_invoice(id="F-2", customer_id="cust_2", paid=6784), id="ev_reader"),
    )
    yield WORK
    (mail,) = scene.rows("select id from outbox where key = 'invoice:F-2:0'")
    language = "select 1 where not exists (select from language_choices)"
    yield Ask("choose", [mail], {"kind": ["due_soon"], "language": "en_CA"}, undone=language)
    yield command("emails", "revoke", "invoice:F-2:0", "--yes")
    for decision in ("mark-sent", "resend"):
        # A worker died as it sent this, in the instant after the mail server had taken it.
        scene.rows("update outbox set state = 'sending', lease_until = now() where key = 'invoice:F-2:0'")
        yield WORK
        held = "select 1 from outbox where key = 'invoice:F-2:0' and state = 'held'"
        yield command("emails", decision, "invoice:F-2:0", "--yes", undone=held)
        yield WORK
    yield post(POSTMARK, to="/webhooks/mail")
    yield WORK
    (dead,) = scene.rows("select id from dead_addresses where address = %s", NOBODY)
    marked = f"select 1 from dead_addresses where id = {dead}"
    yield command("emails", "clear-address", str(dead), "--yes", undone=marked)
    failed = "select 1 from outbox where key = 'invoice:F-1:0' and state = 'failed'"
    yield command("outbox", "release", "invoice:F-1:0", "--yes", undone=failed)
    yield WORK


def operators(scene: Scene) -> Iterator[Ask]:
    """What other processes left as they died, what is parked, and who is told of it."""
    scene.now(scene.site.now)
    yield post(an_event(a_subscription(), id="ev_poison"), an_event(a_customer(), id="ev_suspect"))
    scene.rows("update inbox_events set starts = 5 where id = 'ev_poison'")
    scene.rows("update inbox_events set starts = 1 where id = 'ev_suspect'")
    yield WORK
    yield task("raise_alerts")
    yield WORK
    yield command("events", "replay", "--parked", "--yes")
    yield WORK
    yield task("sweep")
    yield Ask("beat")


TALE = (
    Chapter("growth", growth),
    Chapter("money", money),
    Chapter("declined", declined, {"MAIL_PER_DOMAIN": "1"}),
    Chapter("ends unasked", ends_unasked, NO_API),
    Chapter("ends", ends),
    Chapter("missed", missed),
    Chapter("first day", first_day),
    Chapter("writes", writes),
    Chapter("readers", readers, NO_API),
    Chapter("operators", operators),
)

_ONLY_LOOKS = "a command or a page that only looks"
_ONLY_READS = "reads what its mail says, which leaves as every other"
# Transactions of the product that no chapter opens, and why.
UNTOLD = {
    **dict.fromkeys(
        (
            "console.invoices.pdf",
            "console.mails.show",
            "console.preferences.show",
            "tasks.imports._unknown",
            "tasks.imports.count_events",
            "tasks.replay.count",
            "worker.cli.cancellations.list_",
            "worker.cli.cancellations.run",
            "worker.cli.doctor._database",
            "worker.cli.emails.show",
            "worker.cli.events._must_be_known",
            "worker.cli.events.list_",
            "worker.cli.events.show",
            "worker.cli.explain.command",
            "worker.cli.findings.list_",
            "worker.cli.followups.list_",
            "worker.cli.outbox.list_rows",
            "worker.cli.outbox.show",
            "worker.cli.reconcile.report",
            "worker.cli.rehearsal.show",
            "worker.cli.show._show",
        ),
        _ONLY_LOOKS,
    ),
    **dict.fromkeys(
        (
            "tasks.instructions.deliver_instructions",
            "tasks.refunds._refund (2)",
            "tasks.refunds.deliver_refund",
            "tasks.reminders.deliver_reminder",
            "tasks.seat_mails.deliver_scheduled_change",
        ),
        _ONLY_READS,
    ),
    "tasks.heartbeats.say_goodbye": "a worker that ends in good order takes its sign of life away",
    "tasks.inbox._give_back": "needs another process that works on the same customer: test_contention.py",
    "tasks.inbox._set_apart": "needs a database that refuses a whole batch: test_killed_servers.py",
    "tasks.reconcile._read (2)": "needs a list too long for one turn; the next turn goes on without it after the lease",
    "tasks.clock._find": "needs a cancellation that cannot be carried out: test_contention.py",
    "worker.cli.findings.acknowledge": "a person's word about a finding, from which nothing follows",
    "worker.cli.events.ignore": "a person's word about an event, from which nothing follows",
    "worker.cli.clock.move_to (1)": "development only",
    "worker.cli.clock.move_to (2)": "development only",
    "worker.cli.clock.reset": "development only",
}
