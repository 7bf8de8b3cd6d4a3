"""The pages at /_sim: both languages, every button, refusals, and what other people's pages may not do."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from simulator import Refused, Simulation, Site, story
from simulator.http import create_app
from simulator.pages import Desk, pages
from simulator.pages.deeds import DEEDS
from simulator.pages.forms import amount_of
from simulator.pages.words import CATALOGUE, LANGUAGES, Words
from simulator.pricing import MONTHLY, SUPPORT, YEARLY
from tests.simulator.receiver import Receiver

API_KEY = "test_key"
SEATS = "boreal-cloud-atelier-nord"


@pytest.fixture
def site() -> Site:
    """The demo story up to the cheque that bounces: one wire paid, one invoice owed."""
    site = story.a_site()
    for step in story.steps()[:8]:
        step.play(site)
    return site


@pytest.fixture
def simulation(site: Site) -> Iterator[Simulation]:
    with Simulation(site) as simulation:
        yield simulation


@pytest.fixture
def desk(simulation: Simulation) -> Desk:
    return Desk(simulation, effects=lambda id: [f"inbox: applied ({id})"])


@pytest.fixture
def app(site: Site, desk: Desk) -> Flask:
    app = create_app(site, api_key=API_KEY)
    app.register_blueprint(pages(desk))
    return app


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


class _Markup(HTMLParser):
    """What a page is made of, as far as these tests ask."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in ("meta", "link", "input", "br", "wbr", "path", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag in tags]


def addresses(site: Site) -> list[str]:
    return [
        "/_sim/", "/_sim/order", "/_sim/customers", f"/_sim/customers/{story.ATELIER}", "/_sim/subscriptions",
        f"/_sim/subscriptions/{SEATS}", "/_sim/invoices", "/_sim/invoices/F-10431", "/_sim/invoices/F-10391",
        "/_sim/events", f"/_sim/events/{site.events[0]['id']}", "/_sim/webhooks", "/_sim/clock", "/_sim/nowhere",
    ]  # fmt: skip


def text_of(answer: TestResponse) -> str:
    """What a page says, without its markup and with plain spaces."""
    text = re.sub(r"<style.*?</style>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return " ".join(text.replace("\u00a0", " ").replace("\u202f", " ").split())


def do(browser: FlaskClient, deed: str, id: str = "", **form: object) -> str:
    """Press a button; what the page says afterwards of what happened."""
    answer = browser.post(f"/_sim/do/{deed}" + (f"/{id}" if id else ""), data=form, follow_redirects=True)
    assert answer.status_code == 200, text_of(answer)
    told = re.search(r'<p class="told">(.*?)</p>', answer.text, re.DOTALL)
    assert told, text_of(answer)
    return " ".join(re.sub(r"<[^>]+>", "", told[1]).replace("\u00a0", " ").split())


# ---- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_answers_in_both_languages_and_is_well_made(browser: FlaskClient, site: Site, language: str) -> None:
    browser.set_cookie("sim_language", language, path="/_sim")
    for address in addresses(site):
        answer = browser.get(address)
        assert answer.status_code == (404 if address.endswith("nowhere") else 200), address
        page = _Markup(answer.text)
        assert not page.open, address
        assert page.all("html")[0]["lang"] == f"{language}-CA"
        assert len(page.all("h1")) == 1, address
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids)), address
        labelled = {label["for"] for label in page.all("label")}
        fields = [field for field in page.all("input", "select") if field.get("type") != "hidden"]
        assert {field["id"] for field in fields} <= labelled, address
        assert not page.all("script", "style"), address
        assert not [attributes for _, attributes in page.tags if "style" in attributes], address
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_a_day_is_counted_from_where_the_clock_stands_when_it_is_moved(
    site: Site, simulation: Simulation, browser: FlaskClient
) -> None:
    start, answers = site.now, []
    person = threading.Thread(target=lambda: answers.append(browser.post("/_sim/do/one-day").status_code))
    with simulation.turn:  # as the running clock has it
        person.start()
        person.join(0.2)  # long enough to look at the clock too early
        simulation.advance(days=2)
    person.join()
    assert (answers, site.now - start) == ([303], timedelta(days=3))


