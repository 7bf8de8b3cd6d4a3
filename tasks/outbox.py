"""What is to be told to the world: queued with the change that calls for it, delivered outside any transaction.

One attempt takes a lease. A mail that may have been accepted while nobody saw the answer is held for a person; all
else is tried again until it is too late. A worker that was frozen finds its token stale and changes nothing.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention, NotYet
from gateway.errors import ProviderRefused
from models import AuditEntry, Finding, OutboxRow
from models.session import transaction

from . import findings
from .registry import delivery_of

if TYPE_CHECKING:
    from .couriers import Couriers
    from .world import World

LEASE = timedelta(seconds=120)
PATIENCE = {"email": timedelta(days=3), "callback": timedelta(days=3), "chargebee": timedelta(hours=24)}

log = structlog.get_logger(__name__)


# ---- queueing: with the change, in its transaction -------------------------------------------------------------------


def queue_email(
    world: World,
    name: str,
    object_id: str,
    customer_id: str | None,
    *,
    revision: int | str = 0,
    since: datetime | None = None,
    recipient: str | None = None,
    payload: dict[str, Any] | None = None,
) -> None:
    """One mail of this kind about this object. Recipients and words are found at delivery.

    `since`: when a fact that is first heard of now came to be; one long past is history, and told to nobody.
    `recipient`: the one address it is for, where a person names it. `payload`: what no row will say at delivery.
    """
    world.queue(
        OutboxRow(
            key=f"{name}:{object_id}:{revision}",
            queue="mail",
            kind="email",
            name=name,
            object_id=object_id,
            customer_id=customer_id,
            recipient=recipient,
            payload=payload or {},
        ),
        since=since,
    )


def queue_call(world: World, name: str, object_id: str, *, revision: int = 0) -> None:
    """One call to Chargebee."""
    key = f"{name}:{object_id}:{revision}"
    world.queue(OutboxRow(key=key, queue="provider", kind="chargebee", name=name, object_id=object_id))


def queue_callback(
    world: World, name: str, object_id: str, customer_id: str | None, *, revision: str, payload: dict[str, Any]
) -> None:
    """One callback to the product, where it asked for them."""
    if world.rules.calls_back:
        world.queue(
            OutboxRow(
                key=f"{name}:{object_id}:{revision}",
                queue="provider",
                kind="callback",
                name=name,
                object_id=object_id,
                customer_id=customer_id,
                payload=payload,
            )
        )


# ---- delivering ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended. What is `sent` may carry what is kept of it: reply, message_id, subject, text, said.

    `also` is done in the transaction that records the ending: a death between the two would leave one of them alone.
    """

    state: Literal["sent", "suppressed", "held", "failed"]
    reason: str | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    also: Callable[[Session], None] | None = None


class Withheld(Exception):
    """This row is not delivered, and will not be by itself; the message says why."""


class OutOfTurn(Exception):
    """Others go first: ask again at `at`. It costs neither an attempt nor patience."""

    def __init__(self, at: datetime, reason: str) -> None:
        super().__init__(f"it waits for its turn: {reason}")
        self.at = at


@dataclass(slots=True)
class Delivery:
    """One attempt at one row, and what it may use. `row` is a copy: nothing written to it is stored."""

    engine: Engine
    couriers: Couriers
    row: OutboxRow
    began: bool = False
    tells: dict[str, Any] = field(default_factory=dict)  # what others may ask: kept in the payload as it leaves

    def begin(self) -> bool:
        """Say that what follows cannot be taken back; False when the lease went to somebody else meanwhile.

        Where several things follow, it is said before each.
        """
        with transaction(self.engine) as session:
            took = session.execute(_BEGIN, self._mine() | {"lease": LEASE, "tells": json.dumps(self.tells)})
            self.began = took.first() is not None
        return self.began

    def note(self, **values: Any) -> None:
        """Keep something for the attempts to come, in the row's payload."""
        self.row.payload = {**self.row.payload, **values}
        with transaction(self.engine) as session:
            row = session.get(OutboxRow, self.row.id, with_for_update=True)
            if row and row.lease_token == self.row.lease_token:
                row.payload = self.row.payload

    def _mine(self) -> dict[str, Any]:
        return {"id": self.row.id, "token": self.row.lease_token}


