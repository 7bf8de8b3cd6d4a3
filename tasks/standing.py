"""How things stand with one object, in sentences, by the rules that made them so: the end of its story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from billing.followups import OWING, collection_of, position_of
from billing.seats import LIVE
from models import (
    Cancellation,
    Customer,
    DeadAddress,
    InboxEvent,
    Invoice,
    OptOut,
    OutboxRow,
    Payment,
    Subscription,
    SubscriptionItem,
)
from worker.log import without_addresses

from .invoice_mails import variant_of
from .timeline import OUTBOX, parsed
from .wording import Words, masked_plainly
from .world import Rules, Wanted, World


def standing(session: Session, words: Words, rules: Rules, kind: str, id: str) -> list[str]:
    """What is so now, and why."""
    told = {"customer": _customer, "subscription": _subscription, "invoice": _invoice, "event": _event}[kind]
    return [without_addresses(line) for line in told(session, words, rules, id)]


def _customer(session: Session, words: Words, rules: Rules, id: str) -> Iterator[str]:
    row = session.get_one(Customer, id)
    name = row.company or " ".join(filter(None, (row.first_name, row.last_name))) or id
    yield f"{name}: collection is {row.auto_collection or 'not known'}, " + (
        f"mail goes to {masked_plainly(row.email)}" if row.email else "no address to write to is known"
    )
    seats: Counter[str] = Counter()
    for subscription in session.scalars(select(Subscription).where(Subscription.customer_id == id)):
        seats[subscription.status or "without a status"] += subscription.seats
    yield from (f"{_seats(count)} in subscriptions that are {status}" for status, count in sorted(seats.items()))
    owed: Counter[str] = Counter()
    invoices = select(Invoice).where(Invoice.customer_id == id, Invoice.amount_due > 0, ~Invoice.deleted)
    for invoice in session.scalars(invoices.where(Invoice.status.in_(OWING))):
        owed[invoice.currency or ""] += invoice.amount_due
    yield from (f"{words.money(amount, currency)} is owed" for currency, amount in sorted(owed.items()))
    for off in session.scalars(select(OptOut).where(OptOut.customer_id == id).order_by(OptOut.kind)):
        yield f"{masked_plainly(off.address)} turned {off.kind} mails off"
    for dead in session.scalars(select(DeadAddress).where(DeadAddress.customer_id == id)):
        yield f"nothing is sent to {masked_plainly(dead.address)}: mail to it came back (address {dead.id})"
    yield from _not_left(session, words, OutboxRow.customer_id == id)


def _subscription(session: Session, words: Words, rules: Rules, id: str) -> Iterator[str]:
    row = session.get_one(Subscription, id)
    items = select(SubscriptionItem).where(SubscriptionItem.subscription_id == id)
    counted = [f"{each.seats} of {each.item_price_id}" for each in session.scalars(items) if each.seats]
    status = "deleted" if row.deleted else row.status
    if counted:
        yield f"{_seats(row.seats)}: {' + '.join(sorted(counted))}; it is {status}"
    else:
        why = f"it is {status}" if status not in LIVE else "no item that it has counts as a seat, or its end has come"
        yield f"0 seats: {why}"
    ends = select(Cancellation).where(Cancellation.subscription_id == id, Cancellation.state.in_(("scheduled", "run")))
    for end in session.scalars(ends.order_by(Cancellation.effective_at)):
        what = "is to end" if end.state == "scheduled" else "has ended"
        yield f"it {what} on {words.minute(end.effective_at)}" + (f" ({end.reason})" if end.reason else "")
    owing = select(Invoice.id).where(Invoice.subscription_id == id, Invoice.amount_due > 0, ~Invoice.deleted)
    for invoice in session.scalars(owing.order_by(Invoice.issued_at)):
        yield from _invoice(session, words, rules, invoice)
    yield from _not_left(session, words, OutboxRow.object_id == id)


def _seats(count: int) -> str:
    return "1 seat" if count == 1 else f"{count} seats"


def _invoice(session: Session, words: Words, rules: Rules, id: str) -> Iterator[str]:
    world = World(session, rules)
    owner = session.scalar(select(Invoice.customer_id).where(Invoice.id == id))
    world.read(Wanted(invoices={id}, owners={owner} if owner else set()))
    row = world.get(Invoice, id)
    if row is None:
        return
    due, total = (words.money(amount, row.currency) for amount in (row.amount_due, row.total))
    state = "deleted" if row.deleted else row.status
    yield f"{id} is {state}: {due} is owed of {total}" + (f", due on {words.day(row.due_at)}" if row.due_at else "")
    yield _case(world, words, row)
    yield _mail(session, words, world, row)
    yield from _not_left(session, words, (OutboxRow.object_id == id) & (OutboxRow.name != "invoice"))


def _case(world: World, words: Words, row: Invoice) -> str:
    """Whether finance has something to chase, by the rule that decides it."""
    subscription, customer = world.get(Subscription, row.subscription_id), world.get(Customer, row.customer_id)
    collection = collection_of(
        subscription.auto_collection if subscription else None, customer.auto_collection if customer else None
    )
    whose = "subscription" if subscription and subscription.auto_collection else "customer"
    position = position_of(
        status=row.status,
        deleted=row.deleted,
        amount_due=row.amount_due,
        amount_paid=row.amount_paid,
        written_off=row.write_off_amount,
        collection=collection,
    )
    if position.open:
        owed = words.money(row.amount_due, row.currency)
        return f"its case is open: collection is off, as its {whose} says, and {owed} is owed"
    return f"no case is open: {position.reason}"


def _mail(session: Session, words: Words, world: World, row: Invoice) -> str:
    """What became of the one mail that it is worth, or why it is worth none."""
    mails = select(OutboxRow).where(OutboxRow.object_id == row.id, OutboxRow.name == "invoice").order_by(OutboxRow.id)
    told = [_state(words, mail) for mail in session.scalars(mails)]
    if told:
        return f"its mail: {'; '.join(told)}"
    if variant_of(world, row):
        return "its mail is called for and was not queued yet: the next event that carries it queues it"
    why = "its total is zero" if row.total <= 0 else f"it is {'deleted' if row.deleted else row.status}"
    if row.status in OWING and not row.deleted:
        why = "Chargebee collects it by itself, and it is not paid yet"
    return f"no mail: {why}"


def _event(session: Session, words: Words, rules: Rules, id: str) -> Iterator[str]:
    row = session.get_one(InboxEvent, id)
    when = f" on {words.minute(row.ended_at)}" if row.ended_at else ""
    yield f"{row.status}{when}" + (f": {row.reason}" if row.reason else "")
    carried = [f"{each.kind.replace('_', ' ')} {each.id}" for each in parsed(row).snapshots]
    if carried:
        yield f"it carries {', '.join(carried)}"
    if row.raw is None:
        yield "its body was emptied after 90 days: what its snapshots said is not known any more"


def _not_left(session: Session, words: Words, mine: object) -> Iterator[str]:
    waiting = select(OutboxRow).where(mine, OutboxRow.state.in_(("new", "sending", "held", "failed")))  # type: ignore[arg-type]
    for row in session.scalars(waiting.order_by(OutboxRow.id).limit(20)):
        yield f"{OUTBOX[row.kind]} {row.name} about {row.object_id}: {_state(words, row)}"


def _state(words: Words, row: OutboxRow) -> str:
    to = f" to {masked_plainly(row.recipient)}" if row.recipient else ""
    because = f": {row.reason}" if row.reason else ""
    if row.state == "new":
        return f"it waits for its turn{to}, {row.attempts} attempts so far{because}"
    if row.state == "sent":
        return f"sent{to} on {words.minute(row.ended_at)}" if row.ended_at else f"sent{to}"
    word = {"held": "held for a person", "suppressed": "not sent", "sending": "being sent"}.get(row.state, row.state)
    return f"{word}{to}{because}"


class Lead(NamedTuple):
    """What something is that has no story of its own, and the ids of what it is told of with."""

    text: str
    ids: list[str]


def known_as(session: Session, id: str) -> Lead | None:
    """Where to look for the id of a payment, the key of a mail or call, the address of a customer."""
    if payment := session.get(Payment, id):
        return Lead(f"{id} is a {payment.kind}", list(filter(None, [payment.customer_id])))
    if row := session.scalar(select(OutboxRow).where(OutboxRow.key == id)):
        ids = filter(None, [row.event_id, row.object_id, row.customer_id])
        return Lead(f"{id} is a {OUTBOX[row.kind]} about {row.object_id}", list(dict.fromkeys(ids)))
    if "@" in id:
        theirs = or_(func.lower(Customer.email) == id.lower(), Customer.contacts.contains([{"email": id}]))
        found = list(session.scalars(select(Customer.id).where(theirs).order_by(Customer.id).limit(5)))
        return Lead(f"{masked_plainly(id)} is an address", found) if found else None
    return None