def test_a_refund_of_an_invoice_that_nothing_is_paid_on_any_more_is_refused(site: Site, browser: FlaskClient) -> None:
    assert site.current("invoice", "F-10431")["amount_paid"] == 0  # its cheque has bounced
    assert browser.post("/_sim/do/refund/F-10431").status_code == 409


def test_one_who_pays_from_a_bank_account_has_a_page_and_gets_money_back_there(
    site: Site, browser: FlaskClient
) -> None:
    site.change_customer(story.ATELIER, auto_collection="on")
    account = site.add_bank_account(story.ATELIER)
    assert browser.get(f"/_sim/customers/{story.ATELIER}").status_code == 200
    payment = site.pay_by_card("F-10431")
    site.advance(days=5)
    assert browser.post("/_sim/do/refund/F-10431", data={"amount": "10"}).status_code == 303
    refund = site.current("transaction", site.current("transaction", payment["id"])["linked_refunds"][0]["txn_id"])
    assert (refund["payment_method"], refund["amount"], account["type"]) == ("direct_debit", 1000, "direct_debit")


def test_a_page_never_shows_what_is_being_done_and_then_is_not(site: Site, browser: FlaskClient) -> None:
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.append(browser.get("/_sim/customers").text))
    with pytest.raises(Refused), site.as_one("api"):
        site.create_customer(id="half", company="Une moitié")
        reader.start()
        reader.join(0.2)  # long enough for a page that would not wait
        raise Refused("changed our mind")
    reader.join()
    assert "Atelier Nord" in seen[0] and "half" not in seen[0]


def test_the_bare_address_leads_to_the_pages(browser: FlaskClient) -> None:
    assert browser.get("/").headers["Location"] == "/_sim/"


def test_french_comes_first_and_the_other_language_is_remembered(browser: FlaskClient) -> None:
    assert "Vue d’ensemble" in text_of(browser.get("/_sim/"))
    assert "Overview" in text_of(browser.get("/_sim/?lang=en", follow_redirects=True))
    assert "Invoices" in text_of(browser.get("/_sim/invoices"))


def test_what_the_reader_asked_for_survives_a_change_of_language(browser: FlaskClient) -> None:
    answer = browser.get("/_sim/invoices?status=paid&page=2&lang=en")
    assert answer.location == "/_sim/invoices?status=paid&page=2"


def test_the_catalogue_is_whole_in_both_languages() -> None:
    for key, texts in CATALOGUE.items():
        assert len(texts) == len(LANGUAGES), key
        assert all(texts), key
        facts = [sorted(re.findall(r"{(\w+)}", text)) for text in texts]
        assert facts[0] == facts[1], key
        assert not re.search(r"(?<!\u00a0):(?=\s|$)", texts[0]), f"{key}: no-break space before a colon in French"


def test_every_deed_and_field_has_its_words() -> None:
    for deed in DEEDS.values():
        for what in ("deed", "hint", "done"):
            assert f"{what}.{deed.name}" in CATALOGUE
        for field in deed.fields:
            assert f"field.{field.name}" in CATALOGUE


def test_every_word_that_a_template_asks_for_is_there() -> None:
    folder = Path(__file__).parents[2] / "simulator" / "pages" / "templates"
    asked = {key for file in folder.glob("*.html") for key in re.findall(r'\bt\("([a-z_.-]+)"[,)]', file.read_text())}
    asked |= {key for file in folder.glob("*.html") for key in re.findall(r"\bt\('([a-z_.-]+)'\)", file.read_text())}
    assert len(asked) > 80
    assert asked <= CATALOGUE.keys()


def test_everything_that_happens_by_itself_has_its_words(site: Site) -> None:
    names = {what for _, what, _ in site.coming(100)}
    assert names
    assert {f"due.{what}" for what in names} <= CATALOGUE.keys()


def test_none_is_singular_in_french_and_plural_in_english() -> None:
    assert Words("fr").count("seats", 0, number="0") == "0 licence"
    assert Words("en").count("seats", 0, number="0") == "0 licences"