_CLAIM = text("""
    update outbox set lease_until = now() + :lease, due_at = now() + :lease, lease_token = lease_token + 1,
      attempts = attempts + 1
    where id = (
      select id from outbox where queue = :queue and state = 'new' and due_at <= now()
      order by due_at, id limit 1 for update skip locked
    ) returning id
""")
_BEGIN = text("""
    update outbox set state = 'sending', lease_until = now() + :lease, payload = payload || cast(:tells as jsonb)
    where id = :id and lease_token = :token and state in ('new', 'sending') returning id
""")
_FINISH = text("""
    update outbox set state = :state, reason = :reason, lease_until = null, due_at = now() + :pause,
      ended_at = case when :state = 'new' then null else business_now() end,
      reply = coalesce(:reply, reply), subject = coalesce(:subject, subject), text = coalesce(:text, text),
      message_id = coalesce(:message_id, message_id), locale = coalesce(:locale, locale),
      said = coalesce(cast(:said as jsonb), said)
    where id = :id and lease_token = :token and state in ('new', 'sending') returning id
""")
_WAIT = text("""
    update outbox set lease_until = null, due_at = :at, reason = :reason, attempts = attempts - 1,
      waiting_since = waiting_since + (cast(:at as timestamptz) - now())
    where id = :id and lease_token = :token and state = 'new'
""")
# A lease that ran out while sending: a mail may have been accepted, so a person decides. Anything else has a key that
# the other side knows, and is tried again.
_EXPIRED = text("""
    update outbox set lease_until = null, due_at = now(), lease_token = lease_token + 1,
      state = case when kind = 'email' and not :resend then 'held' else 'new' end,
      reason = case when kind = 'email' and not :resend
        then 'its worker ended in the instant of sending: the mail server may have accepted it' else reason end,
      ended_at = case when kind = 'email' and not :resend then business_now() else null end
    where queue = :queue and state = 'sending' and lease_until < now() returning kind, key, state, reason, event_id
""")


def deliver_pending(engine: Engine, couriers: Couriers, queue: str, *, seconds: float = 30) -> int:
    """Deliver what is due of a queue, a row at a time, for so many seconds; how many attempts were made."""
    until, attempts = time.monotonic() + seconds, 0
    _release_expired(engine, couriers, queue)
    while time.monotonic() < until:
        delivery = _claim(engine, couriers, queue)
        if delivery is None:
            break
        deliver_one(delivery)
        attempts += 1
    return attempts


def deliver_one(delivery: Delivery) -> None:
    """One attempt. Whatever comes of it is recorded, unless the lease went to somebody else."""
    row = delivery.row
    with structlog.contextvars.bound_contextvars(outbox_key=row.key, event_id=row.event_id):
        deliver = delivery_of(row.kind, row.name)
        try:
            if deliver is None:
                raise NeedsAttention(f"nothing delivers {row.kind} {row.name}; run the version that queued it")
            outcome = deliver(delivery)
        except SoftTimeLimitExceeded:
            _run_out_of_time(delivery)
            raise
        except NotYet as reason:
            _try_again(delivery, reason)
        except OutOfTurn as turn:
            with transaction(delivery.engine) as session:
                session.execute(_WAIT, delivery._mine() | {"at": turn.at, "reason": str(turn)})
        except Withheld as reason:
            _finish(delivery, "suppressed", str(reason))
        except NeedsAttention as reason:
            if isinstance(reason, ProviderRefused) and reason.is_about_the_key:
                _try_again(delivery, reason)
            else:
                _fail(delivery, str(reason))
        except Exception as surprise:
            log.error("delivery failed: a fault of ours", exc_info=surprise)
            if delivery.began and row.kind == "email" and not delivery.couriers.resend_ambiguous:
                _finish(delivery, "held", f"{type(surprise).__name__} while sending; see the log")
            else:
                _try_again(delivery, surprise)
        else:
            _finish(delivery, outcome.state, outcome.reason, also=outcome.also, **outcome.kept)


