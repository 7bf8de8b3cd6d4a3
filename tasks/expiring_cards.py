"""Cards that are about to expire: told once for each card and month, whoever says it first.

Newer sites show it as the state of a payment source, older ones say it in an event that carries little else.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from billing.terms import date_in
from emails import kinds
from emails.contexts import PaidWith, PaymentMethodExpiringContext
from gateway.events import Reader
from models import Customer, PaymentSource, clock
from models.session import transaction

from .mails import customer_of, overtaken, recipient_of, send
from .outbox import Delivery, Outcome, queue_email
from .registry import Change, delivers, derives, on
from .world import World

KIND = kinds.payment_method_expiring.name


@derives(PaymentSource)
def tell_of_expiring_card(world: World, source: PaymentSource, change: Change | None) -> None:
    """Tell that a card expires soon, while its state says so."""
    if source.type == "card" and source.status == "expiring" and not source.deleted and source.customer_id:
        _tell(world, source.customer_id, source.id, source.last4, source.expiry_month, source.expiry_year, source.brand)


@on("payment_source_expiring")
def hear_of_expiring_source(world: World, content: dict[str, Any]) -> None:
    """The event says so although the source in it may not."""
    source = Reader("event", "payment_source_expiring", content).part("payment_source")
    card = source.part("card")
    _hear(world, content, source.text("customer_id"), source.text("id"), card)


@on("card_expiry_reminder")
def hear_of_expiring_card(world: World, content: dict[str, Any]) -> None:
    """A legacy event: the customer, and the card where the webhook is told to send it."""
    card = Reader("event", "card_expiry_reminder", content).part("card")
    _hear(world, content, card.text("customer_id"), card.text("payment_source_id"), card)


def _hear(world: World, content: dict[str, Any], owner: str | None, source_id: str | None, card: Reader) -> None:
    customer_id = owner or Reader("event", "expiring", content).part("customer").text("id")
    if customer_id:
        brand = card.text("brand") or card.text("card_type")
        month, year = card.whole("expiry_month"), card.whole("expiry_year")
        _tell(world, customer_id, source_id, card.text("last4"), month, year, brand)


def _tell(
    world: World,
    customer_id: str,
    source_id: str | None,
    last4: str | None,
    month: int | None,
    year: int | None,
    brand: str | None,
) -> None:
    """A mail says which card and which month, or nothing: without them no reader knows what to do."""
    if not last4 or not year or not month or not 1 <= month <= 12 or not 2000 <= year <= 2100:
        return
    payload = {"source": source_id, "last4": last4, "month": f"{year}-{month:02}-01", "brand": brand}
    queue_email(world, KIND, customer_id, customer_id, revision=f"{last4}-{year}-{month:02}", payload=payload)


@delivers("email", KIND)
def deliver_expiring_card(delivery: Delivery) -> Outcome:
    """Ask for another card, if this one is still the customer's and it still matters."""
    said = delivery.row.payload
    month = date.fromisoformat(said["month"])
    customer = customer_of(delivery, delivery.row.customer_id)
    with transaction(delivery.engine) as session:
        source = session.get(PaymentSource, said["source"] or "")
        today = date_in(delivery.couriers.rules.zone, clock.now(session))
    if reason := _pointless(customer, source, month, today):
        return overtaken(reason)
    reader = recipient_of(delivery, customer, kinds.payment_method_expiring)
    context = PaymentMethodExpiringContext(
        month=month,
        card=PaidWith(method="card", brand=said["brand"], last4=said["last4"]),
        first_name=reader.first_name,
        company=customer.company,
    )
    return send(delivery, kinds.payment_method_expiring, context, customer, reader)


def _pointless(customer: Customer, source: PaymentSource | None, month: date, today: date) -> str | None:
    if source and source.deleted:
        return "the card was removed"
    if source and (source.expiry_year, source.expiry_month) != (month.year, month.month):
        return "the card was renewed"
    if customer.auto_collection == "off":
        return "the customer pays by cheque or wire"
    if (month.year, month.month) < (today.year, today.month):
        return "the month is over"
    return None
