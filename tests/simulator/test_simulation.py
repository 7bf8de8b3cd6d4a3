"""The running site: one order of time for billing and retries, the clock beside it, and a clean end."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from simulator import Simulation, Site
from simulator.pricing import MONTHLY
from simulator.simulation import NotNow
from tests.conftest import eventually
from tests.simulator.receiver import Receiver


def test_billing_and_retries_happen_in_one_order_of_time(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    site.change_customer("marie", auto_collection="off", net_term_days=0)
    site.subscribe("marie", MONTHLY.id, id="boreal")
    simulation.send_due()
    receiver.bodies.clear()
    site.change_customer("marie", phone="1")
    receiver.answers = [500] * 7
    simulation.advance(days=40)  # the first change is retried for three days; the renewal comes after that
    types = [event["event_type"] for event in receiver.events]
    assert types[:8] == ["customer_changed"] * 8 and "subscription_renewed" in types[8:]
    times = [
        attempt.at for event in site.events for d in simulation.deliveries.of(event["id"]) for attempt in d.attempts
    ]
    assert len(set(times)) > 8


def test_an_event_of_the_clock_is_sent_at_its_own_instant(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    body = site.subscribe("marie", MONTHLY.id, id="boreal")
    simulation.advance(days=70)
    renewals = [event for event in site.events if event["event_type"] == "subscription_renewed"]
    sent = [simulation.deliveries.of(event["id"])[0].attempts[0].at for event in renewals]
    assert [int(at.timestamp()) for at in sent if at] == [event["occurred_at"] for event in renewals]
    assert renewals[0]["occurred_at"] == body["current_term_end"]


def test_whoever_keeps_a_clock_beside_it_is_told_before_the_events_of_an_instant_go(
    site: Site, receiver: Receiver
) -> None:
    log: list[datetime | str] = []
    site.subscribe("marie", MONTHLY.id, id="boreal")
    with Simulation(site, [receiver.endpoint()], on_move=log.append) as simulation:
        simulation.send_due()
        simulation.deliveries.watch = lambda attempt: log.append(attempt.event_id)
        receiver.answers = [500]
        simulation.advance(days=45)
    moments = [entry for entry in log if isinstance(entry, datetime)]
    assert moments == sorted(set(moments)) and moments[-1] == site.now
    occurred = {event["id"]: event["occurred_at"] for event in site.events}
    told = None
    for entry in log:
        if isinstance(entry, datetime):
            told = entry
        else:
            assert told and occurred[entry] <= told.timestamp()


def test_the_same_seed_sends_the_same_bytes_whatever_the_steps(receiver: Receiver) -> None:
    runs = []
    for hours in (24 * 70, 11):
        site = Site(seed=7)
        site.create_customer(id="marie", company="Société Test1234", email="marie@test1234.example")
        site.subscribe("marie", MONTHLY.id, id="boreal")
        receiver.bodies.clear()
        receiver.answers = [500, 500, 200, 500]
        end = site.now + timedelta(days=70)
        with Simulation(site, [receiver.endpoint()]) as simulation:
            while site.now < end:
                simulation.advance_to(min(end, site.now + timedelta(hours=hours)))
        runs.append(list(receiver.bodies))
    assert runs[0] == runs[1] and len(runs[0]) > 6


@pytest.mark.long
def test_a_clock_that_runs_sends_what_happens_and_moves_the_site(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    start = site.now
    simulation.run_clock("real", factor=86400 * 30)  # a month in a second
    eventually(lambda: "subscription_renewed" in [event["event_type"] for event in receiver.events])
    assert site.now > start + timedelta(days=27)
    simulation.run_clock("frozen")


def test_a_frozen_clock_stands_still_while_events_go_out(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    simulation.run_clock("frozen")
    start = site.now
    eventually(lambda: len(receiver.bodies) == 1)
    site.change_customer("marie", phone="1")
    eventually(lambda: len(receiver.bodies) == 2)
    assert site.now == start


def test_after_the_end_nothing_is_sent(site: Site, receiver: Receiver) -> None:
    with Simulation(site, [receiver.endpoint()]) as simulation:
        simulation.run_clock("real")
        eventually(lambda: receiver.bodies)
    site.change_customer("marie", phone="1")
    simulation.send_due()
    simulation.advance(days=3)
    assert len(receiver.bodies) == 1


def test_a_receiver_may_ask_the_site_while_it_is_sent_to(site: Site, receiver: Receiver) -> None:
    asked = []
    with Simulation(site, [receiver.endpoint()]) as simulation:
        simulation.deliveries.watch = lambda _attempt: asked.append(_from_another_thread(site))
        simulation.advance(days=1)
    assert asked == ["marie"]


def _from_another_thread(site: Site) -> str:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return str(pool.submit(lambda: site.find("customer")[0]["id"]).result(timeout=5))


@pytest.mark.long
def test_a_clock_whose_neighbour_fails_stops_and_can_be_started_again(
    site: Site, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_instant: datetime) -> None:
        raise RuntimeError("the database is away")

    with Simulation(site, [receiver.endpoint()], on_move=fail) as simulation:
        simulation.run_clock("real")
        eventually(lambda: "the site's clock has stopped" in caplog.text)
        eventually(lambda: simulation.clock_mode == "frozen")
        simulation.on_move = lambda _instant: None
        start = site.now
        simulation.run_clock("real")
        eventually(lambda: site.now > start)


@pytest.mark.long
def test_a_clock_that_cannot_be_followed_for_now_waits_and_catches_up_by_itself(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[datetime] = []

    def follow(instant: datetime) -> None:
        tries.append(instant)
        if len(tries) <= 3:
            raise NotNow("the database is away")

    start = site.now
    with Simulation(site, on_move=follow) as simulation:
        simulation.run_clock("real", factor=3600)
        eventually(lambda: site.now > start)
    assert tries[0] < tries[1] < tries[2] < tries[3] <= site.now  # the time it waited is not lost
    assert caplog.text.count("the site's clock waits") == 1


@pytest.mark.parametrize(("mode", "factor"), [("fast", 1), ("real", 0), ("real", -2)])
def test_a_clock_that_cannot_be_is_refused(simulation: Simulation, mode: str, factor: float) -> None:
    with pytest.raises(ValueError, match="frozen or real"):
        simulation.run_clock(mode, factor)  # type: ignore[arg-type]
