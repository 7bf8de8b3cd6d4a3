"""What a person asks to be written to Chargebee: read live, refused here where it cannot be, and said in one sentence.

Nothing is written by these: `writes.intend` takes what they return.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

from billing.errors import NeedsAttention
from billing.money import Money
from billing.seats import LIVE, Item, seats_by_item
from billing.terms import date_in, first_second, last_second
from gateway.client import Gateway
from gateway.events import Snapshot
from gateway.guard import ROOM, ChangeSubscription, EndSubscription, Standing, read_subscription, too_near
from gateway.payments import BY_HAND, PAYABLE, Owed, RecordPayment, TakeBackPayment, paid_of, read_payment
from gateway.writes import Raw

from .world import Rules

Write = ChangeSubscription | EndSubscription | RecordPayment | TakeBackPayment
METHODS = {"check": "cheque", "bank_transfer": "wire", "other": "payment"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: its name in the outbox, the write, whose it is, and the sentence that a person agrees to."""

    name: str
    write: Write
    customer_id: str | None
    says: str


# ---- seats -----------------------------------------------------------------------------------------------------------


def set_seats(
    gateway: Gateway,
    rules: Rules,
    now: datetime,
    id: str,
    seats: int,
    *,
    when: Literal["now", "renewal"] | None = None,
    price: str | None = None,
) -> Request:
    """Another total of seats. Without `when`: more of them now, fewer from the renewal on.

    `price` says which item takes the difference, where several give seats.

    Raises:
        NeedsAttention: it cannot be done; the message says why, and what can.
    """
    body = _live_subscription(gateway, id)
    price, others = _seat_item(body, rules, price)
    seen = read_subscription(gateway, id, price).state
    had, wanted = seen.quantity or 0, seats - others
    if wanted < 1:
        raise NeedsAttention(f"{price} of subscription {id} would be {wanted}; other items give {others} seats already")
    when = when or ("now" if wanted > had else "renewal")
    if wanted == (had if when == "now" or seen.coming is None else seen.coming):
        raise NeedsAttention(f"subscription {id} has {seats} seats {'already' if when == 'now' else 'then already'}")
    who = f"Subscription {id} of customer {body['customer_id']}"
    if when == "now":
        target, says = _seats_now(rules, now, body, seen, wanted)
    else:
        target, says = _seats_at_renewal(rules, id, seen, wanted)
    write = ChangeSubscription(id, seen, target, body.get("cancel_reason_code") if seen.ends_at else None)
    return Request("set_seats", write, body["customer_id"], f"{who} goes from {had + others} to {seats} seats {says}")


def _seats_now(rules: Rules, now: datetime, body: Raw, seen: Standing, wanted: int) -> tuple[Standing, str]:
    if body.get("has_scheduled_changes"):
        raise NeedsAttention(
            f"a change of subscription {body['id']} is scheduled, and an edit would remove it; remove it in Chargebee "
            "first, or ask for --when renewal"
        )
    money = "the rest of the term is billed at once" if wanted > (seen.quantity or 0) else "the rest is credited"
    says = f"now; {money}, prorated."
    if seen.ends_at:
        if datetime.fromtimestamp(seen.ends_at, UTC) - now < ROOM:
            raise NeedsAttention(too_near(body["id"]))
        says += f" The edit removes its cancellation for {_on(rules, seen.ends_at)}, which is scheduled again at once."
    return replace(seen, quantity=wanted), says


def _seats_at_renewal(rules: Rules, id: str, seen: Standing, wanted: int) -> tuple[Standing, str]:
    if seen.ends_at:
        raise NeedsAttention(
            f"subscription {id} is to end on {_on(rules, seen.ends_at)}: there is no renewal to wait for, or the "
            "change would remove that end; withdraw the cancellation first, or ask for --when now"
        )
    before = "" if seen.coming is None else f", in the place of the {seen.coming} of {seen.price} scheduled before"
    return replace(seen, coming=wanted), f"at its renewal on {_on(rules, seen.term_end)}{before}."


