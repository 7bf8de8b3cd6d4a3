"""Writes to Chargebee as stories: what each begins with, what is asked for, and what it must have come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.client import Gateway, Pace
from models.session import transaction
from simulator import Body, Site
from simulator.pricing import MONTHLY
from tasks import requests, writes
from tasks.requests import Request
from tests.builders import JANUARY, Quittance

STATE = "select state, reason from outbox where kind = 'chargebee' and payload ? 'write' order by id"


def a_site() -> Site:
    """One who pays five monthly seats by cheque, and owes the first month."""
    site = Site(seed=7, now=JANUARY)
    site.create_customer(id="marie", company="Société Test1234", first_name="Marie", email="marie@test1234.example")
    site.change_customer("marie", auto_collection="off", net_term_days=30)
    site.subscribe("marie", MONTHLY.id, 5, id="boreal")
    return site


def gateway_of(quittance: Quittance, pace: Pace | None = None) -> Gateway:
    settings = quittance.settings
    assert settings.chargebee_site and settings.chargebee_api_key
    return Gateway(
        settings.chargebee_site, settings.chargebee_api_key, settings.chargebee_api_url, read_seconds=0.3, pace=pace
    )


def subscription(site: Site) -> Body:
    return site.current("subscription", "boreal")


def owed(site: Site) -> Body:
    (invoice,) = site.find("invoice")[:1]
    return invoice


def payments(site: Site) -> list[tuple[int, str]]:
    return [(each["amount"], each["reference_number"]) for each in site.find("transaction") if not each["deleted"]]


class Asking:
    """What an operator may ask, with the answers decided at this moment."""

    def __init__(self, quittance: Quittance, site: Site) -> None:
        self.quittance, self.site = quittance, site
        self.gateway, self.rules = gateway_of(quittance), quittance.couriers.rules

    def seats(self, seats: int, **how: Any) -> Request:
        return requests.set_seats(self.gateway, self.rules, self.site.now, "boreal", seats, **how)

    def schedule(self, **how: Any) -> Request:
        return requests.schedule_cancellation(self.gateway, self.rules, self.site.now, "boreal", **how)

    def withdraw(self) -> Request:
        return requests.withdraw_cancellation(self.gateway, self.rules, "boreal")

    def run(self) -> Request:
        return requests.run_cancellation(self.gateway, self.rules, self.site.now, "boreal")

    def payment(self, amount: str | None = "100.00", **how: Any) -> Request:
        asked: dict[str, Any] = {"method": "check", "reference": "001482", "received_on": None, "by": "clerk"} | how
        return requests.record_payment(
            self.gateway, self.rules, self.site.now, owed(self.site)["id"], amount=amount, **asked
        )

    def take_back(self, id: str) -> Request:
        return requests.take_back_payment(self.gateway, id, reason="NSF", by="clerk")

    def intend(self, request: Request) -> str:
        with transaction(self.quittance.engine) as session:
            return writes.intend(session, request, by="clerk").key

    def do(self, request: Request) -> list[Any]:
        """Ask for it and have it done; the state and reason of every write so far."""
        self.intend(request)
        self.quittance.drain()
        return self.quittance.rows(STATE)


@dataclass(frozen=True)
class Story:
    """A write: what is asked for, in which calls it is done, what then holds, and what does the same at the site."""

    ask: Callable[[Asking], Request]
    calls: tuple[str, ...]  # in the order in which they are needed
    holds: Callable[[Site], object]
    by_hand: Callable[[Site], object]
    before: Callable[[Site], object] = lambda site: None


def seats(site: Site) -> int:
    return int(subscription(site)["subscription_items"][0]["quantity"])


def scheduled(site: Site) -> None:
    site.schedule_cancellation("boreal", reason="too_dear")


def paid(site: Site) -> None:
    site.record_payment(owed(site)["id"], amount=10_000, reference="001482")


def ends_with_its_term(site: Site) -> bool:
    body = subscription(site)
    return bool(body["status"] == "non_renewing" and body["cancelled_at"] == body["current_term_end"])


def _more_seats_and_an_end(site: Site) -> None:
    site.change_seats("boreal", 8)
    scheduled(site)


def _take_back(site: Site) -> None:
    (payment,) = site.find("transaction")
    site.remove_payment(owed(site)["id"], payment["id"])
    site.delete_offline_transaction(payment["id"])


STORIES = {
    "more seats": Story(
        lambda asking: asking.seats(8),
        ("update_for_items",),
        lambda site: seats(site) == 8,
        lambda site: site.change_seats("boreal", 8),
    ),
    "more seats of one that ends": Story(
        lambda asking: asking.seats(8),
        ("update_for_items", "cancel_for_items"),
        lambda site: (
            seats(site) == 8 and ends_with_its_term(site) and subscription(site)["cancel_reason_code"] == "too_dear"
        ),
        _more_seats_and_an_end,
        scheduled,
    ),
    "fewer seats at renewal": Story(
        lambda asking: asking.seats(2),
        ("update_for_items",),
        lambda site: seats(site) == 5 and site.scheduled_version("boreal")["subscription_items"][0]["quantity"] == 2,
        lambda site: site.change_seats("boreal", 2, end_of_term=True),
    ),
    "an end": Story(lambda asking: asking.schedule(), ("cancel_for_items",), ends_with_its_term, scheduled),
    "no end": Story(
        lambda asking: asking.withdraw(),
        ("remove_scheduled_cancellation",),
        lambda site: subscription(site)["status"] == "active" and subscription(site).get("cancelled_at") is None,
        lambda site: site.remove_scheduled_cancellation("boreal"),
        scheduled,
    ),
    "a payment": Story(
        lambda asking: asking.payment(),
        ("record_payment",),
        lambda site: payments(site) == [(10_000, "001482")] and owed(site)["amount_paid"] == 10_000,
        paid,
    ),
    "a payment taken back": Story(
        lambda asking: asking.take_back(asking.site.find("transaction")[0]["id"]),
        ("remove_payment", "delete_offline_transaction"),
        lambda site: payments(site) == [] and owed(site)["amount_paid"] == 0,
        _take_back,
        paid,
    ),
}


def it_was_done_once(story: Story, quittance: Quittance, site: Site) -> None:
    """The site holds what was asked for, and as much has happened there as where one did just that by hand."""
    assert quittance.rows(STATE) == [("sent", None)]
    assert story.holds(site)
    undisturbed = a_site()
    story.before(undisturbed)
    story.by_hand(undisturbed)
    assert happened(site) == happened(undisturbed)


def happened(site: Site) -> list[str]:
    return sorted(each["event_type"] for each in site.events)
