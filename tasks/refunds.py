"""Money that went back to the customer: told once for each refund, whether its transaction or its credit note says so.

A credit note's own status tells nothing of money: Chargebee calls one "refunded" that was only set against an invoice.
What it lists as refunds does.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention, NotYet
from billing.money import Money
from billing.payments import kind_of, status_of
from billing.terms import date_in
from emails import kinds
from emails.contexts import RefundIssuedContext
from gateway.events import Reader
from models import CreditNote, PaymentApplication, Transaction
from models.session import transaction

from .inbox import take_in
from .mails import ASK_AFTER, customer_of, overtaken, recipient_of, send
from .outbox import Delivery, Outcome, queue_email
from .registry import Change, delivers, derives
from .ways import way_of
from .world import World

KIND = kinds.refund_issued.name


@derives(Transaction)
def tell_of_refund(world: World, refund: Transaction, change: Change | None) -> None:
    """Tell of a refund that succeeded."""
    if _went_back(refund):
        queue_email(world, KIND, refund.id, refund.customer_id, since=refund.dated_at)


@derives(CreditNote)
def tell_of_refunds_of(world: World, note: CreditNote, change: Change | None) -> None:
    """Tell of the refunds that a credit note lists: their own news may be lost."""
    for link in note.linked_refunds:
        known = world.get(Transaction, link["transaction_id"] or "")
        if link["transaction_id"] and known is None and status_of(link["status"], deleted=note.deleted) == "succeeded":
            queue_email(world, KIND, link["transaction_id"], note.customer_id)


def _went_back(refund: Transaction) -> bool:
    return kind_of(refund.type) == "refund" and status_of(refund.status, deleted=refund.deleted) == "succeeded"


@delivers("email", KIND)
def deliver_refund(delivery: Delivery) -> Outcome:
    """Say how much goes back, where to, and for which invoice."""
    refund = _refund(delivery)
    if not _went_back(refund):
        return overtaken(f"refund {refund.id} is {refund.status}")
    if not refund.amount or not refund.currency:
        raise NeedsAttention(f"refund {refund.id} names no amount or currency; look at it in Chargebee")
    with transaction(delivery.engine) as session:
        invoice_id, note_id = _what_for(session, refund)
    customer = customer_of(delivery, refund.customer_id)
    reader = recipient_of(delivery, customer, kinds.refund_issued)
    issued_at = refund.dated_at or datetime.fromtimestamp(refund.version // 1000, UTC)
    context = RefundIssuedContext(
        amount=Money(refund.amount, refund.currency),
        issued_on=date_in(delivery.couriers.rules.zone, issued_at),
        to=way_of(refund),
        number=invoice_id,
        credit_note=note_id,
        first_name=reader.first_name,
        company=customer.company,
    )
    return send(delivery, kinds.refund_issued, context, customer, reader, about=invoice_id)


def _refund(delivery: Delivery) -> Transaction:
    """The refund's transaction.

    Raises:
        NotYet: it is not known yet; after a while the API is asked.
    """
    id, gateway = delivery.row.object_id, delivery.couriers.gateway
    with transaction(delivery.engine) as session:
        refund = session.get(Transaction, id)
        if refund is not None:
            _ = refund.snapshot  # deferred: read while the session lives
            return refund
    if gateway and delivery.row.attempts >= ASK_AFTER:
        asked = gateway.transaction(id)
        with transaction(delivery.engine) as session:
            take_in(session, {"transaction": asked})
    raise NotYet(f"refund {id} is not known yet")


def _what_for(session: Session, refund: Transaction) -> tuple[str | None, str | None]:
    """The invoice and the credit note of a refund, where there is one of each: what it names, else what was paid."""
    notes = Reader("transaction", refund.id, refund.snapshot).parts("linked_credit_notes")
    invoices = {id for note in notes if (id := note.text("cn_reference_invoice_id"))}
    if not invoices and refund.refunded_id:
        paid = select(PaymentApplication.invoice_id).where(PaymentApplication.transaction_id == refund.refunded_id)
        invoices = set(session.scalars(paid))
    note_ids = {id for note in notes if (id := note.text("cn_id"))}
    return (
        invoices.pop() if len(invoices) == 1 else None,
        note_ids.pop() if len(note_ids) == 1 else None,
    )