def _seat_item(body: Raw, rules: Rules, price: str | None) -> tuple[str, int]:
    """The item that takes a difference in seats, and how many seats the others give."""
    snapshot = Snapshot.read_from_api("subscription", body, datetime.now(UTC))
    lines = snapshot.fields["items"] or []
    given = seats_by_item(
        body["id"],
        status=body.get("status"),
        deleted=False,
        ended=False,
        items=[Item(**line) for line in lines] if lines else None,
        counted=rules.seat_item_prices,
    )
    able = sorted(name for name, seats in given.items() if seats)
    if price is None and len(able) != 1:
        raise NeedsAttention(
            f"several items of subscription {body['id']} give seats; say which: --item {' | '.join(able)}"
        )
    chosen = price or able[0]
    if chosen not in able:
        raise NeedsAttention(f"{chosen} gives no seats of subscription {body['id']}; these do: {', '.join(able)}")
    if body.get("subscription_items"):
        sold = [each.get("quantity") for each in body["subscription_items"] if each["item_price_id"] == chosen]
        if len(sold) != 1 or not isinstance(sold[0], int):
            raise NeedsAttention(f"{chosen} is not sold by a whole quantity on one line; change it in Chargebee")
    return chosen, sum(given.values()) - given[chosen]


# ---- ends ------------------------------------------------------------------------------------------------------------


def schedule_cancellation(
    gateway: Gateway, rules: Rules, now: datetime, id: str, *, on: date | None = None, reason: str | None = None
) -> Request:
    """An end at the end of the running term, or with the last second of a day, for Chargebee to carry out.

    Raises:
        NeedsAttention: it cannot be, or is so already.
    """
    body = _live_subscription(gateway, id)
    if body.get("contract_term"):
        raise NeedsAttention(
            f"subscription {id} has a contract term, which ends by its own rules; cancel it in Chargebee"
        )
    seen = Standing.of(body)
    if seen.term_end is None:
        raise NeedsAttention(f"subscription {id} shows no end of its term; look at it in Chargebee")
    at_term_end = on is None or on.isoformat() == _on(rules, seen.term_end)
    at = seen.term_end if at_term_end else int(last_second(rules.zone, on or date.min).timestamp())
    if datetime.fromtimestamp(at, UTC) <= now:
        raise NeedsAttention(f"{on or _on(rules, at)} has passed; name a date to come")
    if at == seen.ends_at:
        raise NeedsAttention(f"subscription {id} is to end on {_on(rules, at)} already")
    says = f"Subscription {id} of customer {body['customer_id']} ends on {_on(rules, at)}"
    says += ", the end of its term" if at_term_end else ", with that day"
    says += f", in the place of {_on(rules, seen.ends_at)}." if seen.ends_at else "; nothing is credited."
    if body.get("has_scheduled_changes"):
        says += " The change that is scheduled falls away."
    write = ChangeSubscription(id, seen, replace(seen, ends_at=at), reason)
    return Request("schedule_cancellation", write, body["customer_id"], says)


def withdraw_cancellation(gateway: Gateway, rules: Rules, id: str) -> Request:
    """A subscription that was to end goes on.

    Raises:
        NeedsAttention: nothing is to be withdrawn.
    """
    body = _live_subscription(gateway, id)
    seen = Standing.of(body)
    if seen.ends_at is None:
        raise NeedsAttention(f"subscription {id} is not to end; there is nothing to withdraw")
    fields = Snapshot.read_from_api("subscription", body, datetime.now(UTC)).fields
    if fields["runs_out"]:
        raise NeedsAttention(f"subscription {id} runs out of the terms it was sold for; sell it more in Chargebee")
    says = (
        f"Subscription {id} of customer {body['customer_id']} goes on: its cancellation for "
        f"{_on(rules, seen.ends_at)} is withdrawn."
    )
    return Request(
        "withdraw_cancellation", ChangeSubscription(id, seen, replace(seen, ends_at=None)), body["customer_id"], says
    )


def run_cancellation(gateway: Gateway, rules: Rules, now: datetime, id: str) -> Request:
    """The end of a subscription has come, and Chargebee did not carry it out: it is ended now.

    Raises:
        NeedsAttention: the end has not come, or is carried out.
    """
    body = _live_subscription(gateway, id)
    seen = Standing.of(body)
    if seen.ends_at is None or datetime.fromtimestamp(seen.ends_at, UTC) > now:
        when = f"is to end on {_on(rules, seen.ends_at)}" if seen.ends_at else "is not to end"
        raise NeedsAttention(f"subscription {id} {when}; it is not ended before that")
    says = (
        f"Subscription {id} of customer {body['customer_id']}, which was to end on {_on(rules, seen.ends_at)} and is "
        f"{seen.status} still, is cancelled in Chargebee now; nothing is credited."
    )
    return Request("run_cancellation", EndSubscription(id, seen), body["customer_id"], says)


