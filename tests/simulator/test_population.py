"""Populations: lives that add up, the same from the same seed, in whatever process they are made."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import timedelta
from functools import cache
from pathlib import Path

from simulator import Site
from simulator.population import populate

ROOT = Path(__file__).parents[2]


@cache
def populated(customers: int = 60, seed: int = 5) -> Site:
    site = Site(seed=seed)
    populate(site, customers)
    return site


def test_every_customer_lives_a_year_at_least() -> None:
    site = populated()
    created = [body["created_at"] for body in site.all("customer")]
    assert len(created) == 60
    assert site.timestamp - max(created) >= timedelta(days=365).total_seconds()


def test_customers_live_differently() -> None:
    site = populated()
    types = {record.event_type for record in site.event_records}
    assert {
        "payment_succeeded", "payment_failed", "subscription_renewed", "subscription_changed",
        "subscription_cancellation_scheduled", "subscription_cancelled", "credit_note_created", "customer_changed",
    } <= types  # fmt: skip
    units = [body["billing_period_unit"] for body in site.all("subscription")]
    assert 20 < units.count("year") < 40
    methods = {body["payment_method"] for body in site.all("transaction")}
    assert {"card", "check", "bank_transfer"} <= methods


def test_what_a_population_owes_and_has_paid_adds_up() -> None:
    for body in populated().all("invoice"):
        parts = ("amount_paid", "amount_adjusted", "write_off_amount", "credits_applied", "amount_due")
        assert body["total"] == sum(body[part] for part in parts)


def test_with_a_number_of_events_customers_live_on_until_there_are_so_many() -> None:
    site, parts = Site(seed=5), list[float]()
    populate(site, 3, events=500, progress=parts.append)
    assert 500 <= len(site.events) < 520
    assert parts == sorted(parts) and parts[-1] == 1


def test_another_process_with_another_hash_seed_makes_the_same_bytes() -> None:
    here = Site(seed=9)
    populate(here, 12, years=0.5)
    program = (
        "import sys, hashlib; from simulator import Site; from simulator.population import populate; "
        "site = Site(seed=9); populate(site, 12, years=0.5); print(hashlib.sha256(site.dump()).hexdigest())"
    )
    for hash_seed in ("1", "77"):
        there = subprocess.run(
            [sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": hash_seed}, cwd=ROOT,
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert there.stdout.strip() == hashlib.sha256(here.dump()).hexdigest()