def test_what_customers_write_is_never_markup(browser: FlaskClient, site: Site) -> None:
    company = '<script>alert(1)</script>"&{facts}'
    told = browser.post(
        "/_sim/do/new-customer",
        data={"company": company, "email": "a@b.example", "place": "QC", "language": "fr-CA", "way": "check"},
        follow_redirects=True,
    )
    id = site.ids("customer")[-1]
    for answer in (
        told,
        browser.get("/_sim/customers"),
        browser.get(f"/_sim/customers/{id}"),
        browser.get("/_sim/order"),
    ):
        assert "<script" not in answer.text
        assert "&lt;script&gt;alert(1)" in answer.text


def test_lists_come_fifty_rows_at_a_time(browser: FlaskClient, site: Site) -> None:
    for number in range(60):
        site.create_customer(id=f"client-{number}", company=f"Client {number}", email=f"c{number}@example.example")
    first, second = browser.get("/_sim/customers"), browser.get("/_sim/customers?page=2")
    assert first.text.count('data-label="Client"') == 50
    assert second.text.count('data-label="Client"') == 12
    assert "page=2" in first.text
    assert "page=3" not in second.text


def test_lists_are_searched_and_filtered(browser: FlaskClient) -> None:
    assert "Atelier Nord" not in text_of(browser.get("/_sim/customers?q=TEST1234"))
    assert "F-10431" not in text_of(browser.get("/_sim/invoices?status=paid"))
    assert "F-10431" in text_of(browser.get("/_sim/invoices?status=posted"))
    found = text_of(browser.get("/_sim/events?type=deleted"))
    assert "transaction_deleted" in found
    assert "invoice_generated" not in found


def test_a_page_number_that_is_none_is_the_first(browser: FlaskClient) -> None:
    for number in ("0", "-3", "x", "999999"):
        assert browser.get(f"/_sim/events?page={number}").status_code == 200


def test_an_event_shows_its_body_and_what_the_receiver_made_of_it(browser: FlaskClient, site: Site) -> None:
    event = site.events[0]
    shown = browser.get(f"/_sim/events/{event['id']}")
    assert f"inbox: applied ({event['id']})" in shown.text
    assert "&#34;resource_version&#34;" in shown.text


def test_the_pdf_of_an_invoice_opens(browser: FlaskClient) -> None:
    answer = browser.get("/_sim/files/F-10431.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-")


# ---- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
    ],
)
def test_a_form_of_another_site_does_nothing(browser: FlaskClient, site: Site, headers: dict[str, str]) -> None:
    seen = len(site.events)
    answer = browser.post("/_sim/do/write-off/F-10431", headers=headers)
    assert answer.status_code == 403
    assert len(site.events) == seen
    assert browser.post("/_sim/api/faults", data={"kind": "503"}, headers=headers).status_code == 403


def test_our_own_forms_are_let_through(browser: FlaskClient) -> None:
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/_sim/do/write-off/F-10431", headers=headers).status_code == 303


def test_a_name_that_points_at_this_machine_from_outside_is_not_answered(browser: FlaskClient) -> None:
    assert browser.get("/_sim/", headers={"Host": "rebound.example"}).status_code == 403


def test_the_api_needs_no_page_and_the_pages_no_key(browser: FlaskClient) -> None:
    answer = browser.get("/api/v2/invoices/F-10431", auth=(API_KEY, ""), headers={"Host": "boreal-test.example"})
    assert answer.status_code == 200
    assert browser.get("/api/v2/nowhere", auth=(API_KEY, "")).mimetype == "application/json"


def test_the_link_of_a_portal_session_leads_to_the_customers_page_until_it_is_over(
    browser: FlaskClient, site: Site
) -> None:
    customer = site.find("customer")[0]["id"]
    asked = {"customer[id]": customer}
    session = browser.post("/api/v2/portal_sessions", data=asked, auth=(API_KEY, "")).json["portal_session"]  # type: ignore[index]
    there = browser.get(session["access_url"])
    assert there.location == f"/_sim/customers/{customer}"
    assert browser.get(there.location).status_code == 200
    site.advance(hours=1)
    over = browser.get(session["access_url"])
    assert (over.status_code, "session du portail" in over.text or "portal session" in over.text) == (410, True)
    assert browser.get("/_sim/portal/of-nobody").status_code == 404


# ---- deeds -----------------------------------------------------------------------------------------------------------