def _live_subscription(gateway: Gateway, id: str) -> Raw:
    body: Raw = gateway.subscription(id)["subscription"]
    if body.get("status") not in LIVE:
        raise NeedsAttention(f"subscription {id} is {body.get('status')}; only a live one can be changed here")
    return body


# ---- money -----------------------------------------------------------------------------------------------------------


def record_payment(
    gateway: Gateway,
    rules: Rules,
    now: datetime,
    id: str,
    *,
    amount: str | None,
    method: str,
    reference: str,
    received_on: date | None,
    by: str,
) -> Request:
    """A cheque or wire that came in for an invoice. Without an amount it is the balance, without a date today.

    Raises:
        NeedsAttention: the invoice takes none, the amount or the date is none, or it is recorded already.
    """
    invoice = gateway.invoice(id)
    due, currency = Money(invoice["amount_due"], invoice["currency_code"]), invoice["currency_code"]
    paid = due if amount is None else Money.parse(amount, currency)
    if invoice.get("status") not in PAYABLE or not due:
        raise NeedsAttention(f"invoice {id} is {invoice.get('status')} with {due} due; no payment is recorded on it")
    today = date_in(rules.zone, now)
    day = received_on or today
    if day > today:
        raise NeedsAttention(f"{day} is to come; a payment is recorded when it was received")
    what = f"{METHODS[method]} {reference} of {paid}, received on {day}"
    comment = f"{what}: recorded by {by}"[:300]
    date = int(first_second(rules.zone, day).timestamp())
    write = RecordPayment(
        id, invoice["customer_id"], paid.minor, method, reference, date, comment, Owed(None, due.minor)
    )
    seen = write.read(gateway).state
    if recorded := [txn for txn, on_it in seen.matching if on_it]:
        raise NeedsAttention(f"{what} is recorded on invoice {id} already: {recorded[0]}")
    left = f"{due - paid} is left to pay" if paid <= due else f"{paid - due} too much stays as excess payment"
    says = f"{what[0].upper()}{what[1:]}, is recorded on invoice {id} of customer {write.customer_id}: {left}."
    return Request("record_payment", replace(write, seen=seen), write.customer_id, says)


def take_back_payment(gateway: Gateway, id: str, *, reason: str | None, by: str) -> Request:
    """A payment that was recorded by hand and that the bank returned.

    Raises:
        NeedsAttention: it is none, was refunded, or is gone already.
    """
    body = read_payment(gateway, id)
    paid = paid_of(body)
    amount = Money(paid.amount, body["currency_code"])
    if paid.deleted or body.get("type") != "payment" or paid.status != "success":
        raise NeedsAttention(f"transaction {id} is no payment that came in, or is deleted already")
    if body.get("payment_method") not in BY_HAND:
        raise NeedsAttention(
            f"payment {id} came by {body.get('payment_method')}; only one by hand can be taken back here"
        )
    if paid.refunded:
        raise NeedsAttention(f"payment {id} was refunded, at least in part; look at it in Chargebee")
    off = (
        f"is taken off {', '.join(paid.invoices)}, which is to pay again, and deleted"
        if paid.invoices
        else "is deleted"
    )
    reference = f"reference {body['reference_number']}" if body.get("reference_number") else "without a reference"
    says = f"Payment {id} of {amount} by customer {body['customer_id']}, {reference}, {off}."
    write = TakeBackPayment(id, f"{reason or 'returned by the bank'}: taken back by {by}"[:300], paid)
    return Request("take_back_payment", write, body["customer_id"], says)


def _on(rules: Rules, seconds: int | None) -> str:
    """The date of an instant, in the site's zone."""
    return date_in(rules.zone, datetime.fromtimestamp(seconds, UTC)).isoformat() if seconds else "an unknown date"
