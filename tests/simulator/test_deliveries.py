"""Deliveries to real receivers: who gets what, the retries on the site's clock, and what the event says of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from simulator import Refused, Simulation, Site
from simulator.deliveries import RETRY_AFTER, Deliveries
from simulator.pricing import MONTHLY
from tests.simulator.receiver import Receiver, receiving


@pytest.fixture
def another_receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def statuses(event: dict) -> dict[str, str]:
    return {webhook["id"]: webhook["webhook_status"] for webhook in event["webhooks"]}


def test_every_event_is_sent_once_and_then_says_so(simulation: Simulation, site: Site, receiver: Receiver) -> None:
    site.subscribe("marie", MONTHLY.id)
    assert simulation.send_due() == len(site.events)
    assert simulation.send_due() == 0
    assert receiver.ids == [event["id"] for event in site.events]
    assert {status for event in site.events for status in statuses(event).values()} == {"succeeded"}
    assert {status for event in receiver.events for status in statuses(event).values()} == {"scheduled"}


def test_a_refused_event_is_tried_seven_more_times_each_so_long_after_the_last(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    receiver.answers = [503] * 8
    start, event = site.now, site.events[0]
    simulation.send_due()
    simulation.advance(days=4)
    (delivery,) = simulation.deliveries.of(event["id"])
    waits = [attempt.at - start for attempt in delivery.attempts if attempt.at]
    assert waits == [sum(RETRY_AFTER[:n], timedelta(0)) for n in range(8)]
    assert waits[-1] == timedelta(days=3, hours=6, minutes=38)
    assert (delivery.status, delivery.due_at) == ("failed", None)
    assert statuses(site.events[0]) == {"whv2_quittance": "failed"}
    simulation.advance(days=30)
    assert receiver.ids.count(event["id"]) == 8


def test_a_retry_that_is_accepted_is_the_last_one(simulation: Simulation, site: Site, receiver: Receiver) -> None:
    receiver.answers = [500, 302]
    simulation.send_due()
    assert statuses(site.events[0]) == {"whv2_quittance": "re_scheduled"}
    simulation.advance(days=4)
    (delivery,) = simulation.deliveries.of(site.events[0]["id"])
    assert [attempt.answer.status for attempt in delivery.attempts] == [500, 302, 200]
    assert statuses(site.events[0]) == {"whv2_quittance": "succeeded"}


def test_a_retry_differs_in_nothing_but_what_it_says_of_deliveries(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    receiver.answers = [500]
    simulation.send_due()
    simulation.advance(minutes=2)
    first, second = receiver.events
    assert (statuses(first), statuses(second)) == ({"whv2_quittance": "scheduled"}, {"whv2_quittance": "re_scheduled"})
    assert first | {"webhooks": None} == second | {"webhooks": None}


def test_each_endpoint_has_retries_of_its_own(site: Site, receiver: Receiver, another_receiver: Receiver) -> None:
    receiver.answers = [500]
    endpoints = [receiver.endpoint(id="first"), another_receiver.endpoint(id="second")]
    with Simulation(site, endpoints) as simulation:
        simulation.send_due()
        assert statuses(site.events[0]) == {"first": "re_scheduled", "second": "succeeded"}
        simulation.advance(minutes=2)
    assert (len(receiver.bodies), len(another_receiver.bodies)) == (2, 1)


def test_an_endpoint_gets_what_it_wants_and_nothing_while_it_is_off(site: Site, receiver: Receiver) -> None:
    endpoints = [
        receiver.endpoint(id="customers", event_types={"customer_created"}),
        receiver.endpoint(id="invoices", event_types={"invoice_generated"}),
        receiver.endpoint(id="off", enabled=False),
    ]
    with Simulation(site, endpoints) as simulation:
        simulation.send_due()
    assert len(receiver.bodies) == 1
    assert statuses(site.events[0]) == {"customers": "succeeded", "invoices": "skipped", "off": "disabled"}


def test_an_endpoint_of_the_old_version_gets_v1(site: Site, receiver: Receiver) -> None:
    with Simulation(site, [receiver.endpoint(api_version="v1")]) as simulation:
        simulation.send_due()
    assert receiver.events[0]["api_version"] == "v1" and site.events[0]["api_version"] == "v2"


def test_a_site_has_five_endpoints_at_most_and_each_its_own_id(simulation: Simulation, receiver: Receiver) -> None:
    with pytest.raises(Refused, match="at most 5"):
        simulation.endpoints = [receiver.endpoint(id=str(number)) for number in range(6)]
    with pytest.raises(Refused, match="same id"):
        simulation.endpoints = [receiver.endpoint(), receiver.endpoint()]
    assert simulation.endpoints == (receiver.endpoint(),)


def test_a_retry_for_an_endpoint_that_is_gone_is_not_made(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    receiver.answers = [500]
    simulation.send_due()
    simulation.endpoints = [receiver.endpoint(id="another")]
    simulation.advance(days=4)
    assert len(receiver.bodies) == 1
    assert statuses(site.events[0]) == {"whv2_quittance": "disabled"}


def test_a_retry_for_an_endpoint_that_is_off_is_not_made_and_a_resend_works_when_it_is_on(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    receiver.answers = [500]
    simulation.send_due()
    simulation.endpoints = [receiver.endpoint(enabled=False)]
    simulation.advance(days=4)
    assert len(receiver.bodies) == 1 and statuses(site.events[0]) == {"whv2_quittance": "disabled"}
    simulation.endpoints = [receiver.endpoint()]
    simulation.resend(site.events[0]["id"])
    assert statuses(site.events[0]) == {"whv2_quittance": "succeeded"}


def test_what_is_silent_is_never_sent_and_says_skipped(simulation: Simulation, site: Site, receiver: Receiver) -> None:
    simulation.send_due()
    with site.silenced():
        site.change_customer("marie", phone="1")
    simulation.advance(days=1)
    assert len(receiver.bodies) == 1 and statuses(site.events[-1]) == {"whv2_quittance": "skipped"}


def test_over_several_connections_everything_arrives_once(site: Site, receiver: Receiver) -> None:
    for seats in range(60):
        site.change_customer("marie", phone=str(seats))
    with Simulation(site, [receiver.endpoint()], connections=4) as simulation:
        assert simulation.send_due() == 61
    assert sorted(receiver.ids) == sorted(event["id"] for event in site.events)
    assert receiver.connections <= 4


def test_a_resend_that_is_accepted_makes_the_retry_needless(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    receiver.answers = [500]
    simulation.send_due()
    (attempt,) = simulation.resend(site.events[0]["id"])
    assert attempt.accepted and statuses(site.events[0]) == {"whv2_quittance": "succeeded"}
    simulation.advance(days=4)
    assert len(receiver.bodies) == 2


def test_a_resend_works_after_everything_has_failed(simulation: Simulation, site: Site, receiver: Receiver) -> None:
    receiver.answers = [500] * 8
    simulation.advance(days=4)
    assert statuses(site.events[0]) == {"whv2_quittance": "failed"}
    simulation.resend(site.events[0]["id"])
    assert statuses(site.events[0]) == {"whv2_quittance": "succeeded"}


def test_what_the_receivers_have_from_before_is_passed_over_but_can_be_resent(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    simulation.deliveries.pass_over()
    assert simulation.send_due() == 0
    simulation.resend(site.events[0]["id"])
    assert receiver.ids == [site.events[0]["id"]]


def test_a_test_event_has_sample_objects_and_is_none_of_the_site_s(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    simulation.send_due()
    before = site.dump()
    assert simulation.send_test("whv2_quittance").accepted
    content = receiver.events[-1]["content"]
    assert content["subscription"]["id"] == "cbdemo_sub" and content["customer"]["id"] == "cbdemo_tom"
    assert site.dump() == before
    with pytest.raises(Refused, match="no such webhook"):
        simulation.send_test("nowhere")


def test_the_counts_add_up(simulation: Simulation, site: Site, receiver: Receiver) -> None:
    receiver.answers = [500, 500]
    seen = []
    simulation.deliveries.watch = seen.append
    simulation.advance(days=1)
    counts = simulation.deliveries.counts
    assert counts["attempts"] == len(seen) == 3
    assert (counts["accepted"], counts["refused"], counts["retried"], counts["succeeded"]) == (1, 2, 2, 1)


def test_without_endpoints_nothing_waits(site: Site) -> None:
    with Simulation(site) as simulation:
        simulation.send_due()
        assert simulation.deliveries.waiting == 0 and site.events[0]["webhooks"] == []


def test_a_retry_of_what_was_accepted_long_ago_and_is_forgotten_is_not_made(site: Site, receiver: Receiver) -> None:
    receiver.answers = [500]
    deliveries = Deliveries(site, [receiver.endpoint()], kept=8)
    deliveries.send_due(site.now)
    refused = receiver.ids[0]
    deliveries.send_again(refused)
    for number in range(20):
        site.change_customer("marie", phone=str(number))
    deliveries.send_due(site.now)
    assert deliveries.of(refused) == [] and deliveries.waiting == 1
    sent = len(receiver.ids)
    deliveries.send_due(site.now + RETRY_AFTER[0])
    assert (len(receiver.ids), deliveries.waiting) == (sent, 0)
    deliveries.send_late(refused, site.now)
    deliveries.drop(refused)
    deliveries.close()


def test_deliveries_of_long_ago_are_forgotten_and_their_status_is_not(site: Site, receiver: Receiver) -> None:
    receiver.answers = [500]
    deliveries = Deliveries(site, [receiver.endpoint()], kept=8)
    for number in range(40):
        deliveries.send_due(site.now)
        site.change_customer("marie", phone=str(number))
    assert len([event for event in site.events if deliveries.of(event["id"])]) <= 9
    assert deliveries.of(site.events[1]["id"]) == []
    assert deliveries.of(site.events[0]["id"])[0].status == "re_scheduled"
    assert statuses(site.events[1]) == {"whv2_quittance": "succeeded"}
    deliveries.send_again(site.events[1]["id"])
    assert receiver.ids[-1] == site.events[1]["id"]
    deliveries.close()
