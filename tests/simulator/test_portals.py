"""Portal sessions: what they say of a customer, and how long their links live."""

from __future__ import annotations

import pytest

from simulator import Refused, Site
from simulator.pricing import MONTHLY

ADDRESS = "http://127.0.0.1:1/_sim/portal/"


def test_a_session_says_what_its_customer_has_and_no_event_tells_of_it(site: Site) -> None:
    site.add_card("marie")
    place = len(site.events)
    bare = site.create_customer(id="bare", company="Nue inc.", email=None, address=None)
    made = [site.open_portal(id, ADDRESS) for id in ("marie", bare["id"])]
    assert [event["event_type"] for event in site.events[place:]] == ["customer_created"]
    assert made[0]["access_url"] == ADDRESS + made[0]["token"]
    assert made[0]["linked_customers"][0]["has_payment_method"]
    assert made[1]["linked_customers"] == [
        {
            "customer_id": "bare",
            "has_billing_address": False,
            "has_payment_method": False,
            "has_active_subscription": False,
        }
    ]


@pytest.mark.parametrize(("ends", "active"), [(False, True), (True, False)])
def test_an_ended_subscription_is_no_active_one(site: Site, ends: bool, active: bool) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    if ends:
        site.cancel("boreal")
    (linked,) = site.open_portal("marie", ADDRESS)["linked_customers"]
    assert linked["has_active_subscription"] is active


def test_a_link_leads_to_its_customer_for_an_hour_of_site_time(site: Site) -> None:
    token = site.open_portal("marie", ADDRESS)["token"]
    site.advance(seconds=3599)
    assert site.customer_of_portal(token)["id"] == "marie"
    site.advance(seconds=1)
    with pytest.raises(Refused, match="has expired"):
        site.customer_of_portal(token)


def test_a_session_is_logged_out_once_and_its_link_is_dead_then(site: Site) -> None:
    session = site.open_portal("marie", ADDRESS)
    assert site.log_out_of_portal(session["id"])["logout_at"] == site.timestamp
    with pytest.raises(Refused, match="is logged out"):
        site.customer_of_portal(session["token"])
    with pytest.raises(Refused, match="is logged out"):
        site.log_out_of_portal(session["id"])


def test_there_is_no_session_for_who_is_gone_and_none_leads_to_them(site: Site) -> None:
    token = site.open_portal("marie", ADDRESS)["token"]
    site.delete_customer("marie")
    for refused in (lambda: site.open_portal("marie", ADDRESS), lambda: site.customer_of_portal(token)):
        with pytest.raises(Refused, match="marie not found"):
            refused()
