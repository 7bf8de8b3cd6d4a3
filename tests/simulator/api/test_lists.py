"""Lists: filters, order, pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from chargebee import Chargebee

from simulator import Site
from simulator.pricing import MONTHLY, YEARLY
from tests.simulator.api.conftest import Ask


@pytest.fixture
def site() -> Site:
    """Three customers, whose invoices are paid, posted and due."""
    site = Site(seed=7, now=datetime(2021, 1, 4, 15, tzinfo=UTC))
    site.create_customer(id="anna", company="Anna inc.", email="anna@anna.example")
    site.add_card("anna")
    site.subscribe("anna", MONTHLY.id, 2, id="a")
    site.advance(days=1)
    site.create_customer(id="boris", company="Boris SARL", email=None, auto_collection="off", net_term_days=30)
    site.subscribe("boris", YEARLY.id, id="b", offline_payment_method="check")
    site.advance(days=1)
    site.create_customer(id="carla", company="Carla ltée", email="carla@carla.example", auto_collection="off")
    site.subscribe("carla", MONTHLY.id, id="c")
    return site


def ids(ask: Ask, path: str, **filters: Any) -> list[str]:
    """The ids of a list's rows, oldest first unless sorted otherwise."""
    sort = {} if any("sort_by" in name for name in filters) else {"sort_by[asc]": "updated_at"}
    answer = ask("GET", path, {**sort, **filters})
    assert answer.status_code == 200, answer.json
    kind = path.strip("/").removesuffix("s")
    return [row[kind]["id"] for row in (answer.json or {})["list"]]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"status[is]": "paid"}, "a"),
        ({"status[is_not]": "paid"}, "b c"),
        ({"status[in]": '["paid","posted"]'}, "a b"),
        ({"status[in]": "['paid', 'posted']"}, "a b"),
        ({"status[not_in]": "['paid']"}, "b c"),
        ({"status[in]": "[]"}, ""),
        ({"customer_id[is]": "boris"}, "b"),
        ({"customer_id[starts_with]": "c"}, "c"),
        ({"amount_due[gt]": "0"}, "b c"),
        ({"amount_due[lte]": "6784"}, "a c"),
        ({"total[between]": "[6784, 20000]"}, "a c"),
        ({"amount_due[is]": "0", "status[is]": "paid"}, "a"),
        ({"amount_due[is]": "0", "status[is]": "posted"}, ""),
        ({"date[after]": "1609858799"}, "b c"),
        ({"date[before]": "1609858800"}, "a"),
        ({"date[after]": "1609858800"}, "c"),
        ({"date[on]": "1609905600"}, "b"),  # the sixth in London, still the fifth in Montréal
        ({"date[between]": "['1609858800', '1609945200']"}, "b c"),
        ({"paid_at[after]": "0"}, "a"),
        ({"dunning_status[is_present]": "true"}, ""),
        ({"subscription_id[is_present]": "true"}, "a b c"),
        ({"recurring[is]": "true"}, "a b c"),
        ({"recurring[is]": "false"}, ""),
    ],
)
def test_invoices_are_filtered(site: Site, ask: Ask, filters: dict[str, str], found: str) -> None:
    invoices = {invoice["subscription_id"]: invoice["id"] for invoice in site.find("invoice")}
    assert sorted(ids(ask, "/invoices", **filters)) == sorted(invoices[id] for id in found.split())


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"item_price_id[is]": MONTHLY.id}, "a c"),
        ({"item_price_id[in]": f"['{YEARLY.id}']"}, "b"),
        ({"offline_payment_method[is]": "check"}, "b"),
        ({"has_scheduled_changes[is]": "false"}, "a b c"),
        ({"cancelled_at[after]": "0"}, ""),
        ({"status[in]": "['active']", "customer_id[in]": "['anna', 'carla']"}, "a c"),
    ],
)
def test_subscriptions_are_filtered(ask: Ask, filters: dict[str, str], found: str) -> None:
    assert ids(ask, "/subscriptions", **filters) == found.split()


def test_customers_are_filtered_by_what_they_have_and_lack(ask: Ask) -> None:
    assert ids(ask, "/customers", **{"email[is_present]": "false"}) == ["boris"]
    assert ids(ask, "/customers", **{"company[starts_with]": "Anna", "auto_collection[is]": "on"}) == ["anna"]
    assert ids(ask, "/customers", **{"email[is]": "carla@carla.example"}) == ["carla"]


def test_a_list_is_newest_first_unless_asked_otherwise(ask: Ask) -> None:
    newest_first = ["carla", "boris", "anna"]
    assert ids(ask, "/customers", **{"sort_by[desc]": "created_at"}) == newest_first
    assert [row["customer"]["id"] for row in (ask("GET", "/customers").json or {})["list"]] == newest_first
    assert ids(ask, "/customers", **{"sort_by[asc]": "created_at"}) == newest_first[::-1]


def test_what_was_deleted_is_listed_for_those_who_ask(site: Site, ask: Ask) -> None:
    site.advance(days=1)
    site.delete_subscription("b")
    assert ids(ask, "/subscriptions") == ["a", "c"]
    assert ids(ask, "/subscriptions", include_deleted="false") == ["a", "c"]
    assert ids(ask, "/subscriptions", include_deleted="true") == ["a", "c", "b"]


