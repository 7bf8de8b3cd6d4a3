"""The one mail that an invoice is worth: when it is called for, to whom it goes, and what it says."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator import Site
from simulator.fixtures import ChargebeeApi
from simulator.pricing import MONTHLY
from tests.builders import (
    Body,
    Quittance,
    a_customer,
    a_link,
    a_transaction,
    an_event,
    an_invoice,
    mail_text,
)

OUTBOX = "select key, state from outbox where name = 'invoice' order by id"
DAY = timedelta(days=1)


def by_cheque(version: int = 1, **fields: Any) -> Body:
    return a_customer(version, auto_collection="off", offline_payment_method="check", **fields)


def paid(version: int = 2, **fields: Any) -> Body:
    return an_invoice(version, paid=6784, linked_payments=[a_link()], **fields)


@pytest.mark.parametrize(
    ("customer", "invoice"),
    [
        (a_customer(), an_invoice(1, paid=6784)),
        (by_cheque(), an_invoice(1, paid=6784)),
        (by_cheque(), an_invoice(1)),
        (by_cheque(), an_invoice(1, status="posted")),
        (by_cheque(), an_invoice(1, paid=3000)),
    ],
)
def test_an_invoice_that_is_paid_or_to_be_paid_by_cheque_is_mailed(
    quittance: Quittance, customer: Body, invoice: Body
) -> None:
    quittance.take(an_event(customer, invoice))
    assert quittance.rows(OUTBOX) == [("invoice:F-1:0", "sent")]
    assert len(quittance.mails()) == 1


@pytest.mark.parametrize(
    ("customer", "invoice"),
    [
        (a_customer(), an_invoice(1)),  # by card, not charged yet
        (a_customer(), an_invoice(1, status="not_paid")),
        (by_cheque(), an_invoice(1, total=0)),
        (by_cheque(), an_invoice(1, status="pending")),
        (by_cheque(), an_invoice(1, status="voided")),
        (by_cheque(), an_invoice(1, deleted=True)),
    ],
)
def test_any_other_invoice_is_not(quittance: Quittance, customer: Body, invoice: Body) -> None:
    quittance.take(an_event(customer, invoice))
    assert quittance.rows(OUTBOX) == []


def test_many_events_about_one_invoice_make_one_mail(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(), an_invoice(1)))
    again = an_event(an_invoice(2))
    quittance.take(again, again | {"id": "ev_again"}, an_event(by_cheque(2)), an_event(paid(3)))
    quittance.take(an_event(a_transaction(4, pays={"F-1": 6784}, payment_method="card")))
    assert quittance.rows(OUTBOX) == [("invoice:F-1:0", "sent")]
    assert len(quittance.mails()) == 1


def test_an_older_snapshot_that_comes_late_makes_no_mail(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(), an_invoice(2, status="voided")))
    quittance.take(an_event(an_invoice(1)))
    assert quittance.rows(OUTBOX) == []


def test_the_mail_says_what_is_due_and_how_to_pay(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(), an_invoice(1)))
    (mail,) = quittance.mails()
    assert mail["Subject"] == "Votre facture F-1, 67,84\u00a0$ à payer le 10 févr. 2021"
    assert mail["Reply-To"] == "finance@boreal.example"
    words = mail_text(mail).replace("\r\n", "\n")
    assert "67,84\u00a0$" in words and "000-123-4" in words
    assert quittance.rows("select locale, recipient, subject, message_id, text from outbox where name = 'invoice'") == [
        ("fr_CA", "marie@test1234.example", mail["Subject"], mail["Message-ID"], words)
    ]


def test_an_invoice_paid_before_the_mail_leaves_is_told_as_paid(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(email=None, auto_collection="off"), an_invoice(1)))  # nobody to write to yet
    quittance.take(an_event(paid(2), a_transaction(2, pays={"F-1": 6784})), an_event(by_cheque(2)))
    quittance.hurry()
    (mail,) = quittance.mails()
    assert mail["Subject"] == "Votre facture F-1, 67,84\u00a0$"
    assert "Merci" in mail_text(mail)


def test_nobody_is_thanked_for_what_was_written_off(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(), an_invoice(1, paid=3000, write_off_amount=3784)))
    (mail,) = quittance.mails()
    assert "Merci, votre paiement" not in mail_text(mail)


def test_an_invoice_that_will_be_collected_is_not_mailed_but_once_paid_it_is(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(email=None, auto_collection="off"), an_invoice(1)))
    quittance.take(an_event(a_customer(2, auto_collection="on")))
    quittance.hurry()
    assert quittance.rows("select state, reason from outbox where name = 'invoice'") == [
        ("suppressed", "what it says no longer holds")
    ]
    quittance.run("update outbox set waiting_since = waiting_since - interval '40 days'")
    quittance.take(an_event(paid(3)))
    assert quittance.rows(OUTBOX) == [("invoice:F-1:0", "sent")]
    assert quittance.rows("select now() - waiting_since < interval '1 day' from outbox where name = 'invoice'") == [
        True
    ]
    quittance.take(an_event(paid(4)))
    assert len(quittance.mails()) == 1


@pytest.mark.parametrize("change", [{"status": "voided", "amount_due": 0}, {"deleted": True}])
def test_an_invoice_voided_before_the_mail_leaves_is_not_mailed(quittance: Quittance, change: Body) -> None:
    quittance.take(an_event(a_customer(email=None, auto_collection="off"), an_invoice(1)))
    quittance.take(an_event(an_invoice(2, **change)), an_event(by_cheque(2)))
    quittance.hurry()
    assert quittance.rows(OUTBOX) == [("invoice:F-1:0", "suppressed")]
    assert quittance.mails() == []


# ---- to whom, in which language --------------------------------------------------------------------------------------


def a_contact(address: str, name: str, **fields: Any) -> Body:
    return {"id": name, "email": address, "first_name": name, "enabled": True, "send_billing_email": True} | fields


CONTACTS = [
    a_contact("comptes@test1234.example", "Luc"),
    a_contact("MARIE@test1234.example", "Marie"),  # her own address, written otherwise
    a_contact("parti@test1234.example", "Zoé", enabled=False),
    a_contact("technique@test1234.example", "Alex", send_billing_email=False),
]


def test_each_contact_who_asked_for_it_gets_a_mail_of_their_own(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(contacts=CONTACTS), an_invoice(1)))
    mails = quittance.mails()
    assert sorted(mail["To"] for mail in mails) == ["comptes@test1234.example", "marie@test1234.example"]
    assert {mail["To"].split("@")[0]: mail_text(mail).split(",")[0] for mail in mails} == {
        "comptes": "Bonjour Luc",
        "marie": "Bonjour Marie",
    }
    assert len({mail["Message-ID"] for mail in mails}) == 2
    assert quittance.rows("select recipient, state from outbox where name = 'invoice' order by 1") == [
        ("comptes@test1234.example", "sent"),
        ("marie@test1234.example", "sent"),
    ]


def test_a_contact_who_comes_later_does_not_get_it_again(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(), an_invoice(1)))
    quittance.take(an_event(by_cheque(2, contacts=CONTACTS)), an_event(an_invoice(2)))
    assert len(quittance.mails()) == 1


def test_a_mail_waits_for_an_address_and_leaves_when_it_is_known(quittance: Quittance) -> None:
    quittance.take(an_event(paid(1)))
    assert quittance.rows("select state, reason from outbox where name = 'invoice'") == [
        ("new", "no e-mail address of customer cust_1 is known yet")
    ]
    quittance.take(an_event(a_customer()))
    quittance.hurry()
    assert [mail["To"] for mail in quittance.mails()] == ["marie@test1234.example"]


@pytest.mark.parametrize(
    ("customer", "locale", "greeting"),
    [
        ({"locale": "fr-CA"}, "fr_CA", "Bonjour Marie"),
        ({"locale": "en-CA"}, "fr_CA", "Bonjour Marie"),  # in Québec, English is for those who chose it here
        ({"locale": "en-CA", "billing_address": {"country": "CA", "state_code": "ON"}}, "en_CA", "Hello Marie"),
        (
            {"locale": None, "billing_address": {"country": "CA", "state_code": "ON"}},
            "en_CA",
            "Hello Marie",
        ),
        ({"locale": None, "billing_address": {"country": "CA", "state_code": "QC"}}, "fr_CA", "Bonjour Marie"),
    ],
)
def test_the_mail_is_in_the_customers_language(
    quittance: Quittance, customer: Body, locale: str, greeting: str
) -> None:
    quittance.take(an_event(by_cheque(**customer), an_invoice(1)))
    (mail,) = quittance.mails()
    assert mail_text(mail).startswith(greeting)
    assert quittance.rows("select locale from outbox where name = 'invoice'") == [locale]


# ---- history ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def sober(db_url: str, tmp_path: Path) -> Any:
    """As in production: what is older than seven days is history."""
    quittance = Quittance(db_url, tmp_path, EFFECTS_HORIZON="7 days")
    yield quittance
    quittance.close()


def test_history_is_kept_and_quiet(sober: Quittance) -> None:
    sober.take(an_event(by_cheque(), an_invoice(1), at=datetime.now(UTC) - 7 * DAY - timedelta(minutes=5)))
    assert sober.rows("select state, reason from outbox where name = 'invoice'") == [
        ("suppressed", "history: it happened more than 7 days before it was received")
    ]
    assert sober.rows("select open from followups") == [True]
    sober.take(an_event(paid(2), at=datetime.now(UTC)))  # the mail was not sent, and is not owed any more
    assert sober.rows("select state from outbox where name = 'invoice'") == ["suppressed"]


def test_what_is_recent_enough_is_sent(sober: Quittance) -> None:
    sober.take(an_event(by_cheque(), an_invoice(1), at=datetime.now(UTC) - 7 * DAY + timedelta(minutes=5)))
    assert sober.rows(OUTBOX) == [("invoice:F-1:0", "sent")]


def test_an_invoice_that_was_paid_long_before_it_is_first_seen_is_not_mailed(sober: Quittance) -> None:
    sober.take(an_event(a_customer(), paid(1), at=datetime.now(UTC)))
    [(state, reason)] = sober.rows("select state, reason from outbox where name = 'invoice'")
    assert state == "suppressed" and reason.startswith("history: it was over")


def test_an_import_is_quiet_however_recent(sober: Quittance) -> None:
    event = an_event(by_cheque(), an_invoice(1), at=datetime.now(UTC))
    assert sober.post(event).status_code == 200
    sober.run("update inbox_events set origin = 'import'")
    sober.drain()
    assert sober.rows("select state, reason from outbox where name = 'invoice'") == [
        ("suppressed", "history: it came by import")
    ]


def test_an_event_that_was_parked_for_long_still_sends_when_it_is_replayed(sober: Quittance) -> None:
    broken = an_event(by_cheque(), an_invoice(1) | {"amount_due": 67.84}, at=datetime.now(UTC))
    sober.take(broken)
    assert sober.ending(broken)[0] == "parked"
    mended = json.dumps(broken).replace("67.84", "6784").encode()
    sober.run(
        "update inbox_events set status = 'pending', raw = :raw, received_at = received_at - interval '30 days',"
        " occurred_at = occurred_at - interval '30 days'",
        raw=mended,
    )
    sober.hurry()
    assert sober.rows(OUTBOX) == [("invoice:F-1:0", "sent")]


# ---- with an API -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ordered(site: Site) -> Body:
    """An invoice that Chargebee itself holds, to be paid by cheque."""
    site.create_customer(
        id="cust_1",
        company="Société Test1234",
        first_name="Marie",
        email="marie@test1234.example",
        auto_collection="off",
        offline_payment_method="check",
        net_term_days=30,
    )
    site.subscribe("cust_1", MONTHLY.id, 1, id="sub_1")
    return site.find("invoice")[0]


def attachments(quittance: Quittance) -> list[list[str | None]]:
    return [[part.get_filename() for part in mail.iter_attachments()] for mail in quittance.mails()]


def test_the_invoices_pdf_is_attached(with_api: Quittance, site: Site, ordered: Body) -> None:
    with_api.take(*site.events)
    assert attachments(with_api) == [[f"Facture-{ordered['id']}.pdf"]]
    (part,) = with_api.mails()[0].iter_attachments()
    assert part.get_content().startswith(b"%PDF-")


def test_a_pdf_that_fails_twice_is_left_out(
    with_api: Quittance, site: Site, ordered: Body, chargebee_api: ChargebeeApi
) -> None:
    chargebee_api.faults.plan("unavailable", path="/pdf$", times=None)
    with_api.take(*site.events)
    assert with_api.mails() == []
    ((state, reason),) = with_api.rows("select state, reason from outbox where name = 'invoice'")
    assert state == "new" and reason.startswith(f"the PDF of invoice {ordered['id']} cannot be had yet")
    with_api.hurry()
    assert attachments(with_api) == [[]]
    assert with_api.rows("select state, attempts from outbox where name = 'invoice'") == [("sent", 2)]


def test_a_key_that_was_changed_only_makes_a_mail_wait(
    with_api: Quittance, site: Site, ordered: Body, chargebee_api: ChargebeeApi, db_url: str, tmp_path: Path
) -> None:
    where = {"CHARGEBEE_SITE": chargebee_api.site_name, "CHARGEBEE_API_URL": chargebee_api.url}
    with closing(Quittance(db_url, tmp_path, CHARGEBEE_API_KEY="test_retired", **where)) as retired:
        retired.take(*site.events)
    ((state, reason),) = with_api.rows("select state, reason from outbox where name = 'invoice'")
    assert state == "new" and "answered 401" in reason and "CHARGEBEE_API_KEY" in reason
    with_api.hurry()
    assert with_api.rows("select state from outbox where name = 'invoice'") == ["sent"]
    assert with_api.rows("select count(*) from findings where kind = 'delivery_failed'") == [0]


def test_the_live_invoice_wins_over_what_we_heard(with_api: Quittance, site: Site, ordered: Body) -> None:
    heard = list(site.events)
    site.record_payment(ordered["id"])  # of this no webhook came
    with_api.take(*heard)
    (mail,) = with_api.mails()
    assert mail["Subject"] == f"Votre facture {ordered['id']}, 67,84\u00a0$"
    assert with_api.rows("select status, amount_due from invoices") == [("paid", 0)]
    assert with_api.rows("select origin, status from inbox_events where event_type = 'object_read'") == [
        ("reconcile", "applied")
    ]


def test_an_invoice_that_chargebee_no_longer_has_is_not_mailed(with_api: Quittance, site: Site, ordered: Body) -> None:
    heard = list(site.events)
    site.delete_invoice(ordered["id"])
    with_api.take(*heard)
    assert with_api.rows(OUTBOX) == [(f"invoice:{ordered['id']}:0", "suppressed")]
    assert with_api.rows("select count(*) from findings") == [0]


def test_a_customer_nobody_told_of_is_read_after_a_while(with_api: Quittance, site: Site, ordered: Body) -> None:
    site.record_payment(ordered["id"])
    with_api.take(an_event(site.find("invoice")[0]))
    assert with_api.mails() == []
    for _ in range(4):
        with_api.hurry()
    assert [mail["To"] for mail in with_api.mails()] == ["marie@test1234.example"]


def test_contacts_get_a_mail_that_was_overtaken_and_called_for_again(
    with_api: Quittance, site: Site, ordered: Body, chargebee_api: ChargebeeApi
) -> None:
    site.change_customer("cust_1", contacts=[{"email": "comptes@test1234.example"}])
    chargebee_api.faults.plan("unavailable", path="/pdf$", times=None)
    with_api.take(*site.events)  # both recipients were found, and wait for the PDF
    seen = len(site.events)
    site.change_customer("cust_1", auto_collection="on")
    with_api.take(*site.events_since(seen))
    with_api.hurry()
    assert with_api.rows("select state from outbox where name = 'invoice'") == ["suppressed"] * 2
    seen = len(site.events)
    site.record_payment(ordered["id"])
    with_api.take(*site.events_since(seen))
    with_api.hurry()
    with_api.hurry()
    assert sorted(mail["To"] for mail in with_api.mails()) == ["comptes@test1234.example", "marie@test1234.example"]


def test_a_reader_who_had_a_copy_does_not_get_what_another_no_longer_gets(
    with_api: Quittance, site: Site, ordered: Body, chargebee_api: ChargebeeApi
) -> None:
    site.change_customer("cust_1", contacts=[{"email": "comptes@test1234.example"}])
    chargebee_api.faults.plan("unavailable", path="/pdf$", times=1)
    with_api.take(*site.events)
    with_api.run("update outbox set due_at = now() where key like 'invoice:%' and recipient like 'comptes%'")
    with_api.drain()
    assert [mail["To"] for mail in with_api.mails()] == ["comptes@test1234.example"]
    seen = len(site.events)
    site.change_customer("cust_1", auto_collection="on", email="comptes@test1234.example", contacts=[])
    with_api.take(*site.events_since(seen))
    with_api.hurry()
    seen = len(site.events)
    site.record_payment(ordered["id"])
    with_api.take(*site.events_since(seen))
    with_api.hurry()
    assert [mail["Subject"].split()[0] for mail in with_api.mails()] == ["Votre", "Paiement"]
    assert with_api.rows("select state, reason from outbox where name = 'invoice' order by id") == [
        ("suppressed", "each of its readers has a message of their own"),
        ("sent", None),
    ]


def test_what_is_mended_long_after_it_happened_is_history(sober: Quittance) -> None:
    event = an_event(by_cheque(), an_invoice(1), at=datetime.now(UTC) - 40 * DAY)
    sober.take(event | {"api_version": "v1"})
    assert sober.ending(event)[0] == "parked"
    sober.run("update inbox_events set received_at = received_at - interval '40 days'")
    sober.take(event)
    assert sober.ending(event) == ("applied", None)
    assert sober.rows("select state from outbox where name = 'invoice'") == ["suppressed"]
