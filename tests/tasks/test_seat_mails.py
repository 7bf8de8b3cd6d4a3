"""Seats that changed: told to the owner as a transition, with what it costs where that is known."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Site
from simulator.pricing import MONTHLY
from tests.builders import (
    JANUARY,
    Body,
    Quittance,
    a_credit_note,
    a_customer,
    a_subscription,
    an_event,
    an_invoice,
    mail_text,
    seconds,
)

MAILS = "select state, payload->'before', payload->'after' from outbox where name = 'seats_changed' order by id"
END = seconds(JANUARY) + 100 * 86400


@pytest.fixture
def ten(quittance: Quittance) -> Quittance:
    """A customer with ten seats."""
    quittance.move_clock(JANUARY)
    quittance.take(an_event(a_customer(), a_subscription(1, seats=10, current_term_end=END)))
    return quittance


def prorated(minor: int) -> Body:
    line = {"description": "Licences, frais au prorata", "quantity": 1, "unit_amount": minor, "amount": minor}
    return an_invoice(2, total=minor, paid=minor, line_items=[line])


def test_first_sight_is_no_change(ten: Quittance) -> None:
    assert ten.rows(MAILS) == []


def test_a_change_is_told_to_the_owner_with_its_charge_and_the_renewal(ten: Quittance) -> None:
    ten.take(an_event(a_subscription(2, seats=21, current_term_end=END), prorated(301009)))
    assert ten.rows(MAILS) == [("sent", 10, 21)]
    mail = next(mail for mail in ten.mails() if "21 licences" in mail["Subject"])
    words = mail_text(mail)
    for said in ("de 10 à 21 licences dès aujourd’hui", "3\u00a0010,09\u00a0$", "21 avr. 2021"):
        assert said in words


def test_a_credit_is_told_and_money_of_another_kind_is_not(ten: Quittance) -> None:
    plain = an_invoice(2, total=5000, paid=5000)
    note = a_credit_note(2, subscription_id="sub_1", type="refundable", total=1234)
    ten.take(an_event(a_subscription(2, seats=8), plain, note))
    mail = next(mail for mail in ten.mails() if "8 licences" in mail["Subject"])
    assert "12,34\u00a0$" in mail_text(mail) and "50,00\u00a0$" not in mail_text(mail)


@pytest.mark.parametrize(
    "later",
    [
        a_subscription(2, seats=10, cf_note="nothing that counts"),
        a_subscription(2, seats=12, status="cancelled", cancelled_at=seconds(JANUARY)),
        a_subscription(2, seats=12, status="paused"),
        a_subscription(2, seats=12, deleted=True),
    ],
)
def test_what_is_no_change_of_a_live_subscription_is_not_told(ten: Quittance, later: Body) -> None:
    ten.take(an_event(later))
    assert ten.rows(MAILS) == []


def test_a_subscription_that_comes_back_is_no_change_of_seats(ten: Quittance) -> None:
    ten.take(an_event(a_subscription(2, seats=10, status="cancelled", cancelled_at=seconds(JANUARY))))
    ten.take(an_event(a_subscription(3, seats=10)))
    assert ten.rows(MAILS) == []


def test_the_same_event_twice_is_told_once_and_an_older_one_not_at_all(ten: Quittance) -> None:
    event = an_event(a_subscription(3, seats=21))
    ten.take(event, event | {"id": "ev_again"}, an_event(a_subscription(2, seats=5)))
    assert ten.rows(MAILS) == [("sent", 10, 21)]


def test_changes_in_quick_succession_are_one_mail_from_what_the_owner_knew(ten: Quittance) -> None:
    ten.take(an_event(a_subscription(2, seats=15)), an_event(a_subscription(3, seats=21)))
    assert ten.rows(MAILS) == [("suppressed", 10, 15), ("sent", 15, 21)]
    assert "de 10 à 21 licences" in mail_text(ten.mails()[-1])


def test_a_change_that_is_taken_back_at_once_is_not_told(ten: Quittance) -> None:
    ten.take(an_event(a_subscription(2, seats=15)), an_event(a_subscription(3, seats=10)))
    assert [state for state, *_ in ten.rows(MAILS)] == ["suppressed", "suppressed"]
    ten.take(an_event(a_subscription(4, seats=11)))
    assert "de 10 à 11 licences" in mail_text(ten.mails()[-1])


def test_a_change_of_some_days_ago_is_told_with_its_date(ten: Quittance) -> None:
    changed: dict[str, Any] = {"seats": 21, "current_term_end": END}
    ten.move_clock(JANUARY.replace(day=14))
    ten.take(an_event(a_subscription(2, **changed)))
    assert "11 janv. 2021" in mail_text(ten.mails()[-1])


# ---- changes to come -------------------------------------------------------------------------------------------------

TO_COME = "select state, reason from outbox where name = 'seats_change_scheduled' order by id"


@pytest.fixture
def subscribed(with_api: Quittance, site: Site) -> Quittance:
    with_api.move_clock(site.now)
    site.create_customer(id="cust_1", email="marie@test1234.example", locale="fr-CA", first_name="Marie")
    site.add_card("cust_1")
    site.subscribe("cust_1", MONTHLY.id, 10, id="sub_1")
    with_api.take(*site.events)
    return with_api


def news(quittance: Quittance, site: Site, seen: int) -> None:
    quittance.take(*site.events_since(seen))


def test_another_number_from_a_later_date_is_told_as_the_api_shows_it(subscribed: Quittance, site: Site) -> None:
    seen = len(site.events)
    site.change_seats("sub_1", 4, end_of_term=True)
    news(subscribed, site, seen)
    assert subscribed.rows(TO_COME) == [("sent", None)]
    mail = subscribed.mails()[-1]
    assert mail["Subject"] == "Vos licences passeront à 4 le 11 févr. 2021"
    shown = site.current("subscription", "sub_1")
    subscribed.take(an_event(shown | {"cf_note": "x", "resource_version": shown["resource_version"] + 1}))
    assert [state for state, _ in subscribed.rows(TO_COME)] == ["sent", "suppressed"]
    assert subscribed.rows(TO_COME)[1][1] == "the same was told before"


def test_a_change_that_is_given_up_before_the_mail_leaves_is_not_told(subscribed: Quittance, site: Site) -> None:
    seen = len(site.events)
    site.change_seats("sub_1", 4, end_of_term=True)
    site.remove_scheduled_changes("sub_1")
    news(subscribed, site, seen)
    assert {state for state, _ in subscribed.rows(TO_COME)} <= {"suppressed"}


def test_without_an_api_nothing_is_known_of_what_is_to_come_and_nothing_said(ten: Quittance) -> None:
    ten.take(an_event(a_subscription(2, seats=10, has_scheduled_changes=True, changes_scheduled_at=END)))
    assert ten.rows(TO_COME) == []