def test_an_order_by_wire_is_one_form(browser: FlaskClient, site: Site) -> None:
    told = do(
        browser, "order", customer="new", company="Verger du Lac", email="ana@verger.example", place="QC",
        language="fr-CA", plan=YEARLY.id, seats="5", addon=SUPPORT.id, way="bank_transfer",
    )  # fmt: skip
    (customer,) = site.find("customer", company="Verger du Lac")
    (subscription,) = site.find("subscription", customer_id=customer["id"])
    (invoice,) = site.find("invoice", customer_id=customer["id"])
    assert (customer["auto_collection"], customer["offline_payment_method"]) == ("off", "bank_transfer")
    assert subscription["subscription_items"][0]["quantity"] == 5
    assert (invoice["status"], invoice["net_term_days"]) == ("posted", 30)
    assert told.startswith(
        f"Verger du Lac a commandé 5 licences : abonnement {subscription['id']}, actif. 3 événements"
    )


def test_an_order_by_card_charges_a_card_that_is_given(browser: FlaskClient, site: Site) -> None:
    do(browser, "order", customer="new", company="Nord", email="n@n.example", place="ON", language="en-CA",
       plan=MONTHLY.id, seats="1", way="card")  # fmt: skip
    (invoice,) = site.find("invoice", customer_id=site.ids("customer")[-1])
    assert invoice["status"] == "paid"


def test_an_order_that_is_refused_leaves_nothing_and_keeps_what_was_typed(browser: FlaskClient, site: Site) -> None:
    before = site.dump()
    answer = browser.post(
        "/_sim/do/order",
        data={"customer": "new", "company": "Verger", "email": "a@b.example", "plan": MONTHLY.id, "seats": "5",
              "addon": SUPPORT.id, "way": "check", "place": "QC", "language": "fr-CA"},
    )  # fmt: skip
    assert answer.status_code == 400
    assert site.dump() == before
    assert "Une valeur ne convient pas, et rien n’a changé." in text_of(answer)
    assert 'value="Verger"' in answer.text
    assert f'<option value="{SUPPORT.id}" selected>' in answer.text


def test_a_new_customer_without_a_name_is_asked_for_it(browser: FlaskClient) -> None:
    answer = browser.post("/_sim/do/order", data={"customer": "new", "plan": MONTHLY.id, "seats": "1", "way": "check"})
    assert answer.status_code == 400
    assert "Un nouveau client a besoin d’un nom d’entreprise et d’un courriel." in text_of(answer)


def test_fields_that_cannot_be_read_are_named_beside_them(browser: FlaskClient, site: Site) -> None:
    answer = browser.post("/_sim/do/cheque-arrives/F-10431", data={"amount": "beaucoup", "reference": "CHQ 9"})
    assert answer.status_code == 400
    fault = re.search(r'<input [^>]*id="cheque-arrives-amount"[^>]*>', answer.text)
    assert fault and 'aria-describedby="cheque-arrives-amount-fault"' in fault[0]
    assert "Écrivez un montant positif" in text_of(answer)
    assert 'value="beaucoup"' in answer.text
    assert 'value="CHQ 9"' in answer.text


@pytest.mark.parametrize(
    ("typed", "minor"),
    [("3 010,09", 301009), ("3\u00a0010,09 $", 301009), ("$3,010.09", 301009), ("3010", 301000), ("12,5", 1250),
     ("1 234", 123400), ("1,234,000", 123400000), ("0.01", 1)],
)  # fmt: skip
def test_amounts_are_read_as_either_language_writes_them(typed: str, minor: int) -> None:
    assert amount_of(typed) == minor


@pytest.mark.parametrize("typed", ["0", "-5", "1e3", "5,001,2", "12.345,67,8", "9" * 30, "cinq"])
def test_what_is_no_amount_is_none(typed: str) -> None:
    with pytest.raises(ValueError, match="money"):
        amount_of(typed)


@pytest.mark.parametrize("typed", ["12,345", "$3,010", "3.010"])
def test_an_amount_that_the_languages_read_differently_is_asked_for_again(typed: str) -> None:
    with pytest.raises(ValueError, match="two_ways"):
        amount_of(typed)


