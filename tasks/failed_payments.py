"""Payments that did not go through: told while the invoice is still owed, for the newest attempt alone."""

from __future__ import annotations

from datetime import UTC, datetime

from billing.declines import reason_of
from billing.errors import NeedsAttention
from billing.followups import owes
from billing.money import Money
from billing.payments import is_by_hand, kind_of, status_of
from billing.terms import date_in
from emails import kinds
from emails.contexts import PaidWith, PaymentFailedContext
from gateway.events import Reader
from models import Invoice, PaymentSource, Transaction
from models.session import transaction

from .live import live_invoice
from .mails import customer_of, overtaken, recipient_of, send
from .outbox import Delivery, Outcome, queue_email
from .registry import Change, delivers, derives
from .ways import way_of
from .world import World

KIND = kinds.payment_failed.name


@derives(Transaction)
def tell_of_failure(world: World, attempt: Transaction, change: Change | None) -> None:
    """Tell of this attempt, if it failed."""
    linked = {link["invoice_id"] for link in attempt.linked_invoices}
    listing = world.where(Invoice)
    linked |= {i.id for i in listing if any(link["transaction_id"] == attempt.id for link in i.linked_payments)}
    for invoice_id in sorted(linked):
        if invoice := world.get(Invoice, invoice_id):
            _tell(world, attempt, invoice)


@derives(Invoice)
def tell_of_failures_of(world: World, invoice: Invoice, change: Change | None) -> None:
    """Tell of the failed attempt that an invoice lists: it may be heard of after it."""
    for link in invoice.linked_payments:
        if attempt := world.get(Transaction, link["transaction_id"]):
            _tell(world, attempt, invoice)


def _tell(world: World, attempt: Transaction, invoice: Invoice) -> None:
    if _is_news(attempt, invoice):
        payload = {"invoice": invoice.id}
        since = attempt.dated_at
        queue_email(world, KIND, attempt.id, invoice.customer_id, since=since, payload=payload)


def _is_news(attempt: Transaction, invoice: Invoice) -> bool:
    """Did the newest attempt on an invoice that is still owed fail? What finance records by hand is its own matter."""
    failed = status_of(attempt.status, deleted=attempt.deleted) == "failed" and kind_of(attempt.type) == "payment"
    if not failed or is_by_hand(attempt.payment_method):
        return False
    tries = [(link["dated_at"] or 0, link["transaction_id"]) for link in invoice.linked_payments]
    newest = max(tries)[1] if attempt.id in {id for _, id in tries} else attempt.id
    owed = owes(status=invoice.status, deleted=invoice.deleted, amount_due=invoice.amount_due)
    return owed and newest == attempt.id


@delivers("email", KIND)
def deliver_failure(delivery: Delivery) -> Outcome:
    """Say that a payment did not go through and what happens next, if it is still so."""
    live = live_invoice(delivery, delivery.row.payload["invoice"])
    with transaction(delivery.engine) as session:
        attempt = session.get_one(Transaction, delivery.row.object_id)
        body = attempt.snapshot  # deferred: read while the session lives
        source = session.get(PaymentSource, body.get("payment_source_id") or "")
        card = way_of(attempt, brand=source.brand if source else None)
    if not _is_news(attempt, live):
        return overtaken(f"invoice {live.id} is {live.status} with {live.amount_due} owed, or was tried again")
    customer = customer_of(delivery, live.customer_id)
    reader = recipient_of(delivery, customer, kinds.payment_failed)
    zone = delivery.couriers.rules.zone
    facts, invoice = Reader("transaction", attempt.id, body), Reader("invoice", live.id, live.snapshot)
    next_try = invoice.instant("next_retry_at") if invoice.text("dunning_status") == "in_progress" else None
    context = PaymentFailedContext(
        amount=_amount(attempt, live),
        failed_on=date_in(zone, attempt.dated_at or datetime.fromtimestamp(attempt.version // 1000, UTC)),
        paid_with=card if card.method == "card" else PaidWith(method="other"),
        number=live.id,
        reason=reason_of(facts.text("error_code"), facts.text("error_text")),
        next_try_on=date_in(zone, next_try) if next_try else None,
        first_name=reader.first_name,
        company=customer.company,
    )
    return send(delivery, kinds.payment_failed, context, customer, reader, about=live.id)


def _amount(attempt: Transaction, invoice: Invoice) -> Money:
    currency = attempt.currency or invoice.currency
    if attempt.amount is None or not currency:
        raise NeedsAttention(f"transaction {attempt.id} names no amount or currency; look at it in Chargebee")
    return Money(attempt.amount, currency)
