"""How to pay, told again: when a customer who was told otherwise chooses cheque or wire for an invoice still open.

An invoice whose own mail is still to leave needs none: that mail says how to pay.
"""

from __future__ import annotations

import sys

from sqlalchemy import select

from billing.followups import COLLECTED, OFFLINE_METHODS
from billing.money import Money
from billing.terms import date_in
from emails import kinds
from emails.contexts import PaymentInstructionsContext
from models import Customer, Followup, Invoice, OutboxRow, Subscription
from models.session import transaction

from .invoice_mails import offline_method_of, variant_of
from .live import live_invoice
from .mails import customer_of, overtaken, recipient_of, send
from .outbox import Delivery, Outcome, queue_email
from .registry import delivers
from .world import Wanted, World

KIND = kinds.payment_instructions.name


def tell_how_to_pay(
    world: World, invoice: Invoice, row: Followup, *, was_open: bool, reason: str | None, method: str | None
) -> None:
    """Tell how to pay an invoice whose case was closed as collected, or was to be paid otherwise, and is open now."""
    if not row.open or not world.was_sent(f"{kinds.invoice.name}:{invoice.id}:0"):
        return
    switched = {method, row.method} <= OFFLINE_METHODS and method != row.method if was_open else reason == COLLECTED
    if switched:
        owners = world.get(Subscription, invoice.subscription_id), world.get(Customer, invoice.customer_id)
        version = max((owner.version for owner in owners if owner), default=invoice.version)
        payload = {"version": version}
        queue_email(world, KIND, invoice.id, invoice.customer_id, revision=version, payload=payload)


@delivers("email", KIND)
def deliver_instructions(delivery: Delivery) -> Outcome:
    """Say how to pay what is still owed, by the way that the customer chose."""
    live = live_invoice(delivery, delivery.row.object_id)
    with transaction(delivery.engine) as session:
        world = World(session, delivery.couriers.rules)
        world.read(Wanted(invoices={live.id}, owners={live.customer_id} if live.customer_id else set()))
        same = select(OutboxRow.payload).where(OutboxRow.object_id == live.id, OutboxRow.name == KIND)
        chosen = delivery.row.payload.get("version", sys.maxsize)  # a person who asks for it means now
        newer = any(said.get("version", 0) > chosen for said in session.scalars(same))
        if variant_of(world, live) != "due" or newer:
            return overtaken(f"invoice {live.id} is {live.status} with {live.amount_due} owed, or chosen again")
        subscription = world.get(Subscription, live.subscription_id)
    customer = customer_of(delivery, live.customer_id)
    reader = recipient_of(delivery, customer, kinds.payment_instructions)
    zone = delivery.couriers.rules.zone
    context = PaymentInstructionsContext(
        number=live.id,
        balance=Money(live.amount_due, live.currency or ""),
        due_on=date_in(zone, live.due_at) if live.due_at else None,
        offline_method=offline_method_of(customer, subscription),
        first_name=reader.first_name,
        company=customer.company,
    )
    return send(delivery, kinds.payment_instructions, context, customer, reader, about=live.id)
