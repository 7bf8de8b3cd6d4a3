"""The gateway against the whole make-believe site: objects come back as the site holds them, pages end, links work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.client import Gateway
from gateway.errors import ProviderRefused
from simulator import Site
from simulator.fixtures import ChargebeeApi
from simulator.pricing import MONTHLY


@pytest.fixture
def chargebee_site() -> Site:
    site = Site(seed=11)
    site.create_customer(id="marie", company="Société Test1234", first_name="Marie", email="marie@test1234.example")
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    return site


@pytest.fixture
def site(chargebee_site: Site) -> Site:
    return chargebee_site


@pytest.fixture
def gateway(chargebee_api: ChargebeeApi) -> Gateway:
    return Gateway(chargebee_api.site_name, chargebee_api.key, chargebee_api.url)


def test_every_object_comes_back_as_the_site_holds_it(site: Site, gateway: Gateway) -> None:
    invoice = site.find("invoice")[0]
    site.refund(invoice["id"], 1000)
    note, card = site.find("credit_note")[0], site.find("payment_source")[0]
    assert gateway.customer("marie") == site.current("customer", "marie")
    assert gateway.invoice(invoice["id"]) == site.current("invoice", invoice["id"])
    assert gateway.credit_note(note["id"]) == note
    assert gateway.payment_source(card["id"]) == card
    for transaction in site.find("transaction"):
        assert gateway.transaction(transaction["id"]) == transaction


def test_a_subscription_comes_with_its_customer(site: Site, gateway: Gateway) -> None:
    assert gateway.subscription("boreal") == {
        "subscription": site.current("subscription", "boreal"),
        "customer": site.current("customer", "marie"),
    }


def test_an_event_comes_back_as_a_webhook_would_carry_it(site: Site, gateway: Gateway) -> None:
    for event in site.events:
        assert gateway.event(event["id"]) == event


def test_the_pages_of_the_event_list_hold_every_event_once_oldest_first(site: Site, gateway: Gateway) -> None:
    for seats in (4, 5, 6):
        site.advance(hours=7)
        site.change_seats("boreal", seats)
    seen, offset = [], None
    while True:
        page = gateway.events(datetime(2020, 1, 1, tzinfo=UTC), offset, limit=4)
        assert len(page.rows) <= 4
        seen += page.rows
        offset = page.next_offset
        if offset is None:
            break
    assert sorted(event["id"] for event in seen) == sorted(event["id"] for event in site.events)
    assert seen == sorted(seen, key=lambda event: event["occurred_at"])


def test_the_event_list_begins_with_the_second_it_is_asked_for(site: Site, gateway: Gateway) -> None:
    before = len(site.events)
    site.advance(days=1)
    now = site.now
    site.change_seats("boreal", 9)
    made = sorted(event["id"] for event in site.events[before:])
    assert sorted(event["id"] for event in gateway.events(now).rows) == made
    assert gateway.events(now + timedelta(seconds=1)) == ([], None)


def test_the_pdf_of_an_invoice_is_fetched_through_its_link(site: Site, gateway: Gateway) -> None:
    pdf = gateway.invoice_pdf(site.find("invoice")[0]["id"])
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")


def test_what_is_not_there_is_refused_by_name(gateway: Gateway) -> None:
    calls = [gateway.event, gateway.subscription, gateway.customer, gateway.invoice, gateway.transaction]
    for call in [*calls, gateway.credit_note, gateway.payment_source, gateway.invoice_pdf]:
        with pytest.raises(ProviderRefused, match=r"nobody_1.*check that it exists on site boreal-test") as caught:
            call("nobody_1")  # type: ignore[operator]
        assert (caught.value.status, caught.value.code) == (404, "resource_not_found")


def test_a_wrong_key_is_refused_by_name(chargebee_api: ChargebeeApi) -> None:
    with pytest.raises(ProviderRefused, match="CHARGEBEE_API_KEY") as caught:
        Gateway(chargebee_api.site_name, "test_other", chargebee_api.url).customer("marie")
    assert (caught.value.status, caught.value.code) == (401, "api_authentication_failed")


@pytest.mark.parametrize(
    "kind", ["customer", "payment_source", "subscription", "invoice", "transaction", "credit_note"]
)
def test_the_pages_of_a_list_hold_every_object_once_with_those_that_are_deleted(
    site: Site, gateway: Gateway, kind: str
) -> None:
    for number in range(3):
        site.advance(hours=7)
        customer = site.create_customer(id=f"c{number}")["id"]
        site.add_card(customer)
        site.subscribe(customer, MONTHLY.id, 2, id=f"s{number}")
        site.refund(site.find("invoice", customer_id=customer)[0]["id"], 1000)
    site.cancel("s1")
    site.delete_subscription("s1")
    seen, offset = [], None
    while True:
        page = gateway.objects(kind, offset, limit=2)
        seen += page.rows
        offset = page.next_offset
        if offset is None:
            break
    assert sorted(seen, key=lambda body: body["id"]) == sorted(
        site.all(kind, include_deleted=True), key=lambda body: body["id"]
    )


def test_a_list_may_be_asked_for_what_changed_and_for_statuses(site: Site, gateway: Gateway) -> None:
    site.advance(days=1)
    site.create_customer(id="paul")
    assert [body["id"] for body in gateway.objects("customer", updated_after=site.now).rows] == ["paul"]
    assert [body["id"] for body in gateway.objects("subscription", statuses=["active"]).rows] == ["boreal"]
    assert gateway.objects("subscription", statuses=["cancelled", "paused"]).rows == []
