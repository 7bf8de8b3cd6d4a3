"""Seats: current counts, their ledger, and the calls that tell the product."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request

from simulator.server import serving
from tasks.callbacks import signature
from tasks.world import OVERTAKEN
from tests.builders import (
    JANUARY,
    Body,
    Quittance,
    a_customer,
    a_subscription,
    an_event,
    an_item,
    in_every_order,
    of_order,
    seconds,
)

SEATS = "select seats from subscriptions where id = 'sub_1'"
LEDGER = "select item_price_id, before, after from seat_entries order by id"
ITEMS = "select item_price_id, item_type, quantity, seats from subscription_items order by 1"

PLAN = "licence-CAD-monthly"


def test_seats_follow_the_newest_snapshot_and_the_ledger_says_how(quittance: Quittance) -> None:
    quittance.take(an_event(a_subscription(1, seats=5)), an_event(a_subscription(2, seats=8)))
    assert quittance.rows(SEATS) == [8]
    assert quittance.rows(LEDGER) == [(PLAN, 0, 5), (PLAN, 5, 8)]


def test_the_same_event_twice_counts_once(quittance: Quittance) -> None:
    event = an_event(a_subscription(1, seats=5))
    quittance.take(event)
    quittance.take(event, event | {"id": "ev_again"})
    assert quittance.rows(SEATS) == [5]
    assert quittance.rows(LEDGER) == [(PLAN, 0, 5)]


def test_an_older_snapshot_does_not_shrink_the_seats(quittance: Quittance) -> None:
    late = an_event(a_subscription(1, seats=5))
    quittance.take(an_event(a_subscription(2, seats=8)))
    quittance.take(late)
    assert quittance.rows(SEATS) == [8]
    assert quittance.ending(late) == ("ignored", "nothing newer in it")


def test_only_the_plan_counts_of_several_items(quittance: Quittance) -> None:
    several = [an_item(5), an_item(3, "seat-pack", "addon"), an_item(1, "support", "addon")]
    quittance.take(an_event(a_subscription(1, subscription_items=several)))
    assert quittance.rows(SEATS) == [5]
    assert quittance.rows(ITEMS) == [
        (PLAN, "plan", 5, 5),
        ("seat-pack", "addon", 3, 0),
        ("support", "addon", 1, 0),
    ]


def test_addons_that_are_listed_count_too(db_url: str, tmp_path: Path) -> None:
    quittance = Quittance(db_url, tmp_path, SEAT_ITEM_PRICES="seat-*,extra")
    several = [an_item(5), an_item(3, "seat-pack", "addon"), an_item(2, "extra", "addon"), an_item(1, "x", "addon")]
    quittance.take(an_event(a_subscription(1, subscription_items=several)))
    assert quittance.rows(SEATS) == [10]
    assert quittance.rows(LEDGER) == [("extra", 0, 2), (PLAN, 0, 5), ("seat-pack", 0, 3)]
    quittance.close()


@pytest.mark.parametrize("status", ["cancelled", "paused", "transferred"])
def test_seats_end_with_the_subscription_and_the_quantity_stays_known(quittance: Quittance, status: str) -> None:
    over = a_subscription(2, seats=5, status=status, cancelled_at=seconds(JANUARY))
    quittance.take(an_event(a_subscription(1, seats=5)), an_event(over))
    assert quittance.rows(SEATS) == [0]
    assert quittance.rows(ITEMS) == [(PLAN, "plan", 5, 0)]
    assert quittance.rows(LEDGER) == [(PLAN, 0, 5), (PLAN, 5, 0)]


def test_a_deleted_subscription_gives_no_seats(quittance: Quittance) -> None:
    quittance.take(an_event(a_subscription(1, seats=5)), an_event(a_subscription(2, seats=5, deleted=True)))
    assert quittance.rows(SEATS) == [0]


def test_seats_come_back_when_a_paused_subscription_resumes(quittance: Quittance) -> None:
    states = ["active", "paused", "active"]
    quittance.take(*(an_event(a_subscription(n, seats=5, status=s)) for n, s in enumerate(states, 1)))
    assert quittance.rows(SEATS) == [5]
    assert quittance.rows(LEDGER) == [(PLAN, 0, 5), (PLAN, 5, 0), (PLAN, 0, 5)]


def test_an_item_that_is_removed_gives_its_seats_back(quittance: Quittance) -> None:
    quittance.take(an_event(a_subscription(1, subscription_items=[an_item(5, "old")])))
    quittance.take(an_event(a_subscription(2, subscription_items=[an_item(7, "new")])))
    assert quittance.rows(SEATS) == [7]
    assert quittance.rows(ITEMS) == [("new", "plan", 7, 7)]
    assert quittance.rows(LEDGER) == [("old", 0, 5), ("new", 0, 7), ("old", 5, 0)]


def test_the_older_catalogue_gives_seats_as_well(quittance: Quittance) -> None:
    old = a_subscription(1, subscription_items=None, plan_id="gold", plan_quantity=4, addons=[{"id": "x"}])
    quittance.take(an_event(old))
    assert quittance.rows(SEATS) == [4]


def test_a_moved_subscription_takes_its_seats_along(quittance: Quittance) -> None:
    quittance.take(an_event(a_subscription(1, seats=5)), an_event(a_subscription(2, seats=5, customer_id="cust_2")))
    late = an_event(a_subscription(1, seats=9))
    quittance.take(late)
    assert quittance.rows("select customer_id, seats from subscriptions") == [("cust_2", 5)]
    assert quittance.rows(LEDGER) == [(PLAN, 0, 5)]


def test_a_live_subscription_with_neither_plan_nor_items_is_parked_and_leaves_nothing(quittance: Quittance) -> None:
    bare = an_event(a_customer(), a_subscription(1, subscription_items=None))
    quittance.take(bare)
    status, reason = quittance.ending(bare)
    assert status == "parked"
    assert reason is not None and "neither a plan nor subscription_items" in reason
    for table in ("customers", "subscriptions", "subscription_items", "seat_entries", "audit_entries", "outbox"):
        assert quittance.rows(f"select count(*) from {table}") == [0], table


def test_an_ended_subscription_may_come_without_items(quittance: Quittance) -> None:
    quittance.take(an_event(a_subscription(1, seats=5)))
    over = an_event(a_subscription(2, status="cancelled", cancelled_at=seconds(JANUARY), subscription_items=None))
    quittance.take(over)
    assert quittance.ending(over) == ("applied", None)
    assert quittance.rows(SEATS) == [0]


@pytest.mark.long
def test_the_ledger_adds_up_to_the_current_seats_whatever_the_order(quittance: Quittance) -> None:
    ends = in_every_order(
        quittance,
        a_subscription(1, subscription_items=[an_item(5), an_item(1, "old", "plan")]),
        a_subscription(2, seats=5, status="paused"),
        a_subscription(3, subscription_items=[an_item(9)]),
        a_subscription(4, subscription_items=[an_item(8), an_item(2, "more", "addon")]),
    )
    ledger = "select subscription_id, sum(after - before) from seat_entries group by 1"
    items = "select subscription_id, item_price_id, seats from subscription_items order by 2"
    for end in ends:
        assert of_order(quittance, "select id, seats from subscriptions", end) == [("sub_1", 8)]
        assert of_order(quittance, ledger, end) == [("sub_1", 8)]
        assert of_order(quittance, items, end) == [("sub_1", PLAN, 8), ("sub_1", "more", 0)]


def test_the_ledger_says_when_the_snapshot_was_made_and_which_event_brought_it(quittance: Quittance) -> None:
    event = an_event(a_subscription(1, seats=5))
    quittance.take(event)
    ((at, event_id),) = quittance.rows("select effective_at, event_id from seat_entries")
    assert abs(at - JANUARY) < timedelta(seconds=2)
    assert event_id == event["id"]


@pytest.mark.parametrize("change", ["update seat_entries set after = 0", "delete from seat_entries"])
def test_the_ledger_is_append_only(quittance: Quittance, change: str) -> None:
    quittance.take(an_event(a_subscription(1)))
    with pytest.raises(Exception, match="seat_entries is append-only"):
        quittance.run(change)


# ---- the product is told ---------------------------------------------------------------------------------------------

SECRET = "a-secret-for-callbacks"


class Product:
    """The host application's endpoint: keeps what it was told, and answers as a test wants."""

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, str], bytes]] = []
        self.answers = [204]
        self.meanwhile: Callable[[], None] | None = None  # what happens once, while it thinks
        self.app = Flask("product")
        self.app.post("/hooks")(self.take)

    def take(self) -> Response:
        self.told.append((dict(request.headers), request.get_data()))
        if meanwhile := self.meanwhile:
            self.meanwhile = None
            meanwhile()
        return Response(status=self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    @property
    def seats(self) -> list[int]:
        return [json.loads(body)["data"]["seats"] for _, body in self.told]


@pytest.fixture
def product() -> Product:
    return Product()


@pytest.fixture
def telling(db_url: str, tmp_path: Path, product: Product) -> Iterator[Quittance]:
    """The system, with a product that asked to be told."""
    with serving(product.app) as url:
        quittance = Quittance(db_url, tmp_path, CALLBACK_URL=f"{url}/hooks", CALLBACK_SECRET=SECRET)
        yield quittance
        quittance.close()


def test_without_a_callback_url_nothing_is_called(quittance: Quittance) -> None:
    quittance.take(an_event(a_subscription(1)))
    assert quittance.rows("select count(*) from outbox where kind = 'callback'") == [0]


def test_the_product_hears_of_each_change_under_a_signature_it_can_check(telling: Quittance, product: Product) -> None:
    telling.take(an_event(a_subscription(1, seats=5)))
    telling.take(an_event(a_subscription(2, seats=5, cf_note="no change of seats")))
    telling.take(an_event(a_subscription(3, seats=8)))
    assert product.seats == [5, 8]
    headers, body = product.told[0]
    told: Body = json.loads(body)
    assert told["type"] == "seats.changed"
    assert told["data"] == {"subscription": "sub_1", "customer": "cust_1", "seats": 5}
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == told["id"]
    moment, seal = (part.split("=", 1)[1] for part in headers["Quittance-Signature"].split(","))
    assert seal == signature(SECRET, moment, body)
    assert seal != signature(SECRET, moment, body + b" ") and seal != signature("another", moment, body)
    assert telling.rows("select state, reply from outbox where kind = 'callback'") == [("sent", "204"), ("sent", "204")]


def test_a_change_is_told_once_however_often_it_is_heard_of(telling: Quittance, product: Product) -> None:
    event = an_event(a_subscription(1, seats=5))
    telling.take(event, event | {"id": "ev_again"})
    telling.take(an_event(a_customer(), a_subscription(1, seats=5)))
    assert product.seats == [5]


def test_the_product_hears_when_the_clock_ends_the_seats_under_a_version_it_knows(
    telling: Quittance, product: Product
) -> None:
    telling.move_clock(JANUARY)
    ends_at = JANUARY + timedelta(days=20)
    telling.take(an_event(a_subscription(1, seats=5, status="non_renewing", cancelled_at=seconds(ends_at))))
    telling.move_clock(ends_at)
    telling.drain()
    assert product.seats == [5, 0]


@pytest.mark.parametrize("answer", [500, 404, 302])
def test_a_product_that_does_not_take_it_is_called_again_with_the_same_key(
    telling: Quittance, product: Product, answer: int
) -> None:
    product.answers = [answer, 200]
    telling.take(an_event(a_subscription(1, seats=5)))
    assert telling.rows("select state, reason from outbox") == [("new", f"the product answered {answer}")]
    telling.hurry()
    assert telling.rows("select state from outbox") == ["sent"]
    keys: list[Any] = [headers["Idempotency-Key"] for headers, _ in product.told]
    assert len(keys) == 2 and keys[0] == keys[1]


def test_a_word_that_a_newer_one_overtook_is_not_sent_after_it(telling: Quittance, product: Product) -> None:
    product.answers = [503, 204]
    telling.take(an_event(a_subscription(1, seats=5)))
    telling.take(an_event(a_subscription(2, seats=8)))
    telling.hurry()
    assert product.seats == [5, 8]
    assert telling.rows("select state, reason from outbox where kind = 'callback' order by id") == [
        ("suppressed", OVERTAKEN),
        ("sent", None),
    ]


def test_a_word_waits_until_the_older_one_on_its_way_has_ended(telling: Quittance, product: Product) -> None:
    product.meanwhile = lambda: telling.take(an_event(a_subscription(2, seats=8)))
    telling.take(an_event(a_subscription(1, seats=5)))
    assert product.seats == [5]
    telling.hurry()
    assert product.seats == [5, 8]
    assert telling.rows("select state, attempts from outbox where kind = 'callback' order by id") == [
        ("sent", 1),
        ("sent", 1),
    ]
    first, second = (json.loads(body)["sequence"] for _, body in product.told)
    assert first < second


def test_words_about_other_subscriptions_do_not_overtake(telling: Quittance, product: Product) -> None:
    product.answers = [503, 204]
    telling.take(an_event(a_subscription(1, seats=5)))
    telling.take(an_event(a_subscription(1, id="sub_2", seats=8)))
    telling.hurry()
    assert product.seats == [5, 8, 5]


def test_a_word_that_is_history_overtakes_none(telling: Quittance, product: Product) -> None:
    product.answers = [503, 204]
    telling.take(an_event(a_subscription(1, seats=5)))
    telling.run(
        "insert into outbox (key, queue, kind, name, object_id, payload, state, reason) values"
        " ('k', 'provider', 'callback', 'seats.changed', 'sub_1', '{}', 'suppressed', 'history: it came by import')"
    )
    telling.hurry()
    assert product.seats == [5, 5]
