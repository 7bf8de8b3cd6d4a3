"""Calls that change something, as they leave: both catalogues, the key, and a key of the API that may only read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import pytest

from gateway.errors import ProviderRefused
from gateway.guard import ChangeSubscription, EndSubscription, Standing
from gateway.writes import Call

from .conftest import Provider, answer

TERM_END = 1_613_055_600
OLD: dict[str, Any] = {
    "id": "sub_1",
    "object": "subscription",
    "customer_id": "cust_1",
    "status": "active",
    "plan_id": "boreal",
    "plan_quantity": 5,
    "addons": [{"id": "seat", "quantity": 2}],
    "current_term_end": TERM_END,
}
NEW = {name: value for name, value in OLD.items() if not name.startswith(("plan", "addons"))} | {
    "subscription_items": [
        {"item_price_id": "boreal", "item_type": "plan", "quantity": 5},
        {"item_price_id": "seat", "item_type": "addon", "quantity": 2},
    ]
}


def wanting(body: dict[str, Any], price: str, **wanted: Any) -> Call:
    seen = Standing.of(body, price)
    call = ChangeSubscription("sub_1", seen, replace(seen, **wanted)).next_call(seen)
    assert call is not None
    return call


def sent(provider: Provider, call: Call) -> tuple[str, str]:
    """The request of a call: its line without the version, and its body as it reads."""
    provider.answer(answer(200, {"subscription": OLD, "customer": {"id": "cust_1"}}))
    assert provider.gateway().write(call, "a-key")["subscription"] == OLD
    request = provider.requests[-1]
    assert request.headers["chargebee-idempotency-key"] == "a-key"
    assert request.headers["chargebee-event-email"] == "all-disabled"
    return request.line.removesuffix(" HTTP/1.1"), unquote_plus(request.body.decode())


@pytest.mark.parametrize(
    ("body", "price", "wanted", "path", "form"),
    [
        (NEW, "boreal", {"quantity": 8}, "update_for_items",
         "subscription_items[item_price_id][0]=boreal&subscription_items[quantity][0]=8"
         "&prorate=true&invoice_immediately=true"),
        (OLD, "boreal", {"quantity": 8}, "", "plan_quantity=8&prorate=true&invoice_immediately=true"),
        (OLD, "seat", {"quantity": 8}, "",
         "addons[id][0]=seat&addons[quantity][0]=8&prorate=true&invoice_immediately=true"),
        (OLD, "boreal", {"coming": 3}, "", "plan_quantity=3&end_of_term=true"),
        (NEW, "boreal", {"ends_at": TERM_END}, "cancel_for_items", "cancel_option=end_of_term"),
        (NEW, "boreal", {"ends_at": 7}, "cancel_for_items", "cancel_option=specific_date&cancel_at=7"),
        (OLD, "boreal", {"ends_at": TERM_END}, "cancel", "end_of_term=true"),
        (OLD, "boreal", {"ends_at": 7}, "cancel", "cancel_at=7"),
        (OLD | {"cancelled_at": 7}, "boreal", {"ends_at": None}, "remove_scheduled_cancellation", ""),
    ],
)  # fmt: skip
def test_each_catalogue_is_written_to_with_its_own_calls(
    provider: Provider, body: dict[str, Any], price: str, wanted: dict[str, Any], path: str, form: str
) -> None:
    line, sent_form = sent(provider, wanting(body, price, **wanted))
    assert line == f"POST /api/v2/subscriptions/sub_1/{path}".rstrip("/")
    assert sent_form == form


@pytest.mark.parametrize(("body", "path"), [(NEW, "cancel_for_items"), (OLD, "cancel")])
def test_an_end_that_has_come_is_carried_out_in_each_catalogue(
    provider: Provider, body: dict[str, Any], path: str
) -> None:
    seen = Standing.of(body | {"cancelled_at": 7})
    call = EndSubscription("sub_1", seen).next_call(seen)
    assert call is not None
    assert sent(provider, call)[0] == f"POST /api/v2/subscriptions/sub_1/{path}"


def test_a_key_that_may_only_read_is_told_as_such(provider: Provider) -> None:
    provider.refuse(403, "api_authorization_failed")
    with pytest.raises(ProviderRefused, match=r"CHARGEBEE_API_KEY may not write .* full access on site"):
        provider.gateway().write(wanting(NEW, "boreal", quantity=8), "a-key")


def test_the_same_call_has_the_same_key_and_no_key_is_longer_than_chargebee_takes() -> None:
    more, fewer = wanting(NEW, "boreal", quantity=8), wanting(NEW, "boreal", quantity=3)
    assert more.key("intent") == wanting(NEW, "boreal", quantity=8).key("intent")
    keys = {more.key("intent"), fewer.key("intent"), more.key("intent", refusals=1), more.key("another")}
    assert len(keys) == 4
    assert len(more.key("x" * 200)) <= 100


def test_an_end_that_is_a_day_away_is_not_risked_for_an_edit() -> None:
    seen = Standing.of(NEW | {"cancelled_at": TERM_END, "status": "non_renewing"}, "boreal")
    write = ChangeSubscription("sub_1", seen, replace(seen, quantity=8))
    assert write.objection(seen, begun=False, now=datetime.fromtimestamp(TERM_END - 26 * 3600, UTC)) is None
    near = write.objection(seen, begun=False, now=datetime.fromtimestamp(TERM_END - 24 * 3600, UTC))
    assert near is not None and "ends within 25 hours" in near
