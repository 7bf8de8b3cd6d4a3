"""Thanks for money that came outside the provider: one mail for each payment and invoice, or one for all that it paid.

Derived after tasks/payments.py, which says what a payment paid. An invoice whose own mail tells of the payment needs no
receipt: one action, one e-mail.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.errors import NotYet
from billing.money import Money
from billing.payments import is_by_hand
from billing.terms import date_in
from emails import kinds
from emails.contexts import PaidInvoice, PaymentReceivedContext
from models import Invoice, OutboxRow, Payment, PaymentApplication, Transaction
from models.session import transaction

from .invoice_mails import payments_shown
from .live import live_invoice
from .mails import customer_of, overtaken, recipient_of, send
from .outbox import Delivery, Outcome, Withheld, queue_email
from .registry import Change, delivers, derives
from .ways import way_of
from .world import World

KIND = kinds.payment_received.name
_TO_COME = ("new", "sending")
_TOLD = ("sent", "held")


@derives(Transaction)
def thank_for_payment(world: World, payment: Transaction, change: Change | None) -> None:
    """Thank for what this payment paid."""
    for applied in world.where(PaymentApplication, transaction_id=payment.id):
        _thank(world, applied)


@derives(Invoice)
def thank_for_payments_of(world: World, invoice: Invoice, change: Change | None) -> None:
    """Thank for the payments of this invoice: it may be heard of after them."""
    for applied in world.where(PaymentApplication, invoice_id=invoice.id):
        _thank(world, applied)


def _thank(world: World, applied: PaymentApplication) -> None:
    invoice = world.get(Invoice, applied.invoice_id)
    payment = world.get(Payment, applied.transaction_id)
    if invoice and payment and is_by_hand(payment.method):
        queue_email(
            world,
            KIND,
            invoice.id,
            invoice.customer_id,
            revision=payment.id,
            since=_applied_at(world, invoice, payment.id),
            payload={"payment": payment.id},
        )


def _applied_at(world: World, invoice: Invoice, payment_id: str) -> datetime | None:
    """When the payment was put on the invoice. Its own date may be long past: a cheque lies in the post."""
    transaction_ = world.get(Transaction, payment_id)
    links = [link for link in invoice.linked_payments if link["transaction_id"] == payment_id]
    links += [
        link for link in (transaction_.linked_invoices if transaction_ else ()) if link["invoice_id"] == invoice.id
    ]
    known = [seconds for link in links if (seconds := link.get("applied_at")) is not None]
    return datetime.fromtimestamp(max(known), UTC) if known else None


# ---- the mail --------------------------------------------------------------------------------------------------------


@delivers("email", KIND)
def deliver_receipt(delivery: Delivery) -> Outcome:
    """Thank for a payment, with what is still owed on the invoices it paid, if nothing else told of it."""
    row, payment_id = delivery.row, delivery.row.payload["payment"]
    with transaction(delivery.engine) as session:
        payment, received = session.get(Payment, payment_id), session.get(Transaction, payment_id)
        paid = _paid_by(session, payment_id)
        if payment is None or received is None or row.object_id not in paid:
            return overtaken(f"payment {payment_id} no longer pays invoice {row.object_id}")
        shared = _together(row) if row.recipient else []  # settled when its readers were found
        together = [id for id in shared if id in paid] or _told_together(session, row, payment_id, paid)
    invoices = [_paid_invoice(delivery, id, paid[id], received) for id in together]
    customer = customer_of(delivery, row.customer_id)
    delivery.note(invoices=together)
    reader = recipient_of(delivery, customer, kinds.payment_received)
    currency = payment.currency or invoices[0].amount.currency
    whole = set(together) == set(paid)
    context = PaymentReceivedContext(
        amount=Money((whole and payment.amount) or sum(each.amount.minor for each in invoices), currency),
        received_on=payment.received_on
        or date_in(delivery.couriers.rules.zone, datetime.fromtimestamp(received.version // 1000, UTC)),
        paid_with=way_of(received),
        first_name=reader.first_name,
        company=customer.company,
        invoices=tuple(invoices),
        unused=Money(payment.unused, currency) if whole and payment.unused else None,
    )
    return send(delivery, kinds.payment_received, context, customer, reader, about=row.object_id)


def _paid_by(session: Session, payment_id: str) -> dict[str, int]:
    applied = select(PaymentApplication).where(PaymentApplication.transaction_id == payment_id)
    return {each.invoice_id: each.applied for each in session.scalars(applied.order_by(PaymentApplication.invoice_id))}


def _paid_invoice(delivery: Delivery, invoice_id: str, applied: int, payment: Transaction) -> PaidInvoice:
    """What the payment put on an invoice, and what is left on it: never said from before the payment."""
    live = live_invoice(delivery, invoice_id)
    if payment.id not in payments_shown(live) and live.version < payment.version:
        raise NotYet(f"invoice {invoice_id} does not show payment {payment.id} yet")
    currency = live.currency or ""
    return PaidInvoice(number=invoice_id, amount=Money(applied, currency), balance=Money(live.amount_due, currency))


def _told_together(session: Session, row: OutboxRow, payment_id: str, paid: dict[str, int]) -> list[str]:
    """The invoices that this receipt is for: its own, and the others that wait for theirs.

    Raises:
        Withheld: something else told of this payment.
        NotYet: something else may tell of it first.
    """
    mails = session.scalars(
        select(OutboxRow).where(OutboxRow.object_id.in_(paid), OutboxRow.name.in_(("invoice", KIND)))
    ).all()
    told, to_come = _by_invoice_mails(mails, payment_id)
    receipts = {mail.object_id: mail for mail in mails if mail.key == f"{KIND}:{mail.object_id}:{payment_id}"}
    earlier = [mail for mail in receipts.values() if mail.id < row.id]
    if row.object_id in told or any(row.object_id in _together(mail) and mail.state in _TOLD for mail in earlier):
        raise Withheld("another mail told of this payment")
    if row.object_id in to_come or any(mail.state in _TO_COME for mail in earlier):
        raise NotYet("another mail may tell of this payment first")
    waiting = [
        id for id, mail in receipts.items() if mail.state == "new" and id not in {row.object_id, *told, *to_come}
    ]
    return [row.object_id, *sorted(waiting)]


def _together(receipt: OutboxRow) -> list[str]:
    return list(receipt.payload.get("invoices", ()))


def _by_invoice_mails(mails: Iterable[OutboxRow], payment_id: str) -> tuple[set[str], set[str]]:
    """Invoices whose own mail told of this payment, and those whose own mail is still to leave."""
    own = [mail for mail in mails if mail.name == "invoice"]
    told = {mail.object_id for mail in own if mail.state in _TOLD and payment_id in mail.payload.get("payments", ())}
    return told, {mail.object_id for mail in own if mail.state in _TO_COME}
