"""Reminders of an unpaid invoice, each sent when somebody asks for it and it still holds.

Who asks is the finance desk, or a person: `queue_email(world, "reminder_1", invoice_id, customer_id)`. The payload may
say `pay_by` and `suspension_on` (ISO dates), and `others`, the further invoices that the same mail reminds of.
"""

from __future__ import annotations

from datetime import date

from billing.errors import NeedsAttention
from billing.money import Money
from billing.terms import date_in
from emails import kinds
from emails.contexts import OpenInvoice, ReminderContext
from models import Invoice, Subscription, clock
from models.session import transaction

from .invoice_mails import offline_method_of, variant_of
from .live import live_invoice
from .mails import customer_of, overtaken, recipient_of, send
from .outbox import Delivery, Outcome
from .registry import delivers
from .world import Wanted, World


@delivers("email", "due_soon")
@delivers("email", "reminder_1")
@delivers("email", "reminder_2")
@delivers("email", "reminder_3")
@delivers("email", "final_notice")
def deliver_reminder(delivery: Delivery) -> Outcome:
    """Remind of what is owed now, if it is, and if its date has not passed, or has, as this reminder says."""
    kind, said = kinds.named(delivery.row.name), delivery.row.payload
    live = live_invoice(delivery, delivery.row.object_id)
    others = [live_invoice(delivery, id) for id in said.get("others", ())]
    zone = delivery.couriers.rules.zone
    with transaction(delivery.engine) as session:
        today = date_in(zone, clock.now(session))
        world = World(session, delivery.couriers.rules)
        owners = {each.customer_id for each in (live, *others) if each.customer_id}
        world.read(Wanted(invoices={each.id for each in (live, *others)}, owners=owners))
        subscription = world.get(Subscription, live.subscription_id)
        owed = [each for each in others if variant_of(world, each) == "due"]
        if variant_of(world, live) != "due":
            return overtaken(f"invoice {live.id} is {live.status} with {live.amount_due} owed")
    lines = [_line(zone, each, today) for each in (live, *owed)]
    due_on, days_late = lines[0].due_on, lines[0].days_late
    if due_on is None or days_late is None:
        raise NeedsAttention(f"invoice {live.id} has no due date to remind of; look at it in Chargebee")
    if (days_late > 0) == (kind is kinds.due_soon):
        return overtaken(f"invoice {live.id} is due on {due_on}")
    customer = customer_of(delivery, live.customer_id)
    reader = recipient_of(delivery, customer, kind)
    context = ReminderContext(
        number=live.id,
        balance=lines[0].balance,
        due_on=due_on,
        days_late=days_late,
        offline_method=offline_method_of(customer, subscription),
        pay_by=_day(said.get("pay_by")),
        suspension_on=_day(said.get("suspension_on")),
        others=tuple(lines[1:]),
        first_name=reader.first_name,
        company=customer.company,
    )
    return send(delivery, kind, context, customer, reader, about=live.id)


def _line(zone: str, invoice: Invoice, today: date) -> OpenInvoice:
    due_on = date_in(zone, invoice.due_at) if invoice.due_at else None
    return OpenInvoice(
        number=invoice.id,
        balance=Money(invoice.amount_due, invoice.currency or ""),
        due_on=due_on,
        days_late=(today - due_on).days if due_on else None,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
