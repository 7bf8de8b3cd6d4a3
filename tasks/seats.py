"""Seats: what each subscription gives now, and the ledger of how that came about."""

from __future__ import annotations

from datetime import UTC, datetime

from billing.seats import Item, seats_by_item
from models import Cancellation, SeatEntry, Subscription, SubscriptionItem

from .outbox import queue_callback
from .registry import Change, derives
from .seat_mails import tell_of_change
from .world import World

CHANGED = "seats.changed"


@derives(Subscription)
def bring_seats_in_line(world: World, subscription: Subscription, change: Change | None) -> None:
    """Make the current seats what the subscription now says, and tell whoever must know."""
    items = {item["item_price_id"]: item for item in subscription.items or ()}
    now = seats_by_item(
        subscription.id,
        status=subscription.status,
        deleted=subscription.deleted,
        ended=_has_ended(world, subscription),
        items=[Item(**item) for item in items.values()] if subscription.items is not None else None,
        counted=world.rules.seat_item_prices,
    )
    known = {row.item_price_id: row for row in world.where(SubscriptionItem, subscription_id=subscription.id)}
    for price in sorted(known.keys() | now.keys()):
        _write_item(world, subscription, price, known.get(price), now.get(price, 0), items.get(price))
    seats = sum(now.values())
    tell_of_change(world, subscription, change, seats)
    if world.change(subscription, seats=seats):
        # With the count: the clock may end the seats under a version that was told already.
        revision, times = f"{subscription.version}:{seats}", 1
        while world.is_queued(f"{CHANGED}:{subscription.id}:{revision}"):  # a tie was settled, or it is back
            times += 1
            revision = f"{subscription.version}:{seats}:{times}"
        queue_callback(
            world,
            CHANGED,
            subscription.id,
            subscription.customer_id,
            revision=revision,
            payload={"subscription": subscription.id, "customer": subscription.customer_id, "seats": seats},
        )


def _write_item(
    world: World,
    subscription: Subscription,
    price: str,
    row: SubscriptionItem | None,
    seats: int,
    item: dict[str, object] | None,
) -> None:
    before = row.seats if row else 0
    if before != seats:
        world.add(
            SeatEntry(
                subscription_id=subscription.id,
                item_price_id=price,
                before=before,
                after=seats,
                effective_at=datetime.fromtimestamp(subscription.version / 1000, UTC),
                event_id=world.cause.event_id,
            )
        )
    if item is None:
        if row:
            world.remove(row)
    elif row:
        world.change(row, item_type=item["item_type"], quantity=item["quantity"], seats=seats)
    else:
        world.add(SubscriptionItem(subscription_id=subscription.id, seats=seats, **item))


def _has_ended(world: World, subscription: Subscription) -> bool:
    """Was the cancellation that it shows carried out here, on its date, although no snapshot says so yet?"""
    if subscription.cancelled_at is None:
        return False
    row = world.get(Cancellation, subscription.id, subscription.cancelled_at)
    return row is not None and row.state == "run"
