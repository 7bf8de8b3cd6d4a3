"""How a mail leaves: to whom, in which language, as one message for each recipient, once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing.errors import NotYet
from billing.followups import OWING
from emails.kinds import Context, Kind
from emails.language import Locale, locale_of
from emails.message import attachment_name, build, message_id
from emails.render import render
from emails.senders import OutcomeUnknown, SendAborted
from models import Customer, Invoice, OutboxRow, clock
from models.session import transaction

from .inbox import take_in
from .outbox import Delivery, Outcome
from .world import OVERTAKEN, asked_again


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    first_name: str | None


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
        if customer is not None and _recipients(customer, "billing"):
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
    reader: Recipient,
    *,
    attachment: bytes | None = None,
    number: str | None = None,
) -> Outcome:
    """Write and send the mail of this row.

    Raises:
        NotYet, NeedsAttention: it was certainly not accepted.
    """
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
        recipient=reader.address,
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
        if couriers.resend_ambiguous:
            raise NotYet(f"the mail server may have accepted it: {unknown}") from unknown
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
        Invoice.status.in_(OWING),
    )
    return list(session.scalars(open_.order_by(Invoice.issued_at, Invoice.id)))


def recipient_of(delivery: Delivery, customer: Customer, kind: Kind[Any]) -> Recipient:
    """Whom this row is for. The first look finds all recipients, keeps one and writes a row for each other.

    Raises:
        NotYet: no address is known, or the lease went to another worker.
    """
    row, found = delivery.row, _recipients(customer, kind.audience)
    if row.recipient:
        known = {each.address: each for each in found}
        return known.get(row.recipient, Recipient(row.recipient, None))
    if not found:
        raise NotYet(f"no e-mail address of customer {customer.id} is known yet")
    first, *others = found
    with transaction(delivery.engine) as session:
        stored = session.get_one(OutboxRow, row.id, with_for_update=True)
        if stored.lease_token != row.lease_token:
            raise NotYet("the lease went to another worker")
        stored.recipient = row.recipient = first.address
        for other in others:
            suffix = hashlib.sha256(other.address.casefold().encode()).hexdigest()[:12]
            copy = insert(OutboxRow).values(
                key=f"{row.key}:{suffix}",
                queue=row.queue,
                kind=row.kind,
                name=row.name,
                object_id=row.object_id,
                customer_id=row.customer_id,
                payload=row.payload,
                event_id=row.event_id,
                recipient=other.address,
            )
            overtaken_before = (OutboxRow.state == "suppressed") & (OutboxRow.reason == OVERTAKEN)
            session.execute(
                copy.on_conflict_do_update(
                    index_elements=["key"],
                    set_=asked_again() | {"recipient": other.address, "payload": copy.excluded.payload},
                    where=overtaken_before,
                )
            )
    return first


def _recipients(customer: Customer, audience: str) -> list[Recipient]:
    """The customer's own address, and for billing mail the contacts that asked for it; each address once."""
    own = [Recipient(customer.email, customer.first_name)] if customer.email else []
    contacts = [Recipient(each["email"], each["first_name"]) for each in customer.contacts if each["email"]]
    found = own + contacts if audience == "billing" else own or contacts[:1]
    once: dict[str, Recipient] = {}
    for each in found:
        once.setdefault(each.address.casefold(), each)
    return list(once.values())
