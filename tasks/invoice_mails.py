"""The one mail that an invoice is worth: called for by its state, written from what the provider says just before."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import cast

import structlog

from billing.errors import NeedsAttention, NotYet
from billing.followups import OFFLINE_METHODS
from billing.invoice_mails import Variant, thanks_are_due, variant_called_for
from billing.money import Money
from billing.payments import status_of
from billing.terms import date_in
from emails import kinds
from emails.contexts import Discount, InvoiceContext, Line, OfflineMethod, Tax
from gateway.documents import DocumentLine, InvoiceDocument, invoice_document
from models import Customer, Invoice, PaymentApplication, Subscription, Transaction
from models.session import transaction

from .collection import collection_for
from .live import live_invoice
from .mails import customer_of, overtaken, recipient_of, send
from .outbox import Delivery, Outcome, queue_email
from .recipients import Recipient
from .registry import Change, delivers, derives
from .ways import way_of
from .world import Wanted, World

log = structlog.get_logger(__name__)

_PDF_ATTEMPTS = 2  # a PDF that fails twice is left out: the mail matters more


@derives(Invoice)
def call_for_invoice_mail(world: World, invoice: Invoice, change: Change | None) -> None:
    """Queue the invoice's mail once it is called for; which variant it is, delivery finds out."""
    if variant_of(world, invoice):
        since = invoice.paid_at if change and change.before is None else None
        queue_email(world, "invoice", invoice.id, invoice.customer_id, since=since)


@delivers("email", "invoice")
def deliver_invoice_mail(delivery: Delivery) -> Outcome:
    """Send the invoice as it is now, with its PDF where that can be had."""
    live = live_invoice(delivery, delivery.row.object_id)
    with transaction(delivery.engine) as session:
        world = World(session, delivery.couriers.rules)
        world.read(Wanted(invoices={live.id}, owners={live.customer_id} if live.customer_id else set()))
        variant = variant_of(world, live)
        if variant is None:
            return overtaken(f"invoice {live.id} is {live.status} with {live.amount_due} owed")
        subscription = world.get(Subscription, live.subscription_id)
        paid_by = _newest_payment(world, live)
    customer = customer_of(delivery, live.customer_id)
    reader = recipient_of(delivery, customer, kinds.invoice)
    document = invoice_document(live.id, live.snapshot)
    pdf = _pdf(delivery, live.id)
    delivery.tells = {"payments": payments_shown(live)}
    context = _context(
        delivery.couriers.rules.zone, live, variant, document, customer, reader, subscription, paid_by, bool(pdf)
    )
    return send(delivery, kinds.invoice, context, customer, reader, about=live.id, attachment=pdf)


def payments_shown(invoice: Invoice) -> list[str]:
    """The payments that an invoice shows as received."""
    good = [link for link in invoice.linked_payments if status_of(link["status"], deleted=False) == "succeeded"]
    return sorted(link["transaction_id"] for link in good)


def variant_of(world: World, invoice: Invoice) -> Variant | None:
    """The mail that an invoice calls for now: paid, due, or None."""
    return variant_called_for(
        status=invoice.status,
        deleted=invoice.deleted,
        total=invoice.total,
        amount_due=invoice.amount_due,
        collection=collection_for(world, invoice),
    )


def _newest_payment(world: World, invoice: Invoice) -> Transaction | None:
    applied = world.where(PaymentApplication, invoice_id=invoice.id)
    paid = [found for row in applied if (found := world.get(Transaction, row.transaction_id))]
    return max(paid, key=lambda found: (found.dated_at is not None, found.dated_at, found.id), default=None)


def _pdf(delivery: Delivery, invoice_id: str) -> bytes | None:
    gateway = delivery.couriers.gateway
    failures = delivery.row.payload.get("pdf_failures", 0)
    if gateway is None or failures >= _PDF_ATTEMPTS:
        return None
    try:
        return gateway.invoice_pdf(invoice_id)
    except (NotYet, NeedsAttention) as reason:
        delivery.note(pdf_failures=failures + 1)
        log.warning("the invoice's PDF cannot be had", invoice=invoice_id, reason=str(reason))
        if failures + 1 < _PDF_ATTEMPTS:
            raise NotYet(f"the PDF of invoice {invoice_id} cannot be had yet: {reason}") from reason
        return None


def _context(
    zone: str,
    invoice: Invoice,
    variant: Variant,
    document: InvoiceDocument,
    customer: Customer,
    reader: Recipient,
    subscription: Subscription | None,
    paid_by: Transaction | None,
    attached: bool,
) -> InvoiceContext:
    currency = invoice.currency or ""
    paid = variant == "paid"
    next_billing_at = subscription.next_billing_at if subscription and paid else None
    issued_at = invoice.issued_at or invoice.paid_at or invoice.due_at
    if issued_at is None:
        raise NeedsAttention(f"invoice {invoice.id} has no date; look at it in Chargebee")
    return InvoiceContext(
        number=document.number,
        issued_on=date_in(zone, issued_at),
        variant=variant,
        lines=tuple(_line(zone, line) for line in document.lines),
        taxes=tuple(Tax(name=tax.name, amount=tax.amount, percent=tax.percent) for tax in document.taxes),
        discounts=tuple(Discount(name=each.name, amount=each.amount) for each in document.discounts),
        credits_applied=document.credits_applied,
        total=Money(invoice.total, currency),
        amount_paid=Money(invoice.amount_paid, currency),
        balance=Money(invoice.amount_due, currency),
        attached=attached,
        first_name=reader.first_name,
        company=customer.company,
        due_on=_date(zone, invoice.due_at),
        paid_on=_date(zone, invoice.paid_at) if paid else None,
        paid_with=way_of(paid_by) if paid and paid_by else None,
        thanks=paid and thanks_are_due(amount_paid=invoice.amount_paid, written_off=invoice.write_off_amount),
        next_billing_on=_date(zone, next_billing_at),
        offline_method=offline_method_of(customer, subscription),
    )


def _line(zone: str, line: DocumentLine) -> Line:
    first, last = _period(zone, line.starts_at, line.ends_at)
    return Line(
        description=line.description,
        amount=line.amount,
        quantity=line.quantity,
        unit_price=line.unit_price,
        prorated=line.prorated,
        starts_on=first,
        ends_on=last,
    )


def _period(zone: str, starts_at: datetime | None, ends_at: datetime | None) -> tuple[date | None, date | None]:
    """The first and the last day that a line is for; nothing for what is charged once.

    A period ends at the hour at which the next one starts, so that day is the next one's; or, on sites that bill by
    the calendar, at the last second of its last day.
    """
    if starts_at is None or ends_at is None or ends_at <= starts_at:
        return None, None
    last = date_in(zone, ends_at)
    if date_in(zone, ends_at + timedelta(seconds=1)) == last:
        last -= timedelta(days=1)
    first = date_in(zone, starts_at)
    return first, max(first, last)


def _date(zone: str, instant: datetime | None) -> date | None:
    return date_in(zone, instant) if instant else None


def offline_method_of(customer: Customer, subscription: Subscription | None) -> OfflineMethod | None:
    """How this customer chose to pay, if mails say how: the subscription's choice, else the customer's."""
    stated = (subscription and subscription.offline_payment_method) or customer.offline_payment_method
    return cast(OfflineMethod, stated) if stated in OFFLINE_METHODS else None
