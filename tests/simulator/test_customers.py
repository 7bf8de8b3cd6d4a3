"""Customers and their cards, as Chargebee shows them."""

from __future__ import annotations

from datetime import datetime

import pytest

from simulator import Refused, Site, WrongValue
from simulator.pricing import MONTHLY


def test_a_customer_has_a_quebec_address_and_no_null_fields(site: Site) -> None:
    body = site.current("customer", "marie")
    assert (body["billing_address"]["state_code"], body["billing_address"]["country"]) == ("QC", "CA")
    assert None not in body.values() and "offline_payment_method" not in body


@pytest.mark.parametrize("given", ["fr_CA", "fr-CA"])
def test_a_locale_goes_out_with_a_hyphen(given: str, site: Site) -> None:
    assert site.change_customer("marie", locale=given)["locale"] == "fr-CA"
    assert site.create_customer(company="Atelier Nord", email=None, locale=given)["locale"] == "fr-CA"


def test_a_change_tells_of_the_customer_as_it_is_then(site: Site) -> None:
    site.change_customer("marie", auto_collection="off", offline_payment_method="check")
    site.change_customer("marie", email="facturation@test1234.example")
    changed = [event["content"]["customer"] for event in site.events if event["event_type"] == "customer_changed"]
    assert [body["email"] for body in changed] == ["marie@test1234.example", "facturation@test1234.example"]
    assert [body["offline_payment_method"] for body in changed] == ["check", "check"]


def test_a_field_set_to_none_is_gone(site: Site) -> None:
    site.change_customer("marie", offline_payment_method="check")
    assert "offline_payment_method" not in site.change_customer("marie", offline_payment_method=None)


def test_a_change_of_nothing_tells_nothing(site: Site) -> None:
    place = len(site.events)
    site.change_customer("marie", email="marie@test1234.example")
    assert site.events[place:] == []


def test_what_billing_works_out_is_not_set_by_hand(site: Site) -> None:
    with pytest.raises(WrongValue, match="excess_payments"):
        site.change_customer("marie", excess_payments=100)


def test_contacts_get_billing_mail_unless_told_otherwise(site: Site) -> None:
    body = site.change_customer("marie", contacts=[{"email": "a@test1234.example"}, {"enabled": False}])
    assert [(contact["enabled"], contact["send_billing_email"]) for contact in body["contacts"]] == [
        (True, True),
        (False, True),
    ]


def test_the_newest_card_is_charged_until_it_is_deleted(site: Site) -> None:
    first, second = site.add_card("marie"), site.add_card("marie", last4="1881")
    assert site.current("customer", "marie")["primary_payment_source_id"] == second["id"]
    site.delete_card(second["id"])
    assert site.current("customer", "marie")["primary_payment_source_id"] == first["id"]
    site.delete_card(first["id"])
    body = site.current("customer", "marie")
    assert body["card_status"] == "no_card" and "primary_payment_source_id" not in body


def test_a_card_is_expiring_for_a_month_and_expires_when_its_month_is_over(site: Site) -> None:
    site.add_card("marie", expires=(3, 2021))
    place = len(site.events)
    site.advance(days=120)
    told = {event["event_type"]: event["occurred_at"] for event in site.events[place:]}
    days = {type: f"{datetime.fromtimestamp(at, site.zone):%m-%d}" for type, at in told.items()}
    assert {type: day for type, day in days.items() if type.startswith("payment_source")} == {
        "payment_source_expiring": "03-01",
        "payment_source_expired": "04-01",
    }
    assert site.current("customer", "marie")["card_status"] == "expired"


def test_a_customer_who_bought_something_is_not_deleted(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id)
    with pytest.raises(Refused, match="still has"):
        site.delete_customer("marie")


def test_a_deleted_customer_is_told_as_deleted(site: Site) -> None:
    site.delete_customer("marie")
    told = site.events[-1]
    assert (told["event_type"], told["content"]["customer"]["deleted"]) == ("customer_deleted", True)
