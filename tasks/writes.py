"""Writes to Chargebee: the intent is a row first; its delivery reads, makes the call that is still needed, and reads.

No outcome is ever guessed. Whoever takes a row up, be it the first time or after a worker that died, begins by reading;
so what was done is seen, and what was not is done, under the key that the same call had before.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention, NotYet
from gateway.client import Gateway
from gateway.errors import ProviderDown, ProviderRefused
from gateway.guard import ChangeSubscription, EndSubscription
from gateway.payments import RecordPayment, TakeBackPayment
from gateway.writes import Call, Live, Write
from models import AuditEntry, Cancellation, OutboxRow, clock
from models.session import transaction

from .inbox import take_in
from .outbox import LEASE, Delivery, Outcome
from .registry import delivers
from .requests import Request
from .world import MIRRORS

MOST_CALLS = 10  # one invoice is one call: who takes a payment off more of them goes on with the next attempt

WRITES: dict[str, type[ChangeSubscription | EndSubscription | RecordPayment | TakeBackPayment]] = {
    "set_seats": ChangeSubscription,
    "schedule_cancellation": ChangeSubscription,
    "withdraw_cancellation": ChangeSubscription,
    "run_cancellation": EndSubscription,
    "record_payment": RecordPayment,
    "take_back_payment": TakeBackPayment,
}


def intend(session: Session, request: Request, *, by: str) -> OutboxRow:
    """Write down what is to be true in Chargebee, and who asked for it; the row that will bring it about.

    Raises:
        NeedsAttention: something else is under way for the same object.
    """
    write = request.write
    must_be_alone(session, request.name, write.id)
    if isinstance(write, EndSubscription):
        ours = (Cancellation.subscription_id == write.id) & (Cancellation.state == "scheduled")
        session.execute(update(Cancellation).where(ours).values(executed_by="worker"))
    row = OutboxRow(
        key=f"{request.name}:{write.id}:{uuid.uuid4().hex[:12]}",
        queue="provider",
        kind="chargebee",
        name=request.name,
        object_id=write.id,
        customer_id=request.customer_id,
        payload={"says": request.says, "by": by, "write": asdict(write)},
    )
    session.add(row)
    before = asdict(write.seen)
    after = {"asked_for": request.name, "says": request.says, "intent": row.key}
    session.add(AuditEntry(actor=by, object_type=write.about, object_id=write.id, before=before, after=after))
    session.flush()
    return row


def must_be_alone(session: Session, name: str, id: str, key: str | None = None) -> None:
    """Make sure, until this transaction ends, that no write but `key` is under way for the object of this one.

    Two at once would each read before the other has called, and both would call: a cheque recorded twice.

    Raises:
        NeedsAttention: another is.
    """
    about = WRITES[name].about
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"write:{about}:{id}", 0))))
    names = [each for each, kind in WRITES.items() if kind.about == about]
    under_way = select(OutboxRow.key).where(
        OutboxRow.name.in_(names), OutboxRow.object_id == id, OutboxRow.state.in_(("new", "sending"))
    )
    for other in session.scalars(under_way):
        if other != key:
            raise NeedsAttention(f"{other} is under way for the same {about}; wait until it has ended, then ask again")


@delivers("chargebee", "set_seats")
@delivers("chargebee", "schedule_cancellation")
@delivers("chargebee", "withdraw_cancellation")
@delivers("chargebee", "run_cancellation")
@delivers("chargebee", "record_payment")
@delivers("chargebee", "take_back_payment")
def bring_about(delivery: Delivery) -> Outcome:
    """Bring Chargebee to what the row says, a call at a time: read, refuse or call, and read again."""
    gateway = delivery.couriers.gateway
    if gateway is None:
        raise NeedsAttention("no Chargebee API is configured; set CHARGEBEE_SITE and CHARGEBEE_API_KEY, then retry")
    write: Write = WRITES[delivery.row.name].from_payload(delivery.row.payload["write"])
    for _ in range(MOST_CALLS):
        live = _read(delivery, gateway, write)
        call = write.next_call(live.state)
        if call is None:
            return Outcome("sent", None if _begun(delivery) else "it was so already")
        try:
            if why := write.objection(live.state, begun=_begun(delivery), now=_now(delivery)):
                raise NeedsAttention(why)
            _make(delivery, gateway, call)
        except (NeedsAttention, ProviderDown) as reason:
            _tell_half_done(write, live, reason)
            raise
    raise NotYet(f"Chargebee took {MOST_CALLS} calls and does not show yet what was asked for")


def _read(delivery: Delivery, gateway: Gateway, write: Write) -> Live[Any]:
    live = write.read(gateway)
    with transaction(delivery.engine) as session:
        for content in live.content:
            take_in(session, content)
    return live


def _make(delivery: Delivery, gateway: Gateway, call: Call) -> None:
    """Make one call, once it is written down that its outcome may become unknown; the mirror hears of the answer."""
    payload = delivery.row.payload
    key = call.key(delivery.row.key, payload.get("refusals", 0))
    good_until = time.monotonic() + LEASE.total_seconds()
    made = {"action": call.action, "id": call.id, "key": key, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    delivery.tells = {"calls": [*payload.get("calls", []), made]}
    if not delivery.begin():
        raise NotYet("the lease went to another worker")
    delivery.row.payload = payload | delivery.tells
    try:
        answer = gateway.write(call, key, good_until=good_until)
    except ProviderRefused:
        delivery.note(refusals=payload.get("refusals", 0) + 1)
        raise
    with transaction(delivery.engine) as session:
        for content in _contents(answer):
            take_in(session, content)


def _contents(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of an answer that we keep, as contents of events: what there are several of, one by one."""
    one = {kind: shown for kind, shown in answer.items() if kind in MIRRORS}
    several = [(kind, each) for kind in MIRRORS for each in answer.get(f"{kind}s", ())]
    return [one, *({kind: each} for kind, each in several)]


def _begun(delivery: Delivery) -> bool:
    return bool(delivery.row.payload.get("calls"))


def _now(delivery: Delivery) -> datetime:
    with transaction(delivery.engine) as session:
        return clock.now(session)


def _tell_half_done(write: Write, live: Live[Any], reason: Exception) -> None:
    """Have the reason say what is wrong in Chargebee as long as this goes no further."""
    if half_done := write.half_done(live.state):
        reason.args = (f"{reason}. {half_done[0].upper()}{half_done[1:]}",)
