"""What finance hears at once: somebody means to pay by cheque or wire."""

from __future__ import annotations

from typing import cast

from billing.followups import OFFLINE_METHODS, owes
from billing.money import Money
from billing.terms import date_in, next_business_day
from emails import kinds
from emails.contexts import FinanceNewCaseContext, OfflineMethod
from models import Customer, Followup
from models.session import transaction

from .live import live_invoice
from .mails import overtaken, recipient_of, send
from .outbox import Delivery, Outcome
from .registry import delivers

KIND = kinds.finance_new_case.name


@delivers("email", KIND)
def deliver_new_case(delivery: Delivery) -> Outcome:
    """Tell finance of a case, if it is still open."""
    live = live_invoice(delivery, delivery.row.object_id)
    with transaction(delivery.engine) as session:
        case = session.get_one(Followup, live.id)
        customer = session.get(Customer, live.customer_id or "")
    # That collection is off, the case says: what it owes, the live invoice does.
    if not case.open or not owes(status=live.status, deleted=live.deleted, amount_due=live.amount_due):
        return overtaken(f"case {live.id} is closed: {case.closed_reason or live.status}")
    zone = delivery.couriers.rules.zone
    reader = recipient_of(delivery, None, kinds.finance_new_case)
    context = FinanceNewCaseContext(
        customer=_name(customer) or live.customer_id or live.id,
        number=live.id,
        balance=Money(live.amount_due, live.currency or ""),
        contact_by=next_business_day(date_in(zone, case.opened_at)),
        method=cast(OfflineMethod, case.method) if case.method in OFFLINE_METHODS else None,
        due_on=case.due_on,
        contact=_person(customer),
        address=customer.email if customer else None,
    )
    return send(delivery, kinds.finance_new_case, context, None, reader)


def _name(customer: Customer | None) -> str | None:
    return (customer and customer.company) or _person(customer)


def _person(customer: Customer | None) -> str | None:
    return " ".join(filter(None, (customer.first_name, customer.last_name))) or None if customer else None