def _claim(engine: Engine, couriers: Couriers, queue: str) -> Delivery | None:
    with transaction(engine) as session:
        id = session.scalar(_CLAIM, {"queue": queue, "lease": LEASE})
        if id is None:
            return None
        row = session.get_one(OutboxRow, id)
        session.expunge(row)
        return Delivery(engine, couriers, row)


def _release_expired(engine: Engine, couriers: Couriers, queue: str) -> None:
    with transaction(engine) as session:
        for row in session.execute(_EXPIRED, {"queue": queue, "resend": couriers.resend_ambiguous}):
            log.error("lease ran out while sending", outbox_key=row.key, state=row.state)
            if row.state != "new":
                session.add(_ended(row, "sending", row.state, row.reason))


def _try_again(delivery: Delivery, reason: Exception) -> None:
    row = delivery.row
    with transaction(delivery.engine) as session:
        waited: timedelta = session.scalar(text("select now() - cast(:at as timestamptz)"), {"at": row.waiting_since})
    if waited > PATIENCE[row.kind]:
        _fail(delivery, f"given up after {_days(waited)}: {reason}")
        return
    stated = getattr(reason, "retry_after", None)
    pause = max(float(stated or 0), min(3600.0, 5.0 * 2 ** min(row.attempts - 1, 20)) * random.uniform(0.8, 1.2))  # noqa: S311
    log.warning("delivery is tried again", reason=str(reason), attempt=row.attempts, in_seconds=round(pause))
    _finish(delivery, "new", str(reason), pause=timedelta(seconds=pause))


def _days(waited: timedelta) -> str:
    return "a day" if waited.days == 1 else f"{waited.days} days"


def _run_out_of_time(delivery: Delivery) -> None:
    if delivery.began and delivery.row.kind == "email":
        _finish(delivery, "held", "time ran out while sending: the mail server may have accepted it")
    else:
        _try_again(delivery, NotYet("time ran out"))


def _fail(delivery: Delivery, reason: str) -> None:
    row = delivery.row
    log.error("delivery failed", reason=reason, attempts=row.attempts)
    finding = Finding(kind="delivery_failed", severity="error", object_type="outbox", object_id=row.key, detail=reason)
    _finish(delivery, "failed", reason, also=lambda session: findings.note(session, [finding]))


def _finish(
    delivery: Delivery,
    state: str,
    reason: str | None,
    *,
    pause: timedelta = timedelta(0),
    also: Callable[[Session], None] | None = None,
    **kept: Any,
) -> None:
    blank = dict.fromkeys(("reply", "subject", "text", "message_id", "locale", "said"))
    if "said" in kept:
        kept["said"] = json.dumps(kept["said"])
    values = blank | kept | delivery._mine() | {"state": state, "reason": reason, "pause": pause}
    with transaction(delivery.engine) as session:
        if session.execute(_FINISH, values).first() is None:
            log.warning("the lease went to another worker; its outcome stands", state=state)
            return
        if state != "new":
            session.add(_ended(delivery.row, "sending" if delivery.began else "new", state, reason))
        if also:
            also(session)
    if state != "new":
        log.info(f"delivery {state}", reason=reason)


def _ended(row: Any, before: str, state: str, reason: str | None) -> AuditEntry:
    """How an attempt ended, for good: the row itself is written over when it is called for, or released, again."""
    return AuditEntry(
        actor="delivery",
        event_id=row.event_id,
        object_type=row.kind,
        object_id=row.key,
        before={"state": before},
        after={"state": state, "reason": reason},
    )
