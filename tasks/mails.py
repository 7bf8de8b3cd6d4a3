"""How a mail leaves: to whom, in which language, as one message for each recipient, once."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing.errors import NotYet
from emails.kinds import Context, Kind
from emails.language import Locale, locale_of
from emails.message import attachment_name, build, message_id
from emails.render import render
from emails.senders import OutcomeUnknown, SendAborted
from models import Customer, Invoice, OutboxRow, clock
from models.session import transaction

from .inbox import take_in
from .outbox import Delivery, Outcome
from .world import OVERTAKEN

_ASK_AFTER = 3  # attempts that wait for the event with the customer, before the API is asked


def overtaken(detail: str) -> Outcome:
    """The fact no longer holds. Should it come to hold again before anything was sent, the mail is called for again."""
    return Outcome("suppressed", OVERTAKEN, {"reply": detail})


def customer_of(delivery: Delivery, customer_id: str | None) -> Customer:
    """The customer to write to.

    Raises:
        NotYet: it is not known yet; after a while the API is asked.
    """
    with transaction(delivery.engine) as session:
        customer = session.get(Customer, customer_id) if customer_id else None
        if customer is not None and _addresses(customer):
            return customer
    gateway = delivery.couriers.gateway
    if customer_id and gateway and delivery.row.attempts >= _ASK_AFTER:
        asked = gateway.customer(customer_id)
        with transaction(delivery.engine) as session:
            take_in(session, {"customer": asked})
    raise NotYet(f"no e-mail address of customer {customer_id} is known yet")


def locale_for(delivery: Delivery, customer: Customer) -> Locale:
    return locale_of(
        customer_locale=customer.locale,
        country=customer.country,
        province=customer.province,
        default=delivery.couriers.default_locale,
    )


def send(
    delivery: Delivery,
    kind: Kind[Context],
    context: Context,
    customer: Customer,
    *,
    attachment: bytes | None = None,
    number: str | None = None,
) -> Outcome:
    """Write and send the mail of this row to its recipient; the other recipients get rows of their own.

    Raises:
        NotYet, NeedsAttention: it was certainly not accepted.
    """
    recipient = _recipient(delivery, customer, kind)
    if recipient is None:
        raise NotYet(f"no e-mail address of customer {customer.id} is known yet")
    couriers, row = delivery.couriers, delivery.row
    locale = locale_for(delivery, customer)
    words = render(
        kind,
        context,
        locale,
        merchant=couriers.merchant,
        remittance=couriers.remittance,
        template_dir=couriers.template_dir,
    )
    id = message_id(row.key, couriers.mail_domain)
    with transaction(delivery.engine) as session:
        now = clock.now(session)
    support = couriers.merchant.support_email or None
    message = build(
        words,
        sender=couriers.mail_from,
        sender_name=couriers.merchant.name or None,
        recipient=recipient,
        reply_to=(couriers.finance_reply_to or support) if kind.reply_to == "finance" else support,
        message_id=id,
        locale=locale,
        key=row.key,
        attachment=attachment,
        attachment_name=attachment_name(number or row.object_id, locale) if attachment else None,
        sent_at=now,
    )
    kept = {"message_id": id, "locale": locale, "subject": words.subject, "text": words.text}
    try:
        reply = couriers.sender.send(message, delivery.begin)
    except OutcomeUnknown as unknown:
        return Outcome("held", f"the mail server may have accepted it: {unknown}", kept)
    except SendAborted:
        raise NotYet("the lease went to another worker before the message left") from None
    return Outcome("sent", None, kept | {"reply": reply})


def owed_by(session: Session, subscription_id: str) -> list[Invoice]:
    """The subscription's invoices on which something is owed, oldest first."""
    open_ = select(Invoice).where(
        Invoice.subscription_id == subscription_id,
        Invoice.amount_due > 0,
        ~Invoice.deleted,
        Invoice.status.in_(("posted", "payment_due", "not_paid")),
    )
    return list(session.scalars(open_.order_by(Invoice.issued_at, Invoice.id)))


def _addresses(customer: Customer, *, audience: str = "billing") -> list[str]:
    """Those who get it: the customer's own address and, for billing mail, the contacts that asked for it."""
    contacts = [contact["email"] for contact in customer.contacts] if audience == "billing" else []
    found = [address for address in (customer.email, *contacts) if address]
    if not found:
        found = [contact["email"] for contact in customer.contacts if contact["email"]][:1]
    return list({address.casefold(): address for address in reversed(found)}.values())[::-1]


def _recipient(delivery: Delivery, customer: Customer, kind: Kind[Any]) -> str | None:
    """Whom this row is for. The first look finds all recipients, keeps one and writes a row for each other."""
    row = delivery.row
    if row.recipient:
        return row.recipient
    found = _addresses(customer, audience=kind.audience)
    if not found:
        return None
    first, *others = found
    with transaction(delivery.engine) as session:
        stored = session.get_one(OutboxRow, row.id, with_for_update=True)
        if stored.lease_token != row.lease_token:
            raise NotYet("the lease went to another worker")
        stored.recipient = row.recipient = first
        for other in others:
            suffix = hashlib.sha256(other.casefold().encode()).hexdigest()[:12]
            copy = insert(OutboxRow).values(
                key=f"{row.key}:{suffix}",
                queue=row.queue,
                kind=row.kind,
                name=row.name,
                object_id=row.object_id,
                customer_id=row.customer_id,
                payload=row.payload,
                event_id=row.event_id,
                recipient=other,
            )
            session.execute(copy.on_conflict_do_nothing(index_elements=["key"]))
    return first
