"""The API, asked by the provider's own client over a real loopback connection."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from chargebee import APIError, Chargebee, InvalidRequestError

from simulator import Site
from simulator.pricing import MONTHLY, YEARLY

Connect = Callable[[str], Chargebee]


def test_a_subscription_is_read_with_its_customer(site: Site, client: Chargebee) -> None:
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    answer = client.Subscription.retrieve("boreal")
    assert answer.subscription.subscription_items[0].quantity == 3
    assert answer.subscription.raw_data == site.current("subscription", "boreal")
    assert answer.customer.raw_data == site.current("customer", "marie")


def test_every_kind_of_object_is_read_as_the_site_holds_it(site: Site, client: Chargebee) -> None:
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    refund = site.refund("F-10391", 1000)
    note = site.find("credit_note")[0]
    assert client.Customer.retrieve("marie").customer.raw_data == site.current("customer", "marie")
    assert client.Invoice.retrieve("F-10391").invoice.raw_data == site.current("invoice", "F-10391")
    assert client.Transaction.retrieve(refund["id"]).transaction.raw_data == refund
    assert client.CreditNote.retrieve(note["id"]).credit_note.raw_data == note
    card = site.find("payment_source")[0]
    assert client.PaymentSource.retrieve(card["id"]).payment_source.raw_data == card


def test_an_event_is_read_back_as_it_was_made(site: Site, client: Chargebee) -> None:
    event = site.events[0]
    assert client.Event.retrieve(event["id"]).event.raw_data == event


def test_a_wrong_key_is_refused(chargebee_connect: Connect) -> None:
    with pytest.raises(APIError) as refusal:
        chargebee_connect("test_other").Customer.retrieve("marie")
    assert (refusal.value.http_status_code, refusal.value.api_error_code) == (401, "api_authentication_failed")


def test_no_key_at_all_is_refused(address: str) -> None:
    assert httpx.get(f"{address}/api/v2/customers/marie", trust_env=False).status_code == 401


@pytest.mark.parametrize("ask", ["Customer", "Subscription", "Invoice", "Transaction", "CreditNote", "Event"])
def test_what_does_not_exist_is_not_found(ask: str, client: Chargebee) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        getattr(client, ask).retrieve("nobody")
    assert (refusal.value.http_status_code, refusal.value.api_error_code) == (404, "resource_not_found")


def test_a_deleted_object_is_not_found(site: Site, client: Chargebee) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    site.delete_subscription("boreal")
    with pytest.raises(InvalidRequestError, match="boreal not found"):
        client.Subscription.retrieve("boreal")


def test_a_path_that_the_site_does_not_serve_answers_as_json(address: str) -> None:
    answer = httpx.get(f"{address}/api/v2/comets/halley", auth=("test_key", ""), trust_env=False)
    assert (answer.status_code, answer.json()["api_error_code"]) == (404, "resource_not_found")


def test_the_event_list_pages_through_everything_oldest_first(site: Site, client: Chargebee) -> None:
    site.subscribe("marie", YEARLY.id, 2, id="boreal")
    for seats in range(3, 9):
        site.advance(hours=1)
        site.change_seats("boreal", seats)
    seen, offset = [], None
    while True:
        params = {"limit": 4, "sort_by": {"asc": "occurred_at"}} | ({"offset": offset} if offset else {})
        page = client.Event.list(params)
        seen += [row.event.id for row in page.list]
        offset = page.next_offset
        if not offset:
            break
    assert seen == [event["id"] for event in site.events]


def test_events_made_while_paging_are_found_on_a_later_page(site: Site, client: Chargebee) -> None:
    site.subscribe("marie", YEARLY.id, 2, id="boreal")
    first = client.Event.list({"limit": 2, "sort_by": {"asc": "occurred_at"}})
    site.change_seats("boreal", 3)
    rest = client.Event.list({"limit": 100, "sort_by": {"asc": "occurred_at"}, "offset": first.next_offset})
    assert [row.event.id for row in [*first.list, *rest.list]] == [event["id"] for event in site.events]


def test_the_event_list_is_newest_first_unless_asked_otherwise(site: Site, client: Chargebee) -> None:
    site.advance(days=1)
    site.change_customer("marie", locale="en_CA")
    assert client.Event.list({"limit": 1}).list[0].event.event_type == "customer_changed"


def test_events_are_filtered_by_type_and_time(site: Site, client: Chargebee) -> None:
    start = site.timestamp
    site.subscribe("marie", MONTHLY.id, id="boreal")
    site.advance(days=2)
    site.change_customer("marie", locale="en_CA")

    def types(**filters: object) -> set[str]:
        return {row.event.event_type for row in client.Event.list({"limit": 100, **filters}).list}

    two = {"customer_created", "customer_changed"}
    assert types(event_type={"in": sorted(two)}) == two
    assert types(event_type={"is": "customer_created"}) == {"customer_created"}
    assert types(occurred_at={"after": start}) == {"customer_changed"}
    assert "customer_changed" not in types(occurred_at={"before": start + 1})
    assert types(occurred_at={"between": [start + 1, site.timestamp]}) == {"customer_changed"}


@pytest.mark.parametrize("params", [{"limit": 101}, {"limit": 0}, {"offset": "x"}, {"occurred_at": {"after": "x"}}])
def test_a_parameter_that_makes_no_sense_is_refused(params: dict[str, object], client: Chargebee) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        client.Event.list(params)
    assert (refusal.value.http_status_code, refusal.value.api_error_code) == (400, "param_wrong_value")
    assert refusal.value.param.startswith(next(iter(params)))


def test_the_invoice_pdf_is_behind_a_link_that_needs_no_key_and_dies_after_an_hour(
    site: Site, client: Chargebee
) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    download = client.Invoice.pdf("F-10391").download
    assert download.valid_till == site.timestamp + 3600
    site.advance(minutes=59)
    answer = httpx.get(download.download_url, trust_env=False)
    assert answer.content.startswith(b"%PDF-") and answer.headers["content-type"] == "application/pdf"
    site.advance(minutes=1)
    assert httpx.get(download.download_url, trust_env=False).status_code == 410


def test_a_pdf_link_cannot_be_turned_into_another(site: Site, client: Chargebee) -> None:
    site.subscribe("marie", MONTHLY.id)
    site.subscribe("marie", MONTHLY.id)
    link = client.Invoice.pdf("F-10391").download.download_url
    assert httpx.get(link.replace("F-10391", "F-10392"), trust_env=False).status_code == 404


def test_no_pdf_of_an_invoice_that_does_not_exist(client: Chargebee) -> None:
    with pytest.raises(InvalidRequestError, match="F-1 not found"):
        client.Invoice.pdf("F-1")
