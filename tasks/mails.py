"""How a mail leaves: to whom, in which language, as one message for each recipient, once."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing.errors import NotYet
from billing.followups import OWING
from emails.kinds import Context, Kind
from emails.language import Locale
from emails.links import NO_LINKS, Links, Ticket
from emails.message import attachment_name, build, message_id
from emails.render import render
from emails.said import Said
from emails.senders import OutcomeUnknown, RecipientRefused, SendAborted
from models import Customer, Invoice, OutboxRow, clock
from models.session import transaction

from .bounces import mark_dead
from .inbox import take_in
from .language import language_of
from .outbox import Delivery, Outcome, OutOfTurn, Withheld
from .pace import take_turn
from .recipients import Recipient, objection, plain, recipients_of, team
from .world import OVERTAKEN, asked_again

ASK_AFTER = 3  # attempts that wait for the event with the customer, before the API is asked


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
        if customer is not None and recipients_of(customer, "billing"):
            return customer
    gateway = delivery.couriers.gateway
    if customer_id and gateway and delivery.row.attempts >= ASK_AFTER:
        asked = gateway.customer(customer_id)
        with transaction(delivery.engine) as session:
            take_in(session, {"customer": asked})
    raise NotYet(f"no e-mail address of customer {customer_id} is known yet")


def send(
    delivery: Delivery,
    kind: Kind[Context],
    context: Context,
    customer: Customer | None,
    reader: Recipient,
    *,
    about: str | None = None,
    attachment: bytes | None = None,
) -> Outcome:
    """Write and send the mail of this row.

    `about` is the invoice that it speaks of: it is shown under the invoice's own mail, and the attachment, its PDF,
    bears its number.

    Raises:
        NotYet, NeedsAttention: it was certainly not accepted.
    """
    couriers, row = delivery.couriers, delivery.row
    with transaction(delivery.engine) as session:
        now = clock.now(session)
        locale = language_of(session, customer, couriers.default_locale) if customer else couriers.default_locale
        answers = _mail_of_invoice(session, about, reader) if about and row.name != "invoice" else None
    said = Said(kind, context, invoice_id=about)
    words = render(
        kind,
        context,
        locale,
        merchant=couriers.merchant,
        remittance=couriers.remittance,
        links=links_for(delivery, locale, said),
        template_dir=couriers.template_dir,
    )
    id = message_id(row.key, couriers.mail_domain)
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
        attachment_name=attachment_name(about or row.object_id, locale) if attachment else None,
        sent_at=now,
        answers=answers,
    )
    kept = {"message_id": id, "locale": locale, "subject": words.subject, "text": words.text, "said": said.as_json()}
    try:
        reply = couriers.sender.send(message, delivery.begin)
    except OutcomeUnknown as unknown:
        if couriers.resend_ambiguous:
            raise NotYet(f"the mail server may have accepted it: {unknown}") from unknown
        return Outcome("held", f"the mail server may have accepted it: {unknown}", kept)
    except SendAborted:
        raise NotYet("the lease went to another worker before the message left") from None
    except RecipientRefused as refused:
        mark = partial(
            mark_dead, address=reader.address, customer_id=row.customer_id, reason=refused.answer, reported_by="smtp"
        )
        return Outcome("failed", str(refused), also=mark)
    return Outcome("sent", None, kept | {"reply": reply})


def _mail_of_invoice(session: Session, invoice_id: str, reader: Recipient) -> str | None:
    """The Message-ID of the newest mail in which this reader got this invoice."""
    sent = select(OutboxRow.message_id).where(
        OutboxRow.object_id == invoice_id,
        OutboxRow.name == "invoice",
        OutboxRow.state == "sent",
        func.lower(OutboxRow.recipient) == plain(reader.address),
    )
    return session.scalar(sent.order_by(OutboxRow.id.desc()).limit(1))


def links_for(delivery: Delivery, locale: Locale, said: Said) -> Links:
    """The links of this row's mail. None leads to a PDF that nobody could be asked for."""
    couriers = delivery.couriers
    if couriers.signer is None:
        return NO_LINKS
    invoice_id = said.invoice_id if couriers.gateway else None
    return couriers.signer.links(Ticket(delivery.row.id, datetime.now(UTC), invoice_id), locale)


def owed_by(session: Session, subscription_id: str) -> list[Invoice]:
    """The subscription's invoices on which something is owed, oldest first."""
    open_ = select(Invoice).where(
        Invoice.subscription_id == subscription_id,
        Invoice.amount_due > 0,
        ~Invoice.deleted,
        Invoice.status.in_(OWING),
    )
    return list(session.scalars(open_.order_by(Invoice.issued_at, Invoice.id)))


def recipient_of(delivery: Delivery, customer: Customer | None, kind: Kind[Any]) -> Recipient:
    """Whom this row is for. The first look finds all recipients, keeps one and writes a row for each other.

    `customer` is None for mail to the merchant's own teams.

    Raises:
        NotYet: no address is known, or the lease went to another worker.
        Withheld: nothing is sent to this reader, or of this kind.
        OutOfTurn: its domain got enough mail for now.
    """
    row = delivery.row
    found = recipients_of(customer, kind.audience) if customer else _team_of(delivery, kind)
    if not found and not row.recipient:
        raise NotYet(f"no e-mail address of customer {row.customer_id} is known yet")
    with transaction(delivery.engine) as session:
        if not row.recipient:
            _share_out(session, row, found)
        known = {each.address: each for each in found}
        reader = known.get(row.recipient or "", Recipient(row.recipient or ""))
        reason = objection(session, customer.id if customer else None, reader.address, kind)
    if reason:
        raise Withheld(reason)
    if turn := take_turn(delivery.engine, reader.address, delivery.couriers.mail_per_domain):
        raise OutOfTurn(turn, "so many mails a minute go to one domain")
    return reader


def _team_of(delivery: Delivery, kind: Kind[Any]) -> list[Recipient]:
    addresses = {"finance": delivery.couriers.finance_emails, "ops": delivery.couriers.ops_emails}
    found = team(addresses[kind.audience])
    if not found:
        raise Withheld(f"{kind.audience.upper()}_EMAILS names nobody")
    return found


def _share_out(session: Session, row: OutboxRow, found: list[Recipient]) -> None:
    """Make this row the first reader's, and write one for each other.

    Asked again after it was overtaken, it goes past those who have a row of their own: what they got stays got.
    """
    stored = session.get_one(OutboxRow, row.id, with_for_update=True)
    if stored.lease_token != row.lease_token:
        raise NotYet("the lease went to another worker")
    copies = {f"{row.key}:{_digest(each.address)}": each for each in found}
    overtaken_before = (OutboxRow.state == "suppressed") & (OutboxRow.reason == OVERTAKEN)
    have = set(session.scalars(select(OutboxRow.key).where(OutboxRow.key.in_(copies), ~overtaken_before)))
    first = next((each for key, each in copies.items() if key not in have), None)
    if first is None:
        raise Withheld("each of its readers has a message of their own")
    stored.recipient = row.recipient = first.address
    for key, other in copies.items():
        if other is first:
            continue
        copy = insert(OutboxRow).values(
            key=key,
            queue=row.queue,
            kind=row.kind,
            name=row.name,
            object_id=row.object_id,
            customer_id=row.customer_id,
            payload=row.payload,
            event_id=row.event_id,
            recipient=other.address,
        )
        session.execute(
            copy.on_conflict_do_update(
                index_elements=["key"],
                set_=asked_again() | {"recipient": other.address, "payload": copy.excluded.payload},
                where=overtaken_before,
            )
        )


def _digest(address: str) -> str:
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:12]
