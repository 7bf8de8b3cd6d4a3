"""Events for benchmarks, made by our own simulator: one body to send again and again, and many histories as one."""

from __future__ import annotations

import copy
import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from simulator import Site, history
from simulator.pricing import MONTHLY
from simulator.webhooks import bytes_of
from webhooks import body

_RECEIVED_AT = datetime(2022, 1, 1, tzinfo=UTC)
# What the simulator numbers from the same start on every site; all other ids come from the seed.
_NUMBERED = re.compile(rb'"(customer|F|NC)-(\d+)"')

_NOTES = {f"key{number}": "v" * 40 for number in range(30)}  # to be as long as a customer with a year of history


@dataclass(frozen=True)
class Told:
    """An event, and the history that it belongs to: histories share no object."""

    history: int
    id: str
    raw: bytes


def a_card_payment() -> Told:
    """What Chargebee says when a customer's card has paid for a new term."""
    site = Site(seed=1)
    customer = site.create_customer(company="Client inc.", email="client@example.example")
    site.add_card(customer["id"])
    site.subscribe(customer["id"], MONTHLY.id, 5)
    event = next(each for each in site.events if each["event_type"] == "payment_succeeded")
    return Told(0, event["id"], bytes_of(event))


def changed_customers(count: int, *, customers: int) -> Iterator[bytes]:
    """So many `customer_changed`, one customer after the other, each newer than the one before."""
    site = Site(seed=1)
    body = []
    for number in range(customers):
        customer = site.create_customer(company=f"Client {number} inc.", email=f"client{number}@example.example")
        site.change_customer(customer["id"], phone="514 555-0100")
        body.append(next(each for each in reversed(site.events) if each["event_type"] == "customer_changed"))
    for number in range(count):
        event = copy.deepcopy(body[number % customers])
        event["id"] = f"{event['id']}_{number}"
        event["occurred_at"] += number // customers
        changed = event["content"]["customer"]
        changed["resource_version"] += 1000 * (number // customers)
        changed["meta_data"] = _NOTES
        changed["phone"] = f"514 555-{number % 10_000:04d}"
        yield bytes_of(event)


def many(count: int, seed: int = 1) -> list[Told]:
    """The first `count` events of many customers' histories at once, each history in its own order."""
    histories = []
    found = 0
    for number in itertools.count(1):
        if found >= count:
            break
        told = [
            Told(number, event["id"], _NUMBERED.sub(rb'"\1-%d-\2"' % number, bytes_of(event)))
            for event in history(number, customers=3, actions=5).events
        ]
        histories.append(told)
        found += len(told)
    turns = [index for index, told in enumerate(histories) for _ in told]
    random.Random(seed).shuffle(turns)
    queues = [iter(told) for told in histories]
    return [next(queues[index]) for index in turns][:count]


def fill(database_url: str, given: Sequence[Told]) -> None:
    """Put the events into the inbox as the receiver would, all received at one instant."""
    columns = "id, raw, digest, event_type, occurred_at, api_version, customer_ids, received_at"
    with psycopg.connect(database_url, autocommit=True) as connection:
        with connection.cursor().copy(f"copy inbox_events ({columns}) from stdin") as copy:
            for each in given:
                head = body.read(each.raw)
                said = (head.digest, head.event_type, head.occurred_at, head.api_version, head.customer_ids)
                copy.write_row((head.id, each.raw, *said, _RECEIVED_AT))
        connection.execute("analyze")
        connection.execute("checkpoint")
