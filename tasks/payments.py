"""Payments: what each transaction is to the books, and which invoices it paid.

A payment is made from everything the mirror says of it, never from what was recorded before: so it comes out the same
whatever came first.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from billing.errors import NeedsAttention
from billing.payments import applications, kind_of, status_of, unused
from billing.terms import date_in
from models import Invoice, Payment, PaymentApplication, Transaction

from .registry import Change, derives
from .world import World


@derives(Transaction)
def record_payment(world: World, transaction: Transaction, change: Change | None) -> None:
    """Record the payment, refund or reversal that a transaction is."""
    _bring_in_line(world, transaction.id)


@derives(Invoice)
def record_payments_of(world: World, invoice: Invoice, change: Change | None) -> None:
    """Record the payments that an invoice lists, or listed: it may be the only one to speak of them."""
    before = change.before if change else None
    listed = {link["transaction_id"] for link in invoice.linked_payments}
    listed |= {link["transaction_id"] for link in before.linked_payments} if isinstance(before, Invoice) else set()
    listed |= {row.transaction_id for row in world.where(PaymentApplication, invoice_id=invoice.id)}
    for transaction_id in sorted(listed):
        _bring_in_line(world, transaction_id)


def _bring_in_line(world: World, transaction_id: str) -> None:
    transaction = world.get(Transaction, transaction_id)
    listing = _listing(world, transaction_id)
    paid = _applied(world, transaction, listing)
    _write_applications(world, transaction_id, paid)
    _write_payment(world, transaction_id, _facts(world, transaction, listing, paid))


def _listing(world: World, transaction_id: str) -> list[tuple[Invoice, dict[str, Any]]]:
    """The invoices that list the payment, youngest snapshot last."""
    found = [
        (invoice, link)
        for invoice in world.where(Invoice)
        for link in invoice.linked_payments
        if link["transaction_id"] == transaction_id
    ]
    return sorted(found, key=lambda each: (each[0].order, each[0].id))


def _applied(
    world: World, transaction: Transaction | None, listing: list[tuple[Invoice, dict[str, Any]]]
) -> dict[str, int]:
    if transaction is not None and kind_of(transaction.type) != "payment":
        return {}
    by_transaction = (
        {link["invoice_id"]: link["applied"] for link in transaction.linked_invoices} if transaction else {}
    )
    known = [i for id in by_transaction if (i := world.get(Invoice, id))] + [invoice for invoice, _ in listing]
    by_invoice: dict[str, int] = {}
    for invoice in known:
        if transaction and transaction.currency and invoice.currency and transaction.currency != invoice.currency:
            raise NeedsAttention(
                f"invoice {invoice.id} is in {invoice.currency}, payment {transaction.id} in {transaction.currency}; "
                "void one in Chargebee, then replay"
            )
    for invoice, link in listing:
        if status_of(link["status"], deleted=False) == "succeeded":  # failed attempts are listed too
            by_invoice[invoice.id] = by_invoice.get(invoice.id, 0) + link["applied"]
    return applications(
        transaction_version=transaction.version if transaction else None,
        transaction_counts=transaction is not None
        and status_of(transaction.status, deleted=transaction.deleted) == "succeeded",
        by_transaction=by_transaction,
        by_invoice=by_invoice,
        invoice_versions={invoice.id: invoice.version for invoice in known},
        deleted_invoices=[invoice.id for invoice in known if invoice.deleted],
    )


def _write_applications(world: World, transaction_id: str, paid: dict[str, int]) -> None:
    for row in world.where(PaymentApplication, transaction_id=transaction_id):
        if row.invoice_id not in paid:
            world.remove(row)
    for invoice_id, applied in paid.items():
        stored = world.get(PaymentApplication, transaction_id, invoice_id)
        invoice = world.get(Invoice, invoice_id)
        if stored:
            world.change(stored, applied=applied, customer_id=invoice.customer_id if invoice else stored.customer_id)
        else:
            world.add(
                PaymentApplication(
                    transaction_id=transaction_id,
                    invoice_id=invoice_id,
                    customer_id=invoice.customer_id if invoice else None,
                    applied=applied,
                )
            )


def _facts(
    world: World,
    transaction: Transaction | None,
    listing: list[tuple[Invoice, dict[str, Any]]],
    paid: dict[str, int],
) -> dict[str, Any] | None:
    """The columns of the payment; None where nothing speaks of one (an authorization, a listing withdrawn)."""
    if transaction is None:
        if not listing:
            return None
        invoice, link = listing[-1]
        return {
            "customer_id": invoice.customer_id,
            "kind": "payment",
            "status": (status := status_of(link["status"], deleted=False)),
            "currency": invoice.currency,
            "amount": link["amount"],
            "unused": unused(link["amount"], None, paid.values()) if status == "succeeded" else 0,
            "refunded": 0,
            "method": None,
            "reference": None,
            "received_on": _date(world, link["dated_at"]),
            "refund_of": None,
        }
    kind = kind_of(transaction.type)
    if kind is None:
        return None
    status = status_of(transaction.status, deleted=transaction.deleted)
    counts = kind == "payment" and status == "succeeded"
    refunds = [link for link in transaction.linked_refunds if status_of(link["status"], deleted=False) == "succeeded"]
    refunded = sum(link["amount"] for link in refunds) if counts else 0
    return {
        "customer_id": transaction.customer_id,
        "kind": kind,
        "status": status,
        "currency": transaction.currency,
        "amount": transaction.amount,
        "unused": unused(transaction.amount, transaction.amount_unused, paid.values(), refunded=refunded)
        if counts
        else 0,
        "refunded": refunded,
        "method": transaction.payment_method,
        "reference": transaction.reference,
        "received_on": date_in(world.rules.zone, transaction.dated_at) if transaction.dated_at else None,
        "refund_of": transaction.refunded_id,
    }


def _date(world: World, seconds: int | None) -> date | None:
    return date_in(world.rules.zone, datetime.fromtimestamp(seconds, UTC)) if seconds is not None else None


def _write_payment(world: World, transaction_id: str, facts: dict[str, Any] | None) -> None:
    row = world.get(Payment, transaction_id)
    if facts is None:
        if row:
            world.remove(row)
    elif row:
        world.change(row, **facts)
    else:
        world.add(Payment(id=transaction_id, **facts))