@pytest.mark.parametrize(
    ("deed", "id", "field"),
    [("order", "", "starts_at"), ("cancel-later", SEATS, "at"), ("pause", SEATS, "resume_at")],
)
def test_what_is_to_come_is_not_set_in_the_past(
    browser: FlaskClient, site: Site, deed: str, id: str, field: str
) -> None:
    order = {"customer": "atelier-nord", "plan": YEARLY.id, "seats": "5", "way": "check"} if deed == "order" else {}
    before = len(site.event_records)
    answer = browser.post(f"/_sim/do/{deed}/{id}".rstrip("/"), data={**order, field: "2001-01-01T10:00"})
    assert answer.status_code == 400
    assert "Choisissez un instant à venir" in text_of(answer)
    assert len(site.event_records) == before


def test_a_cheque_in_parts_then_too_much_then_bounced(browser: FlaskClient, site: Site) -> None:
    told = do(browser, "cheque-arrives", "F-10431", amount="1 000,00", reference="CHQ 1")
    assert told.startswith("Un chèque de 1 000,00 $ est enregistré. Facture F-10431 : émise, solde 724,63 $.")
    do(browser, "wire-arrives", "F-10431", amount="800,00", reference="VIR 2")
    assert site.current("invoice", "F-10431")["status"] == "paid"
    assert site.current("customer", story.ATELIER)["excess_payments"] == 7537
    (cheque,) = site.find("transaction", customer_id=story.ATELIER, payment_method="check")
    told = do(browser, "cheque-bounces", "F-10431", payment=cheque["id"])
    assert told.startswith("1 000,00 $ sans provision.")
    assert site.current("invoice", "F-10431")["amount_due"] == 100000
    do(browser, "apply-excess", "F-10431")
    assert site.current("invoice", "F-10431")["amount_due"] == 92463


def test_a_payment_removed_stays_with_the_customer(browser: FlaskClient, site: Site) -> None:
    (paid, *_) = site.current("invoice", "F-10428")["linked_payments"]
    do(browser, "remove-payment", "F-10428", payment=paid["txn_id"])
    assert site.current("customer", story.TEST1234)["excess_payments"] == 200000


def test_a_card_pays_fails_and_is_taken_back(browser: FlaskClient, site: Site) -> None:
    do(browser, "add-card", story.ATELIER, card="4242", month="12", year="2029")
    do(browser, "card-fails", "F-10431")
    assert site.current("invoice", "F-10431")["amount_due"] == 172463
    do(browser, "pay-by-card", "F-10431")
    invoice = site.current("invoice", "F-10431")
    assert invoice["status"] == "paid"
    do(browser, "bank-takes-back", "F-10431", payment=invoice["linked_payments"][-1]["txn_id"], chargeback="yes")
    assert site.current("invoice", "F-10431")["amount_due"] == 172463


def test_refund_write_off_void_and_delete(browser: FlaskClient, site: Site) -> None:
    assert do(browser, "refund", "F-10428", amount="10,00").startswith("10,00 $ remboursés sur la facture F-10428")
    assert do(browser, "write-off", "F-10431").startswith("1 724,63 $ radiés.")
    for deed, gone in (("void", False), ("delete-invoice", True)):
        order = {"customer": story.ATELIER, "plan": MONTHLY.id, "seats": "1", "way": "check"}
        do(browser, "order", **order)
        id = site.ids("invoice")[-1]
        do(browser, deed, id)
        assert site.current("invoice", id)["deleted"] is gone
        assert gone or site.current("invoice", id)["status"] == "voided"


def test_credits_and_money_paid_ahead_are_spent(browser: FlaskClient, site: Site) -> None:
    do(browser, "pay-ahead", story.ATELIER, amount="100,00", method="check", reference="CHQ 7")
    do(browser, "apply-excess", "F-10431")
    assert site.current("invoice", "F-10431")["amount_due"] == 162463
    do(browser, "give-credits", story.ATELIER, amount="25,00")
    assert site.current("customer", story.ATELIER)["promotional_credits"] == 2500


def test_dunning_waits_for_money_that_was_announced_and_is_stopped(browser: FlaskClient, site: Site) -> None:
    do(browser, "jump", to="2021-02-20T12:00")
    do(browser, "expect-payment", "F-10431", expected="2021-03-05T12:00")
    assert "expected_payment_date" in site.current("invoice", "F-10431")
    do(browser, "stop-dunning", "F-10431")
    assert site.current("invoice", "F-10431")["status"] == "not_paid"


