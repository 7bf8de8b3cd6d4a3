"""What goes wrong on purpose, by rate and by command: the same each time, and all of it written down."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from simulator import Chaos, Refused, Simulation, Site, WrongValue, history
from simulator.chaos import rates
from simulator.deliveries import RETRY_AFTER
from tests.simulator.receiver import Receiver

EVERYTHING = dict.fromkeys(rates(), 1.0)


@pytest.fixture
def site(site: Site) -> Site:
    for number in range(9):
        site.change_customer("marie", phone=str(number))
    return site


def run(receiver: Receiver, chaos: Chaos, days: int = 0, seed: int = 4) -> Simulation:
    """Send a history under chaos, `days` more of site time included."""
    with Simulation(history(seed), [receiver.endpoint()], chaos) as simulation:
        simulation.send_due()
        simulation.advance(days=days)
    return simulation


def test_rates_are_read_from_text_and_written_the_same_way() -> None:
    chaos = Chaos.parse("duplicate=0.3, drop=0.1", seed=9)
    assert (chaos.duplicate, chaos.drop, chaos.seed) == (0.3, 0.1, 9)
    assert str(chaos) == "duplicate=0.3,drop=0.1" and Chaos.parse(str(chaos), 9) == chaos
    assert Chaos.parse("") == Chaos()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("dorp=0.1", "there is duplicate, again, reorder"),
        ("drop", "drop=0.1"),
        ("drop=2", "from 0 to 1"),
        ("cut=nan", "0 to 1"),
    ],
)
def test_text_that_is_no_chaos_is_refused_with_what_would_be(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Chaos.parse(text)


def test_what_happens_to_an_event_depends_on_the_seed_and_its_id_alone() -> None:
    chaos = Chaos(seed=3, **dict.fromkeys(rates(), 0.5))
    ids = [f"ev_{number}" for number in range(200)]
    plans = {id: chaos.plan(id) for id in ids}
    assert all(chaos.plan(id) == plans[id] for id in reversed(ids))
    assert any(Chaos(seed=4, **dict.fromkeys(rates(), 0.5)).plan(id) != plans[id] for id in ids)


def test_a_rate_that_is_raised_spares_nobody_it_had_hit_and_does_not_touch_the_others() -> None:
    ids = [f"ev_{number}" for number in range(300)]
    cut = {id for id in ids if Chaos(cut=0.2).plan(id).spoiled}
    assert cut <= {id for id in ids if Chaos(cut=0.4, duplicate=0.5).plan(id).spoiled}
    assert 30 < len(cut) < 90


def test_without_chaos_nothing_happens(receiver: Receiver) -> None:
    simulation = run(receiver, Chaos())
    assert receiver.ids == [event["id"] for event in simulation.site.events]
    assert simulation.ledger.misdeeds == []


def test_the_same_seed_replays_the_same_bytes_and_the_same_ledger(receiver: Receiver) -> None:
    ledgers, bodies = [], []
    for seed in (5, 5, 6):
        receiver.bodies.clear()
        simulation = run(receiver, Chaos(seed, **dict.fromkeys(rates(), 0.2)), days=5)
        ledgers.append(simulation.ledger.misdeeds)
        bodies.append(list(receiver.bodies))
    assert ledgers[0] == ledgers[1] != ledgers[2]
    assert bodies[0] == bodies[1] != bodies[2]


def test_dropped_events_never_arrive_look_delivered_and_are_listed(receiver: Receiver) -> None:
    simulation = run(receiver, Chaos(drop=0.3), days=5)
    made = [event["id"] for event in simulation.site.events]
    dropped = set(simulation.ledger.dropped)
    assert 0 < len(dropped) < len(made)
    assert set(receiver.ids) == set(made) - dropped
    shown = {webhook["webhook_status"] for event in simulation.site.events for webhook in event["webhooks"]}
    assert shown == {"succeeded"}


def test_duplicates_arrive_two_or_three_times(receiver: Receiver) -> None:
    simulation = run(receiver, Chaos(duplicate=0.5))
    times = Counter(receiver.ids)
    doubled = set(simulation.ledger.events("duplicate"))
    assert {id for id, count in times.items() if count > 1} == doubled and doubled
    assert set(times.values()) == {1, 2, 3}


def test_what_is_sent_again_comes_a_second_time_when_its_hour_has_come(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    simulation.chaos = Chaos(again=1)
    simulation.send_due()
    once = [event["id"] for event in site.events]
    assert receiver.ids == once and simulation.deliveries.waiting == len(once)
    simulation.advance(days=2)
    times = Counter(receiver.ids)
    assert {times[id] for id in once} == {2}
    assert dict(simulation.ledger.counts()) == {"again": len(site.events)}


def test_a_copy_that_is_accepted_does_not_spare_the_retry(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    simulation.chaos = Chaos(duplicate=1)
    receiver.answers = [503]
    simulation.send_due()
    (delivery,) = simulation.deliveries.of(site.events[0]["id"])
    assert delivery.status == "re_scheduled" and any(attempt.accepted for attempt in delivery.attempts)
    before = len(receiver.bodies)
    simulation.advance(minutes=2)
    assert receiver.ids[before:] == [site.events[0]["id"]]


def test_what_is_silent_is_not_dropped_for_it_was_never_to_be_sent(simulation: Simulation, site: Site) -> None:
    simulation.send_due()
    simulation.chaos = Chaos(drop=1)
    with site.silenced():
        site.change_customer("marie", phone="silent")
    simulation.send_due()
    assert simulation.ledger.dropped == []


def test_reordered_events_are_overtaken_and_none_is_lost(receiver: Receiver) -> None:
    simulation = run(receiver, Chaos(reorder=0.5))
    made = [event["id"] for event in simulation.site.events]
    assert receiver.ids != made and sorted(receiver.ids) == sorted(made)
    late = [receiver.ids.index(id) - made.index(id) for id in made]
    assert max(late) <= 20


def test_delayed_events_arrive_when_their_time_has_come(simulation: Simulation, site: Site, receiver: Receiver) -> None:
    simulation.chaos = Chaos(delay=0.5)
    simulation.send_due()
    made = {event["id"] for event in site.events}
    delayed = set(simulation.ledger.events("delay"))
    assert set(receiver.ids) == made - delayed and delayed
    simulation.advance(days=2)
    assert made <= set(receiver.ids)


@pytest.mark.parametrize("trick", ["cut", "credentials"])
def test_a_sending_that_fails_on_purpose_is_retried_as_any_other(trick: str, receiver: Receiver) -> None:
    with Simulation(history(4), [receiver.endpoint()], Chaos(**{trick: 1})) as simulation:
        simulation.send_due()
        assert receiver.bodies == []
        simulation.advance_to(simulation.site.now + RETRY_AFTER[0])
        made = {event["id"] for event in simulation.site.events}
        first, second = simulation.deliveries.of(min(made))[0].attempts
    assert made <= set(receiver.ids)
    assert (first.trick, first.accepted, second.trick, second.accepted) == (trick, False, None, True)


@pytest.mark.parametrize("trick", ["v1", "altered"])
def test_another_body_under_the_same_id_comes_after_the_true_one(trick: str, receiver: Receiver) -> None:
    simulation = run(receiver, Chaos(**{trick: 1}))
    made = simulation.site.events
    assert receiver.ids == [event["id"] for event in made for _ in range(2)]
    for event, true, other in zip(made, receiver.events[::2], receiver.events[1::2], strict=True):
        assert true["content"] == event["content"] and true["api_version"] == "v2"
        assert (other["api_version"] == "v1") == (trick == "v1")
        assert (other["content"] != event["content"]) == (trick == "altered")


def test_the_false_body_is_kept_back_until_the_true_one_is_taken(receiver: Receiver) -> None:
    receiver.answers = [503]
    with Simulation(history(4), [receiver.endpoint()], Chaos(altered=1)) as simulation:
        simulation.send_due()
        first = simulation.site.events[0]
        assert receiver.ids.count(first["id"]) == 1
        simulation.advance(minutes=2)
        contents = [event["content"] for event in receiver.events if event["id"] == first["id"]]
    assert [content == first["content"] for content in contents] == [True, True]


def test_a_burst_holds_everything_for_ten_minutes_and_then_lets_it_go(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    simulation.chaos = Chaos(burst=1)
    simulation.send_due()
    simulation.advance(minutes=9)
    site.change_customer("marie", phone="more")
    simulation.send_due()
    assert receiver.bodies == []
    simulation.advance(minutes=1)
    assert receiver.ids == [event["id"] for event in site.events]


def test_everything_at_once_still_brings_every_event_that_is_not_dropped(receiver: Receiver) -> None:
    simulation = run(receiver, Chaos(**{**EVERYTHING, "drop": 0.2}), days=5)
    made = {event["id"] for event in simulation.site.events}
    assert set(receiver.ids) == made - set(simulation.ledger.dropped)
    assert simulation.deliveries.waiting == 0
    counts = simulation.ledger.counts()
    assert counts["drop"] == len(simulation.ledger.dropped) and counts["duplicate"] == len(made) - counts["drop"]


# By command


def test_an_event_is_sent_twice_on_command(simulation: Simulation, site: Site, receiver: Receiver) -> None:
    simulation.send_due()
    id = site.events[3]["id"]
    assert [attempt.accepted for attempt in simulation.send_twice(id)] == [True, True]
    assert receiver.ids[-2:] == [id, id]
    assert [(deed.trick, deed.measure) for deed in simulation.ledger.of(id)] == [("duplicate", "by command")]


def test_an_event_that_has_not_gone_yet_is_sent_late_on_command(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    id = site.events[3]["id"]
    simulation.send_late(id, by=timedelta(hours=2))
    simulation.advance(hours=1)
    assert id not in receiver.ids and len(receiver.ids) == 9
    simulation.advance(hours=1)
    assert receiver.ids[-1] == id and receiver.ids.count(id) == 1


def test_an_event_that_has_gone_is_sent_once_more_later_on_command(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    simulation.send_due()
    simulation.send_late(site.events[0]["id"])
    simulation.advance(hours=1)
    assert receiver.ids.count(site.events[0]["id"]) == 2


def test_an_event_that_was_to_go_later_goes_at_once_on_command_and_not_again(
    simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    id = site.events[0]["id"]
    simulation.send_late(id)
    simulation.resend(id)
    simulation.advance(hours=1)
    assert receiver.ids.count(id) == 1


def test_events_are_sent_in_another_order_on_command(simulation: Simulation, site: Site, receiver: Receiver) -> None:
    ids = [event["id"] for event in site.events][2:6]
    simulation.send_shuffled(ids)
    assert receiver.ids != ids and sorted(receiver.ids) == sorted(ids)
    simulation.send_due()
    assert sorted(receiver.ids) == sorted(event["id"] for event in site.events)
    simulation.send_shuffled(ids[:2])
    assert receiver.ids[-2:] == [ids[1], ids[0]]


@pytest.mark.parametrize("trick", ["cut", "credentials", "v1", "altered"])
def test_an_event_is_sent_with_a_fault_on_command(
    trick: str, simulation: Simulation, site: Site, receiver: Receiver
) -> None:
    simulation.send_due()
    id = site.events[0]["id"]
    (attempt,) = simulation.send_spoiled(id, trick)
    assert attempt.trick == trick and attempt.accepted == (trick in ("v1", "altered"))
    assert [deed.trick for deed in simulation.ledger.of(id)] == [trick]


def test_an_event_that_waits_is_lost_on_command(simulation: Simulation, site: Site, receiver: Receiver) -> None:
    receiver.answers = [500]
    simulation.send_due()
    id = site.events[0]["id"]
    simulation.drop(id)
    simulation.advance(days=4)
    assert receiver.ids.count(id) == 1 and simulation.ledger.dropped == [id]
    with pytest.raises(Refused, match="cannot get lost any more"):
        simulation.drop(id)


def test_commands_about_what_is_not_there_are_refused(simulation: Simulation, site: Site) -> None:
    for command in (simulation.resend, simulation.send_twice, simulation.send_late, simulation.drop):
        with pytest.raises(Refused, match="ev_nowhere not found"):
            command("ev_nowhere")
    with pytest.raises(WrongValue, match="cut, credentials, v1, altered"):
        simulation.send_spoiled(site.events[0]["id"], "burn")
