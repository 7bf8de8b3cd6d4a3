"""Calls to Chargebee that rows of the outbox ask for: reading an object again, and seeing whether an end has come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog

from billing.cancellations import end_of, is_due
from billing.errors import NeedsAttention, NotYet
from gateway.client import Gateway
from gateway.events import Snapshot
from models import Finding, clock
from models.session import transaction

from . import findings
from .inbox import take_in
from .outbox import Delivery, Outcome
from .registry import delivers

log = structlog.get_logger(__name__)

LATE = timedelta(hours=1)  # so long after its instant, a cancellation that Chargebee has not carried out is a finding


@delivers("chargebee", "read_customer")
@delivers("chargebee", "read_subscription")
@delivers("chargebee", "read_invoice")
@delivers("chargebee", "read_transaction")
@delivers("chargebee", "read_credit_note")
@delivers("chargebee", "read_payment_source")
def read_object(delivery: Delivery) -> Outcome:
    """Read an object and put it through the same door as webhooks: after a tie nobody else knows what is true."""
    kind = delivery.row.name.removeprefix("read_")
    content = read_content(_gateway(delivery), kind, delivery.row.object_id)
    with transaction(delivery.engine) as session:
        take_in(session, content)
    return Outcome("sent")


@delivers("chargebee", "confirm_cancellation")
def confirm_cancellation(delivery: Delivery) -> Outcome:
    """The date of a cancellation has come: read the subscription, and let what it says be derived.

    Chargebee carries a scheduled cancellation out itself, a moment early or late. While it has not, the question is
    asked again; an hour late it becomes a finding.
    """
    id = delivery.row.object_id
    content = read_content(_gateway(delivery), "subscription", id)
    with transaction(delivery.engine) as session:
        take_in(session, content)
        now = clock.now(session)
    read = Snapshot.read_from_api("subscription", content["subscription"], now)
    status, cancelled_at = read.fields["status"], read.fields["cancelled_at"]
    end = end_of(status=status, deleted=read.deleted, cancelled_at=cancelled_at, seen_at=now)
    if end is None or end.run or not is_due(end.effective_at, now):
        return Outcome("sent")
    late = now - end.effective_at
    if late > LATE:
        _find_overdue(delivery, id, round(late.total_seconds() / 60))
    seconds = round(late.total_seconds())
    raise NotYet(f"Chargebee has not ended subscription {id} yet; its cancellation was due {seconds} s ago")


def _gateway(delivery: Delivery) -> Gateway:
    if delivery.couriers.gateway is None:
        raise NeedsAttention("no Chargebee API is configured; set CHARGEBEE_SITE and CHARGEBEE_API_KEY, then retry")
    return delivery.couriers.gateway


def read_content(gateway: Gateway, kind: str, id: str) -> dict[str, Any]:
    """An object and whose it is, as the content of an event."""
    if kind == "subscription":
        return gateway.subscription(id)
    read = {
        "customer": gateway.customer,
        "invoice": gateway.invoice,
        "transaction": gateway.transaction,
        "credit_note": gateway.credit_note,
        "payment_source": gateway.payment_source,
    }[kind]
    return {kind: read(id)}


def _find_overdue(delivery: Delivery, subscription_id: str, minutes: int) -> None:
    with transaction(delivery.engine) as session:
        finding = Finding(
            kind="cancellation_overdue",
            severity="error",
            object_type="subscription",
            object_id=subscription_id,
            detail=f"subscription {subscription_id} should have ended {minutes} minutes ago and Chargebee still shows "
            "it as live; look at it there",
        )
        findings.note(session, [finding])