def test_add_ons_come_and_go_and_a_planned_change_is_forgotten(browser: FlaskClient, site: Site) -> None:
    do(browser, "remove-item", SEATS, item=SUPPORT.id)
    assert len(site.current("subscription", SEATS)["subscription_items"]) == 1
    do(browser, "add-item", SEATS, addon=SUPPORT.id)
    assert len(site.current("subscription", SEATS)["subscription_items"]) == 2
    do(browser, "change-seats", SEATS, seats="9", moment="end")
    do(browser, "forget-change", SEATS)
    assert not site.current("subscription", SEATS)["has_scheduled_changes"]


def test_seats_now_and_at_the_end_of_the_term_and_by_wire(browser: FlaskClient, site: Site) -> None:
    assert do(browser, "change-seats", SEATS, seats="3", moment="now").startswith(f"{SEATS} a 3 licences. 2 événements")
    assert site.current("subscription", SEATS)["subscription_items"][0]["quantity"] == 3
    said = do(browser, "change-seats", SEATS, seats="1", moment="end")
    assert said.startswith(f"{SEATS} a 3 licences. À la fin du terme : 1 licence.")
    assert site.current("subscription", SEATS)["has_scheduled_changes"]
    do(browser, "order-more", SEATS, seats="10", way="bank_transfer", days="45")
    assert site.current("customer", story.ATELIER)["net_term_days"] == 45
    assert site.current("subscription", SEATS)["subscription_items"][0]["quantity"] == 10


@pytest.mark.parametrize(
    ("deed", "form"),
    [("change-seats", {"seats": "1", "moment": "now"}), ("order-more", {"seats": "7", "way": "check"}),
     ("change-plan", {"plan": MONTHLY.id}), ("add-item", {"addon": SUPPORT.id, "quantity": "3"})],
)  # fmt: skip
def test_an_edit_says_that_it_has_lifted_a_cancellation(
    browser: FlaskClient, site: Site, deed: str, form: dict[str, str]
) -> None:
    do(browser, "cancel-later", SEATS)
    assert "L’annulation prévue est levée." in do(browser, deed, SEATS, **form)
    assert site.current("subscription", SEATS)["status"] == "active"
    assert "levée" not in do(browser, "change-seats", SEATS, seats="9", moment="now")


def test_the_life_of_a_subscription(browser: FlaskClient, site: Site) -> None:
    def status() -> str:
        return str(site.current("subscription", SEATS)["status"])

    do(browser, "cancel-later", SEATS, reason="Too expensive")
    assert status() == "non_renewing"
    do(browser, "keep", SEATS)
    assert status() == "active"
    do(browser, "pause", SEATS)
    assert status() == "paused"
    do(browser, "resume", SEATS)
    do(browser, "change-plan", SEATS, plan=MONTHLY.id)
    do(browser, "move-subscription", SEATS, customer=story.TEST1234)
    assert site.current("subscription", SEATS)["customer_id"] == story.TEST1234
    assert "2 licences" in text_of(browser.get(f"/_sim/subscriptions/{SEATS}"))
    do(browser, "cancel-now", SEATS, credit="yes")
    assert status() == "cancelled"
    assert "0 licence" in text_of(browser.get(f"/_sim/subscriptions/{SEATS}"))
    do(browser, "reactivate", SEATS)
    assert status() == "active"
    do(browser, "delete-subscription", SEATS)
    assert site.current("subscription", SEATS)["deleted"]
    assert browser.get(f"/_sim/subscriptions/{SEATS}").status_code == 404


def test_the_life_of_a_customer(browser: FlaskClient, site: Site) -> None:
    do(browser, "new-customer", company="Verger", email="a@b.example", place="AB", language="en-CA", way="card")
    id = site.ids("customer")[-1]
    do(browser, "change-customer", id, email="c@d.example", language="fr-CA", way="check", days="15")
    do(browser, "move-customer", id, place="ON")
    customer = site.current("customer", id)
    assert (customer["email"], customer["locale"], customer["net_term_days"]) == ("c@d.example", "fr-CA", 15)
    assert customer["billing_address"]["state_code"] == "ON"
    (card,) = site.find("payment_source", customer_id=id)
    do(browser, "delete-card", id, card_id=card["id"])
    assert not site.find("payment_source", customer_id=id)
    assert do(browser, "delete-customer", id).startswith("Verger est supprimé.")