def test_pages_go_on_where_the_last_one_ended_whatever_was_added_meanwhile(site: Site, ask: Ask) -> None:
    sort = {"sort_by[desc]": "date", "limit": "2"}
    first = ask("GET", "/invoices", sort).json or {}
    site.subscribe("carla", MONTHLY.id)
    second = ask("GET", "/invoices", {**sort, "offset": first["next_offset"]}).json or {}
    seen = [row["invoice"]["customer_id"] for page in (first, second) for row in page["list"]]
    assert seen == ["carla", "boris", "anna"]
    assert "next_offset" not in second


def test_rows_of_one_second_are_each_listed_once(site: Site, ask: Ask) -> None:
    for number in range(7):
        site.create_customer(id=f"same-{number}", company="Même", email=None)
    seen: list[str] = []
    asked = {"limit": "3"}
    while True:
        page = ask("GET", "/customers", asked).json or {}
        seen += [row["customer"]["id"] for row in page["list"]]
        if "next_offset" not in page:
            break
        asked["offset"] = page["next_offset"]
    assert sorted(seen) == sorted(customer["id"] for customer in site.find("customer"))


def test_ten_rows_make_a_page_unless_more_are_asked_for(site: Site, ask: Ask) -> None:
    for _ in range(12):
        site.create_customer(company="Encore", email=None)
    assert len((ask("GET", "/customers").json or {})["list"]) == 10
    assert len((ask("GET", "/customers", {"limit": "100"}).json or {})["list"]) == 15


@pytest.mark.parametrize(
    ("path", "param", "value"),
    [
        ("/invoices", "status[is]", "sent"),
        ("/invoices", "status[in]", "['paid', 'sent']"),
        ("/invoices", "status[in]", "paid"),
        ("/invoices", "status[in]", "{'paid': 1}"),
        ("/invoices", "status[in]", "[['paid']]"),
        ("/invoices", "status[in]", "[" * 5000),
        ("/invoices", "status[starts_with]", "p"),
        ("/customers", "company[starts_with]", ""),
        ("/customers", "id[in]", "['']"),
        ("/invoices", "status", "paid"),
        ("/invoices", "status[is][0]", "paid"),
        ("/invoices", "amount_due[gt]", "much"),
        ("/invoices", "date[between]", "[1]"),
        ("/invoices", "date[between]", "[1, 2, 3]"),
        ("/invoices", "date[on]", "today"),
        ("/invoices", "date[after]", "99999999999999"),
        ("/invoices", "sort_by[asc]", "total"),
        ("/invoices", "sort_by", "date"),
        ("/invoices", "limit", "0"),
        ("/invoices", "limit", "101"),
        ("/invoices", "limit", "ten"),
        ("/invoices", "offset", "x"),
        ("/invoices", "offset", "[1]"),
        ("/invoices", "offset", "[null, null]"),
        ("/invoices", "offset", '["name","1"]'),
        ("/invoices", "offset", "[1, 2]"),
        ("/invoices", "include_deleted", "1"),
        ("/invoices", "colour[is]", "red"),
        ("/customers/anna", "limit", "10"),
        ("/events", "include_deleted", "true"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_its_name(ask: Ask, path: str, param: str, value: str) -> None:
    refused = ask("GET", path, {param: value})
    assert refused.json is not None
    assert (refused.status_code, refused.json["api_error_code"]) == (400, "param_wrong_value")
    assert refused.json["param"] == param


def test_events_are_found_by_how_their_deliveries_stand_in_the_last_six_days(site: Site, ask: Ask) -> None:
    def failed(**filters: str) -> list[str]:
        asked = {"webhook_status[in]": "['failed']", "sort_by[asc]": "occurred_at", **filters}
        return [row["event"]["id"] for row in (ask("GET", "/events", asked).json or {})["list"]]

    old = site.events[0]["id"]
    site.advance(days=7)
    site.change_customer("anna", phone="1")
    new = site.events[-1]["id"]
    for id in (old, new):
        site.set_webhooks(id, (("whv2_quittance", "failed"),))
    assert failed() == [new]
    assert failed(**{"occurred_at[after]": "0"}) == [old, new]


def test_the_providers_client_reads_typed_rows_from_every_list(site: Site, client: Chargebee) -> None:
    site.schedule_cancellation("b")
    site.refund(site.find("invoice")[0]["id"], 1000)
    subscription = client.Subscription.list({"status": {"in": ["non_renewing"]}, "include_deleted": True}).list[0]
    assert (subscription.subscription.id, subscription.customer.id) == ("b", "boris")
    paid = client.Invoice.list({"status": {"is": "paid"}, "amount_due": {"between": [0, 10]}}).list[0].invoice
    assert paid.raw_data == site.current("invoice", paid.id)
    row = client.Customer.list({"id": {"is": "anna"}}).list[0]
    assert (row.customer.company, row.card.last4, row.card.card_type) == ("Anna inc.", "4242", "visa")
    refund = client.Transaction.list({"type": {"is": "refund"}, "sort_by": {"asc": "date"}}).list[0].transaction
    assert refund.amount == 1000
    note = client.CreditNote.list({"reference_invoice_id": {"is": paid.id}}).list[0].credit_note
    assert note.amount_refunded == 1000
    card = client.PaymentSource.list({"customer_id": {"is": "anna"}, "status": {"is": "valid"}}).list[0].payment_source
    assert card.card.last4 == "4242"
