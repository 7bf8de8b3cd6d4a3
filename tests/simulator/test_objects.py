"""The site's objects beside genuine ones: every field that Chargebee was seen to send is there, and of the same type.

The genuine objects are other people's data and no part of the repository, so without them there is nothing to compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from simulator import Site, history
from simulator.pricing import MONTHLY

GENUINE = Path(__file__).parents[3] / "shared" / "chargebee"
if not GENUINE.is_dir():
    pytest.skip("the genuine Chargebee objects are not beside this repository", allow_module_level=True)

KINDS = (
    "subscription", "invoice", "transaction", "customer", "credit_note", "payment_source", "promotional_credit",
    "item", "item_price", "unbilled_charge",
)  # fmt: skip
# What genuine objects have and ours have not, and why.
EXCEPTIONS = {
    "subscription.plan_*": "catalogue 1.0",
    "subscription.addons": "catalogue 1.0",
    "subscription.shipping_address*": "nothing is shipped",
    "subscription.channel": "newer than some recordings",
    "invoice.line_item_tiers": "prices with tiers are not sold",
    "invoice.shipping_address": "nothing is shipped",
    "customer.relationship": "accounts of accounts are not kept",
    "customer.business_entity_id": "the site has one business entity",
    "customer.business_customer_without_vat_number": "VAT of the European Union",
    "customer.vat_number_*": "VAT of the European Union: numbers are kept, not checked",
    "transaction.amount_capturable": "authorizations are not made",
    "transaction.authorization_reason": "authorizations are not made",
    "transaction.fraud_reason": "no gateway scores fraud here",
}


def covers(known: str, path: str) -> bool:
    """Whether an exception is about a field: it names the field, what the field is in, or how its name begins."""
    return path == known or path.startswith(f"{known}.") or (known[-1] == "*" and path.startswith(known[:-1]))


def typed_paths(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every field of a value with its type, in depth; the members of a list count as one."""
    if isinstance(value, dict):
        for field, part in value.items():
            yield from typed_paths(part, f"{path}.{field}")
    elif isinstance(value, list):
        yield path, "list"
        for part in value:
            yield from typed_paths(part, path)
    else:
        yield path, "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def genuine() -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each genuine object of our kinds was found, and the object."""
    for path in sorted((GENUINE / "objects").glob("*.json")):
        yield path.name, json.loads(path.read_bytes())
    for path in sorted((GENUINE / "events").glob("*.json")):
        content = json.loads(path.read_bytes())["content"]
        for member in content.values():
            for body in member if isinstance(member, list) else [member]:
                if len(body) > 8:  # the smaller ones were written by hand for somebody's test
                    yield path.name, body


@cache
def ours(kind: str) -> set[tuple[str, str]]:
    """Every field, with its type, that any object of a kind has had on our sites."""
    sites = [special(), *(history(seed) for seed in range(15))]
    found: Iterable[dict[str, Any]] = (
        body for site in sites for (made, _), bodies in site.versions.items() if made == kind for body in bodies
    )
    return {pair for body in found for pair in typed_paths(body, kind)}


def special() -> Site:
    """A site on which the rarer fields are filled."""
    site = Site()
    site.create_customer(
        id="marie", company="Société Test1234", first_name="Marie", last_name="Tremblay", phone="514 555-0100",
        email="marie@test1234.example", vat_number="FR12345678901", taxability="exempt",
        address={"line1": "1 rue Test", "line2": "bureau 1", "city": "Paris", "country": "FR", "phone": "1"},
    )  # fmt: skip
    site.add_card("marie")
    site.change_customer("marie", backup_payment_source_id=site.add_card("marie", primary=False)["id"])
    site.subscribe("marie", MONTHLY.id, 3, billing_cycles=2, po_number="0000002", id="boreal")
    site.refund("F-10391", 100)
    site.cancel("boreal", credit=True)
    site.charge_invoice("marie", charges=[{"amount": 100, "description": "Données récupérées"}])
    site.create_customer(id="alex", company="Atelier Nord", auto_collection="off")
    site.subscribe("alex", MONTHLY.id, id="nord", trial_end=datetime(2021, 2, 1, tzinfo=UTC))
    site.advance_to(site.now + timedelta(days=60))
    return site


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_has_every_field_of_the_genuine_ones_and_of_the_same_type(kind: str) -> None:
    bodies = [(where, body) for where, body in genuine() if body.get("object") == kind]
    assert bodies
    missing = {
        f"{path}: {type}": where
        for where, body in bodies
        for path, type in typed_paths(body, kind)
        if not any(covers(known, path) for known in EXCEPTIONS) and (path, type) not in ours(kind)
    }
    assert missing == {}


def test_no_exception_is_made_for_nothing() -> None:
    paths = {path for _, body in genuine() for path, _ in typed_paths(body, str(body.get("object")))}
    assert [known for known in EXCEPTIONS if not any(covers(known, path) for path in paths)] == []