def test_only_what_can_be_done_is_offered(browser: FlaskClient) -> None:
    paid, owed = (browser.get(f"/_sim/invoices/{id}").text for id in ("F-10428", "F-10431"))
    assert "/do/cheque-arrives/" in owed
    assert "/do/cheque-arrives/" not in paid
    assert "/do/pay-by-card/" not in owed  # no card is stored
    assert "/do/refund/" in paid


def test_a_deed_that_came_too_late_is_refused_in_plain_words_beside_its_form(browser: FlaskClient) -> None:
    answer = browser.post("/_sim/do/cheque-arrives/F-10428", data={"amount": "5,00"})
    assert answer.status_code == 409
    assert "L’état actuel ne le permet pas, et rien n’a changé. Réponse de l’API" in text_of(answer)
    assert "/do/cheque-arrives/F-10428" in answer.text


def test_nobody_acts_while_the_story_is_played(browser: FlaskClient, desk: Desk, site: Site) -> None:
    desk.closed = True
    seen = len(site.events)
    answer = browser.post("/_sim/do/write-off/F-10431")
    assert answer.status_code == 503
    assert "se joue encore" in text_of(answer)
    assert len(site.events) == seen
    assert "disabled" in browser.get("/_sim/invoices/F-10431").text


@pytest.mark.parametrize("deed", ["nothing", "write-off/F-none", "cheque-bounces/F-10391"])
def test_deeds_and_objects_that_are_not_there_are_not_found_or_refused(browser: FlaskClient, deed: str) -> None:
    assert browser.post(f"/_sim/do/{deed}").status_code in (400, 404)


# ---- the clock and webhooks ------------------------------------------------------------------------------------------


def test_the_clock_is_moved(browser: FlaskClient, site: Site, simulation: Simulation) -> None:
    start = site.now
    do(browser, "one-day")
    assert (site.now - start).days == 1
    due = simulation.next_due_at
    do(browser, "next-due")
    assert site.now == due
    do(browser, "one-month")
    do(browser, "jump", to="2022-02-01T12:00")
    assert f"{site.now:%Y-%m-%d %H:%M}" == "2022-02-01 17:00"
    assert site.find("subscription", id=SEATS)[0]["status"] == "active"  # renewed on the way
    assert browser.post("/_sim/do/jump", data={"to": "2021-01-01T00:00"}).status_code == 409
    assert browser.post("/_sim/do/jump", data={"to": "2099-01-01T00:00"}).status_code == 409


def test_the_clock_runs_and_is_frozen(browser: FlaskClient, simulation: Simulation) -> None:
    do(browser, "run-clock", mode="real", factor="60")
    assert (simulation.clock_mode, simulation.factor) == ("real", 60)
    do(browser, "run-clock", mode="frozen")
    assert simulation.clock_mode == "frozen"


@pytest.fixture
def listening(simulation: Simulation, receiver: Receiver) -> Receiver:
    """A receiver that has had everything so far."""
    simulation.deliveries.pass_over()
    simulation.endpoints = (receiver.endpoint(),)
    return receiver


def test_what_a_deed_sends_has_arrived_when_the_page_says_so(
    browser: FlaskClient, site: Site, listening: Receiver
) -> None:
    told = do(browser, "cheque-arrives", "F-10431", amount="1724,63")
    assert listening.ids == [record.id for record in site.event_records[-len(listening.ids) :]]
    assert f"{len(listening.ids)} événements : " in told
    assert told.endswith("Les webhooks sont arrivés.")


def test_a_webhook_that_is_refused_waits_for_its_retry(browser: FlaskClient, site: Site, listening: Receiver) -> None:
    listening.answers = [500] * 9
    told = do(browser, "write-off", "F-10431")
    assert told.endswith("Des webhooks attendent ou ont été refusés.")
    event = site.event_records[-1].id
    assert "À réessayer" in text_of(browser.get(f"/_sim/events/{event}"))
    listening.answers = []
    do(browser, "next-due")
    assert "Arrivé" in text_of(browser.get(f"/_sim/events/{event}"))


