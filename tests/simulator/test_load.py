"""Loads: the past at a bounded rate, and what became of it."""

from __future__ import annotations

from simulator import Chaos, Simulation, Site, history
from simulator.load import Pace, send
from tests.simulator.receiver import Receiver


def test_a_pace_lets_so_many_through_a_second_and_makes_up_for_nothing() -> None:
    now = [100.0]
    turns: list[float] = []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(10, clock=lambda: now[0], sleep=sleep)
    for _ in range(3):
        pace()
        turns.append(round(now[0], 6))
    now[0] += 5
    for _ in range(3):
        pace()
        turns.append(round(now[0], 6))
    assert turns == [100.1, 100.2, 100.3, 105.3, 105.4, 105.5]


def test_retries_find_their_place_among_the_events_in_order_of_site_time(receiver: Receiver) -> None:
    site = history(3)
    receiver.answers = [500]
    with Simulation(site, [receiver.endpoint()]) as simulation:
        simulation.deliveries.send_rest()
    due = site.events[0]["occurred_at"] + 120
    occurred = {event["id"]: event["occurred_at"] for event in site.events}
    retry = receiver.ids.index(site.events[0]["id"], 1)
    assert all(occurred[id] <= due for id in receiver.ids[:retry])
    assert all(occurred[id] >= due for id in receiver.ids[retry + 1 :])


def test_only_so_many_events_are_sent_and_progress_is_told_of_each(receiver: Receiver) -> None:
    told: list[int] = []
    with Simulation(history(3), [receiver.endpoint()], Chaos(drop=0.3, duplicate=0.5), connections=3) as simulation:
        outcome = send(simulation, 20, rate=1e6, progress=told.append)
    assert sum(told) == outcome.events == 20
    assert len(set(receiver.ids)) == 20 - outcome.chaos["drop"]
    assert outcome.sent == len(receiver.bodies) > 20 - outcome.chaos["drop"]


def test_a_receiver_that_never_takes_anything_is_given_up_after_seven_retries(receiver: Receiver) -> None:
    receiver.answers = [503] * 1000
    with Simulation(history(3), [receiver.endpoint()]) as simulation:
        outcome = send(simulation, 5, rate=1e6, patience=0)
    assert (outcome.sent, outcome.lost, outcome.retried, outcome.answers) == (40, 5, 35, {"503": 40})


def test_a_burst_is_not_paced(receiver: Receiver) -> None:
    site = Site(seed=7)
    for number in range(30):
        site.create_customer(id=f"c{number}", company="Client inc.", email=None)
    paced: list[int] = []
    with Simulation(site, [receiver.endpoint()], Chaos(burst=1)) as simulation:
        simulation.deliveries.look_ahead(30)
        simulation.deliveries.send_next(100, lambda: paced.append(1))
    assert len(receiver.bodies) == 30 and paced == []
