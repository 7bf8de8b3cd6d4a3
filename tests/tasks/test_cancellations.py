"""Cancellations: scheduled, moved, withdrawn, carried out on their date, and undone."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator import Site
from simulator.pricing import MONTHLY
from tasks.clock import carry_out_due_cancellations
from tests.builders import (
    JANUARY,
    Body,
    Quittance,
    a_customer,
    a_subscription,
    an_event,
    an_item,
    in_every_order,
    mail_text,
    of_order,
    seconds,
)

END = JANUARY + timedelta(days=31)
ROWS = "select state, reason, effective_at from cancellations order by effective_at"
STATES = "select state from cancellations order by effective_at"
SEATS = "select seats from subscriptions"


def ending(version: int = 2, at: datetime = END, **fields: Any) -> Body:
    """A subscription whose end is scheduled."""
    default: Body = {
        "status": "non_renewing",
        "cancelled_at": seconds(at),
        "cancel_schedule_created_at": seconds(JANUARY),
    }
    return a_subscription(version, **(default | fields))


def ended(version: int = 3, at: datetime = END, **fields: Any) -> Body:
    return ending(version, at, status="cancelled", **fields)


def subjects(quittance: Quittance) -> list[str]:
    return [str(mail["Subject"]) for mail in quittance.mails()]


@pytest.fixture(autouse=True)
def in_january(request: pytest.FixtureRequest) -> None:
    for name in ("quittance", "with_api"):
        if name in request.fixturenames:
            request.getfixturevalue(name).move_clock(JANUARY)


@pytest.fixture
def customer(quittance: Quittance) -> Quittance:
    """A customer with five seats."""
    quittance.take(an_event(a_customer(), a_subscription(1)))
    return quittance


def test_an_end_to_come_is_scheduled_and_the_customer_is_told(customer: Quittance) -> None:
    customer.take(an_event(ending(cancel_reason_code="too_expensive")))
    assert customer.rows(ROWS) == [("scheduled", "too_expensive", END)]
    assert customer.rows("select effective_on, zone, executed_by, confirmed from cancellations") == [
        (date(2021, 2, 11), "America/Toronto", "chargebee", False)
    ]
    assert customer.rows(SEATS) == [5]
    (mail,) = customer.mails()
    assert "11 févr. 2021" in mail["Subject"] and mail["To"] == "marie@test1234.example"


def test_the_same_end_twice_is_told_once(customer: Quittance) -> None:
    event = an_event(ending())
    customer.take(event, event | {"id": "ev_again"})
    customer.take(an_event(ending(3, cf_note="another version, the same end")))
    assert customer.rows(STATES) == ["scheduled"]
    assert len(customer.mails()) == 1


def test_the_date_is_that_of_the_sites_zone(customer: Quittance) -> None:
    customer.take(an_event(ending(at=datetime.fromisoformat("2021-02-12T04:59:59+00:00"))))
    assert customer.rows("select effective_on from cancellations") == [date(2021, 2, 11)]


def test_another_date_takes_the_place_of_the_first(customer: Quittance) -> None:
    later = END + timedelta(days=31)
    customer.take(an_event(ending(2)))
    customer.take(an_event(ending(3, later)))
    assert customer.rows(ROWS) == [("withdrawn", None, END), ("scheduled", None, later)]
    assert len(customer.mails()) == 2


def test_an_end_that_is_withdrawn_is_gone_and_the_customer_is_told(customer: Quittance) -> None:
    customer.take(an_event(ending(2)))
    customer.take(an_event(a_subscription(3, next_billing_at=seconds(END))))
    assert customer.rows(STATES) == ["withdrawn"]
    assert customer.rows("select name, state from outbox order by id") == [
        ("cancellation_scheduled", "sent"),
        ("cancellation_removed", "sent"),
    ]
    customer.move_clock(END + timedelta(days=1))
    customer.drain()
    assert customer.rows(SEATS) == [5]


def test_news_that_is_overtaken_before_it_leaves_is_not_sent(customer: Quittance) -> None:
    customer.take(an_event(ending(2)), an_event(a_subscription(3)), an_event(ending(4)))
    told = customer.rows("select name, state, reply from outbox order by id")
    assert told == [
        ("cancellation_scheduled", "sent", told[0][2]),
        ("cancellation_removed", "suppressed", "the subscription ends after all"),
        ("cancellation_scheduled", "sent", told[2][2]),
    ]
    customer.take(an_event(ending(5, END + timedelta(days=1))), an_event(a_subscription(6)))
    assert customer.rows("select state, reply from outbox where id > 3 and name = 'cancellation_scheduled'") == [
        ("suppressed", "the cancellation was withdrawn, or has come")
    ]


@pytest.mark.parametrize("status", ["paused", "transferred"])
def test_nobody_is_told_that_a_subscription_goes_on_which_does_not(customer: Quittance, status: str) -> None:
    customer.take(an_event(ending(2)))
    customer.take(an_event(a_subscription(3, status=status)))
    assert customer.rows(STATES) == ["withdrawn"]
    assert customer.rows("select name from outbox") == ["cancellation_scheduled"]


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=40), timedelta(days=3)])
def test_on_its_date_the_seats_end_however_late_we_look(customer: Quittance, late: timedelta) -> None:
    customer.take(an_event(ending()))
    customer.move_clock(END - timedelta(minutes=1))
    customer.drain()
    assert (customer.rows(STATES), customer.rows(SEATS)) == (["scheduled"], [5])
    customer.move_clock(END + late)
    customer.drain()
    assert (customer.rows(STATES), customer.rows(SEATS)) == (["run"], [0])
    assert customer.rows("select confirmed from cancellations") == [False]
    assert customer.rows("select before, after, event_id from seat_entries order by id")[1:] == [(5, 0, None)]
    assert len(customer.mails()) == 2
    assert "annulé" in subjects(customer)[1]
    assert customer.rows("select count(*) > 0 from audit_entries where actor = 'clock'") == [True]


def test_an_end_long_past_is_carried_out_quietly(
    db_url: str, customer: Quittance, tmp_path_factory: pytest.TempPathFactory
) -> None:
    quittance = Quittance(db_url, tmp_path_factory.mktemp("second"), EFFECTS_HORIZON="7 days")
    quittance.take(an_event(ending(), at=JANUARY))
    quittance.move_clock(END + timedelta(days=8))
    quittance.drain()
    assert quittance.rows(SEATS) == [0]
    assert quittance.rows("select state, reason from outbox where name = 'cancelled'") == [
        ("suppressed", "history: it was over 8 days before we heard of it")
    ]
    quittance.close()


def test_a_subscription_that_ended_long_before_it_is_first_seen_is_not_mourned(db_url: str, tmp_path: Path) -> None:
    quittance = Quittance(db_url, tmp_path, EFFECTS_HORIZON="7 days")
    quittance.take(an_event(a_customer(), ended(1, JANUARY), at=datetime.now(UTC)))
    assert quittance.rows("select state from cancellations") == ["run"]
    [(state, reason)] = quittance.rows("select state, reason from outbox where name = 'cancelled'")
    assert state == "suppressed" and reason.startswith("history: it was over")
    quittance.close()


@pytest.mark.parametrize("off_by", [-3, 0, 3, 900])
@pytest.mark.parametrize("swept", [True, False])
def test_chargebees_own_event_confirms_it_without_a_second_mail(customer: Quittance, off_by: int, swept: bool) -> None:
    actual = END + timedelta(seconds=off_by)
    customer.take(an_event(ending()))
    if swept:
        customer.move_clock(END)
        customer.drain()
    customer.take(an_event(ended(3, actual), at=actual))
    customer.move_clock(END + timedelta(hours=1))
    customer.take(an_event(ended(4, actual), at=actual))
    assert customer.rows(ROWS) == [("run", None, actual)]
    assert customer.rows("select confirmed from cancellations") == [True]
    assert customer.rows(SEATS) == [0]
    assert customer.rows("select name, state from outbox order by id") == [
        ("cancellation_scheduled", "sent"),
        ("cancelled", "sent"),
    ]


def test_a_cancellation_at_once_ends_at_once(customer: Quittance) -> None:
    customer.take(an_event(ended(2, JANUARY)))
    assert customer.rows(ROWS) == [("run", None, JANUARY)]
    assert (customer.rows(SEATS), len(customer.mails())) == ([0], 1)


def test_an_end_without_an_instant_is_one_end_however_often_it_is_seen(customer: Quittance) -> None:
    bare: Body = {"status": "cancelled", "cancelled_at": None}
    customer.take(an_event(a_subscription(2, **bare)))
    customer.take(an_event(a_subscription(5, **bare)))
    assert customer.rows(STATES) == ["run"]
    assert len(customer.mails()) == 1


def test_what_is_reactivated_was_undone(customer: Quittance) -> None:
    customer.take(an_event(ended(2, JANUARY)))
    customer.take(an_event(a_subscription(3)))
    assert (customer.rows(STATES), customer.rows(SEATS)) == (["undone"], [5])
    customer.take(an_event(ended(4, END)))
    assert (customer.rows(STATES), customer.rows(SEATS)) == (["undone", "run"], [0])


def test_seats_come_back_when_the_end_that_we_carried_out_turns_out_to_be_moved(customer: Quittance) -> None:
    later = END + timedelta(days=31)
    customer.take(an_event(ending(2)))
    customer.move_clock(END)
    customer.drain()
    customer.take(an_event(ending(3, later)))
    assert customer.rows(ROWS) == [("undone", None, END), ("scheduled", None, later)]
    assert customer.rows(SEATS) == [5]


def test_a_late_snapshot_of_the_schedule_does_not_undo_the_end(customer: Quittance) -> None:
    customer.take(an_event(ending(2)))
    customer.move_clock(END)
    customer.drain()
    customer.take(an_event(ending(3, cf_note="written before the end, read after it")))
    assert (customer.rows(STATES), customer.rows(SEATS)) == (["run"], [0])


def test_a_subscription_that_runs_out_of_cycles_ends_in_neutral_words(customer: Quittance) -> None:
    counted = [an_item(5, billing_cycles=1)]
    customer.take(an_event(ending(2, cancel_schedule_created_at=None, subscription_items=counted)))
    assert customer.rows(ROWS) == [("scheduled", "term_ended", END)]
    assert "annul" not in mail_text(customer.mails()[0]).lower()


def test_a_trial_whose_cancellation_is_scheduled_keeps_its_seats_until_then(customer: Quittance) -> None:
    customer.take(an_event(ending(2, status="in_trial")))
    assert (customer.rows(STATES), customer.rows(SEATS)) == (["scheduled"], [5])
    customer.move_clock(END)
    customer.drain()
    assert (customer.rows(STATES), customer.rows(SEATS)) == (["run"], [0])


def test_a_deleted_subscription_withdraws_what_was_to_come(customer: Quittance) -> None:
    customer.take(an_event(ending(2)))
    customer.take(an_event(ending(3, deleted=True)))
    assert (customer.rows(STATES), customer.rows(SEATS)) == (["withdrawn"], [0])
    assert customer.rows("select name from outbox") == ["cancellation_scheduled"]


def test_the_mail_goes_to_whoever_has_the_subscription_when_it_leaves(quittance: Quittance) -> None:
    quittance.take(an_event(a_subscription(1)), an_event(ending(2)))  # nobody to write to yet
    quittance.take(
        an_event(a_customer(), a_customer(id="cust_2", email="luc@other.example")),
        an_event(ending(3, customer_id="cust_2")),
    )
    quittance.hurry()
    assert [mail["To"] for mail in quittance.mails()] == ["luc@other.example"]


@pytest.mark.long
def test_cancellations_to_come_or_carried_out_are_the_same_in_every_order(quittance: Quittance) -> None:
    told = [a_subscription(1), ending(2), ended(3, END + timedelta(seconds=3)), ending(5, END + timedelta(days=40))]
    query = "select subscription_id, state, effective_at from cancellations where state in ('scheduled', 'run')"
    for end in in_every_order(quittance, *told):
        assert of_order(quittance, query, end) == [("sub_1", "scheduled", END + timedelta(days=40))]
        assert of_order(quittance, "select id, seats from subscriptions", end) == [("sub_1", 5)]


def test_two_sweeps_at_once_do_no_harm(customer: Quittance) -> None:
    customer.take(an_event(ending()))
    customer.move_clock(END)
    rules = customer.couriers.rules
    sweeps = [threading.Thread(target=carry_out_due_cancellations, args=(customer.engine, rules)) for _ in range(4)]
    for sweep in sweeps:
        sweep.start()
    for sweep in sweeps:
        sweep.join()
    customer.drain()
    assert (customer.rows(STATES), customer.rows(SEATS)) == (["run"], [0])
    assert customer.rows("select sum(after - before) from seat_entries") == [0]
    assert customer.rows("select count(*) from outbox where name = 'cancelled'") == [1]


@pytest.mark.long
def test_at_the_end_of_a_month_all_are_carried_out_however_many(quittance: Quittance) -> None:
    told = []
    for number in range(0, 520, 20):
        some = [ending(id=f"sub_{number + more}", customer_id=f"cust_{number + more}") for more in range(20)]
        told.append(an_event(*some))
    quittance.take(*told)
    quittance.move_clock(END)
    asked_again: list[bool] = []
    rules = quittance.couriers.rules
    looked_at = carry_out_due_cancellations(quittance.engine, rules, seconds=0.1, more=lambda: asked_again.append(True))
    assert 0 < looked_at < 520 and asked_again  # time was short: it goes on at once, not in a minute
    assert carry_out_due_cancellations(quittance.engine, rules, seconds=60) == 520 - looked_at
    assert quittance.rows("select state, count(*) from cancellations group by 1") == [("run", 520)]


# ---- with an API -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sold(site: Site) -> datetime:
    """A subscription whose end is scheduled; when that is."""
    site.create_customer(id="cust_1", company="Boréal", email="marie@test1234.example")
    site.add_card("cust_1")
    site.subscribe("cust_1", MONTHLY.id, 5, id="sub_1")
    end = site.schedule_cancellation("sub_1")["cancelled_at"]
    return datetime.fromtimestamp(end, tz=JANUARY.tzinfo)


def test_the_sweep_asks_chargebee_and_ends_what_it_ended(with_api: Quittance, site: Site, sold: datetime) -> None:
    with_api.take(*site.events)
    site.advance_to(sold + timedelta(seconds=5))
    with_api.move_clock(sold + timedelta(seconds=5))
    with_api.drain()  # no webhook came
    assert (with_api.rows(STATES), with_api.rows(SEATS)) == (["run"], [0])
    assert with_api.rows("select confirmed from cancellations") == [True]
    assert with_api.rows("select state from outbox where name = 'confirm_cancellation'") == ["sent"]


def test_the_sweep_never_ends_what_chargebee_still_shows_as_live(
    with_api: Quittance, site: Site, sold: datetime
) -> None:
    with_api.take(*site.events)
    with_api.move_clock(sold + timedelta(minutes=5))
    with_api.drain()
    assert (with_api.rows(STATES), with_api.rows(SEATS)) == (["scheduled"], [5])
    assert with_api.rows("select state from outbox where name = 'confirm_cancellation'") == ["new"]
    assert with_api.rows("select kind from findings") == []
    with_api.move_clock(sold + timedelta(hours=2))
    with_api.hurry()
    assert with_api.rows("select kind, object_id from findings") == [("cancellation_overdue", "sub_1")]
    assert with_api.rows(SEATS) == [5]
    site.advance_to(sold + timedelta(hours=2))
    with_api.hurry()
    assert (with_api.rows(STATES), with_api.rows(SEATS)) == (["run"], [0])


def test_the_sweep_learns_that_the_end_was_withdrawn(with_api: Quittance, site: Site, sold: datetime) -> None:
    with_api.take(*site.events)
    site.remove_scheduled_cancellation("sub_1")
    with_api.move_clock(sold + timedelta(seconds=5))
    with_api.drain()
    assert (with_api.rows(STATES), with_api.rows(SEATS)) == (["withdrawn"], [5])
