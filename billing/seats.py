"""How many seats a subscription gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .errors import NeedsAttention

# While these hold the customer has what was sold; future, paused, cancelled, transferred and deleted give nothing.
LIVE = frozenset({"active", "non_renewing", "in_trial"})


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a subscription. `quantity` is as sold: free units are included."""

    item_price_id: str
    item_type: str  # plan, addon, charge
    quantity: int


def seats_by_item(
    subscription_id: str,
    *,
    status: str | None,
    deleted: bool,
    ended: bool,
    items: Iterable[Item] | None,
    counted: Iterable[str],
) -> dict[str, int]:
    """The seats that each item gives now, by item price.

    The plan counts, and so does any item price that one of the `counted` patterns matches (`seat-*`); other
    add-ons give 0. `ended` says that the subscription's cancellation was carried out here although no snapshot
    has said so yet.

    Raises:
        NeedsAttention: a live subscription shows neither a plan nor items.
    """
    live = status in LIVE and not deleted and not ended
    if items is None:
        if live:
            raise NeedsAttention(
                f"subscription {subscription_id} is {status} but shows neither a plan nor subscription_items, so its "
                "seats are unknown; check the API version and catalogue of the webhook in Chargebee, then replay"
            )
        return {}
    patterns = tuple(counted)
    return {item.item_price_id: item.quantity if live and _is_seat(item, patterns) else 0 for item in items}


def _is_seat(item: Item, patterns: tuple[str, ...]) -> bool:
    return item.item_type == "plan" or any(fnmatchcase(item.item_price_id, pattern) for pattern in patterns)