def test_events_are_sent_again_twice_late_spoiled_and_out_of_order(
    browser: FlaskClient, site: Site, listening: Receiver
) -> None:
    one, other = (record.id for record in site.event_records[:2])
    assert do(browser, "send-again", one).endswith("est reparti : 1 accepté sur 1.")
    do(browser, "send-twice", one)
    assert listening.ids == [one] * 3
    assert do(browser, "send-spoiled", one, trick="credentials").endswith("0 accepté sur 1.")
    do(browser, "send-spoiled", one, trick="v1")
    assert listening.events[-1]["api_version"] == "v1"
    do(browser, "send-late", one, minutes="30")
    assert browser.post(f"/_sim/do/drop/{other}").status_code == 409  # nothing of it waits
    assert len(listening.ids) == 4
    do(browser, "one-day")
    assert listening.ids.count(one) == 5
    answer = browser.post("/_sim/do/send-shuffled", data={"event": [one, other]}, follow_redirects=True)
    assert "2 événements sont partis dans le désordre : 2 acceptés sur 2." in text_of(answer)
    assert listening.ids[-2:] == [other, one]
    assert browser.post("/_sim/do/send-shuffled", data={"event": one}).status_code == 400


def test_an_event_that_waits_can_be_lost(browser: FlaskClient, site: Site, listening: Receiver) -> None:
    listening.answers = [503] * 9
    do(browser, "write-off", "F-10431")
    event = site.event_records[-1].id
    listening.bodies.clear()
    listening.answers = []
    do(browser, "drop", event)
    do(browser, "one-day")
    assert event not in listening.ids


def test_endpoints_are_added_tested_switched_off_and_removed(
    browser: FlaskClient, simulation: Simulation, listening: Receiver
) -> None:
    assert do(browser, "test-webhook", endpoint="whv2_quittance").endswith("1 accepté.")
    assert listening.ids[-1].startswith("cbdemo_")
    do(browser, "add-endpoint", url="http://127.0.0.1:9/hooks", user="a", password="b")
    assert [endpoint.id for endpoint in simulation.endpoints] == ["whv2_quittance", "whv2_1"]
    do(browser, "switch-endpoint", endpoint="whv2_1")
    assert not simulation.endpoints[1].enabled
    do(browser, "remove-endpoint", endpoint="whv2_1")
    assert len(simulation.endpoints) == 1
    assert browser.post("/_sim/do/add-endpoint", data={"url": "ftp://nowhere"}).status_code == 400
    assert "secret" not in browser.get("/_sim/webhooks").text


def test_what_goes_wrong_is_set_in_percent(browser: FlaskClient, simulation: Simulation) -> None:
    do(browser, "set-chaos", duplicate="25", drop="100")
    assert (simulation.chaos.duplicate, simulation.chaos.drop) == (0.25, 1.0)
    assert 'value="25"' in browser.get("/_sim/webhooks").text
    assert browser.post("/_sim/do/set-chaos", data={"duplicate": "101"}).status_code == 400


# ---- bringing a site back --------------------------------------------------------------------------------------------


def test_deeds_that_were_kept_bring_the_site_back_byte_for_byte(site: Site) -> None:
    kept: list[Any] = []
    with Simulation(site) as simulation:
        desk = Desk(simulation, keep=lambda *deed: kept.append((site.now, *deed)))
        app = create_app(site, api_key=API_KEY)
        app.register_blueprint(pages(desk))
        browser = app.test_client()
        do(browser, "order", customer="new", company="Verger", email="a@b.example", place="QC", language="fr-CA",
           plan=MONTHLY.id, seats="2", way="check")  # fmt: skip
        refused = {"customer": "new", "company": "Lac", "email": "c@d.example", "place": "QC", "language": "fr-CA"}
        refused |= {"plan": MONTHLY.id, "seats": "5", "addon": SUPPORT.id, "way": "check"}
        assert browser.post("/_sim/do/order", data=refused).status_code == 400  # after a customer was made for it
        do(browser, "one-day")
        do(browser, "cheque-arrives", "F-10431", amount="1724,63")
    again = story.a_site()
    for step in story.steps()[:8]:
        step.play(again)
    with Simulation(again) as simulation:
        desk = Desk(simulation)
        for at, deed, id, form in kept:
            again.advance_to(at)
            desk.again(deed, id, form)
    for event in range(len(site.events)):
        assert again.events[event] | {"webhooks": []} == site.events[event] | {"webhooks": []}
