"""Follow-ups: what finance has to chase, emptied by itself as money lands."""

from __future__ import annotations

from typing import Any

from billing.followups import position_of
from billing.terms import date_in
from models import Customer, Followup, FollowupEntry, Invoice, Subscription

from .collection import collection_for
from .instructions import tell_how_to_pay
from .outbox import queue_email
from .registry import Change, derives
from .world import World

_SHOWN = ("open", "state", "closed_reason", "method", "balance", "paid")


@derives(Invoice)
def bring_followup_in_line(world: World, invoice: Invoice, change: Change | None) -> None:
    """Open, move, close or re-open the invoice's follow-up, by what Chargebee says."""
    position = position_of(
        status=invoice.status,
        deleted=invoice.deleted,
        amount_due=invoice.amount_due,
        amount_paid=invoice.amount_paid,
        written_off=invoice.write_off_amount,
        collection=collection_for(world, invoice),
    )
    row = world.get(Followup, invoice.id)
    if row is None and not position.open:
        return
    facts = {
        "customer_id": invoice.customer_id,
        "subscription_id": invoice.subscription_id,
        "open": position.open,
        "state": position.state,
        "closed_reason": position.reason,
        "method": _method(world, invoice),
        "currency": invoice.currency,
        "total": invoice.total,
        "paid": invoice.amount_paid,
        "balance": invoice.amount_due if position.open else 0,
        "due_on": date_in(world.rules.zone, invoice.due_at) if invoice.due_at else None,
    }
    if row is None:
        row = Followup(invoice_id=invoice.id, opened_at=world.cause.at, closed_at=None, **facts)
        world.add(row)
        _tell(world, "opened", None, row)
        if world.rules.tells_finance:
            since = invoice.issued_at if change and change.before is None else None
            queue_email(world, "finance_new_case", invoice.id, invoice.customer_id, since=since)
        return
    before = _shown(row)
    was_open, reason, method = row.open, row.closed_reason, row.method
    if not world.change(row, **facts):
        return
    tell_how_to_pay(world, invoice, row, was_open=was_open, reason=reason, method=method)
    if was_open and not row.open:
        world.change(row, closed_at=world.cause.at)
        _tell(world, "closed", before, row)
    elif row.open and not was_open:
        world.change(row, opened_at=world.cause.at, closed_at=None)
        _tell(world, "reopened", before, row)
        if world.rules.tells_finance:  # once: unless the case was closed again before they were told
            queue_email(world, "finance_new_case", invoice.id, invoice.customer_id)
    elif _shown(row) != before:
        _tell(world, "changed", before, row)


def _method(world: World, invoice: Invoice) -> str | None:
    subscription = world.get(Subscription, invoice.subscription_id)
    customer = world.get(Customer, invoice.customer_id)
    stated = (subscription and subscription.offline_payment_method) or (customer and customer.offline_payment_method)
    return None if stated == "no_preference" else stated or None


def _shown(row: Followup) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _SHOWN}


def _tell(world: World, move: str, before: dict[str, Any] | None, row: Followup) -> None:
    world.add(
        FollowupEntry(
            invoice_id=row.invoice_id,
            at=world.cause.at,
            actor=world.cause.actor,
            move=move,
            before=before,
            after=_shown(row),
            event_id=world.cause.event_id,
        )
    )
