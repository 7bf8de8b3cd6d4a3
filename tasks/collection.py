"""Who collects an invoice: Chargebee by itself, or the customer sends the money."""

from __future__ import annotations

from billing.followups import Collection, collection_of
from models import Customer, Invoice, Subscription

from .world import World


def collection_for(world: World, invoice: Invoice) -> Collection | None:
    """Whether Chargebee collects this invoice by itself: its subscription's setting, else its customer's."""
    subscription = world.get(Subscription, invoice.subscription_id)
    customer = world.get(Customer, invoice.customer_id)
    return collection_of(
        subscription.auto_collection if subscription else None, customer.auto_collection if customer else None
    )
