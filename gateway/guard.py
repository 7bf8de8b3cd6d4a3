"""The one guard that every write to a subscription goes through: read, refuse or schedule again, verify after.

Any edit of a subscription removes its scheduled cancellation in Chargebee, unasked. So a write says how the
subscription must stand in the end, its end included, and is brought there a call at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from billing.seats import LIVE

from .events import Snapshot
from .writes import Call, Live, Raw

if TYPE_CHECKING:
    from .client import Gateway

# Calls are tried for a day: an end that is nearer might come before it is scheduled again.
ROOM = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a subscription decides about a write to it. Instants are epoch seconds, as Chargebee counts."""

    status: str | None
    by_items: bool  # catalogue 2.0
    ends_at: int | None  # scheduled, or come; None: it goes on
    term_end: int | None  # of the trial, in a trial
    price: str | None = None  # the item whose quantity is the matter; None: none is
    is_plan: bool = True
    quantity: int | None = None
    coming: int | None = None  # the quantity that is scheduled for later; None: no change is scheduled

    @classmethod
    def of(cls, body: Raw, price: str | None = None, to_come: Raw | None = None) -> Standing:
        """Of a subscription as the API shows it; `to_come`: as it will be after its scheduled change."""
        fields = _fields(body)
        now = _lines(fields).get(price or "")
        then = _lines(_fields(to_come)).get(price or "") if to_come else None
        end = body.get("trial_end") if fields["status"] == "in_trial" else body.get("current_term_end")
        ends_at = fields["cancelled_at"]
        return cls(
            status=fields["status"],
            by_items=bool(body.get("subscription_items")),
            ends_at=int(ends_at.timestamp()) if ends_at else None,
            term_end=end,
            price=price,
            is_plan=now is None or now["item_type"] == "plan",
            quantity=now["quantity"] if now else None,
            coming=then["quantity"] if then else None,
        )

    def told(self) -> str:
        parts = [str(self.status)]
        if self.price:
            parts.append(f"{self.quantity} of {self.price}")
        if self.coming is not None:
            parts.append(f"{self.coming} from a later date on")
        parts.append(f"to end at {_told(self.ends_at)}" if self.ends_at else "without an end")
        return ", ".join([*parts, f"its term until {_told(self.term_end)}"])


@dataclass(frozen=True, slots=True)
class ChangeSubscription:
    """Another quantity of an item, now or from the next term on; another end, or none. `seen` is how it stood."""

    about: ClassVar[str] = "subscription"

    id: str
    seen: Standing
    wanted: Standing
    reason: str | None = None  # of the end

    @classmethod
    def from_payload(cls, values: dict[str, Any]) -> ChangeSubscription:
        return cls(**values | {name: Standing(**values[name]) for name in ("seen", "wanted")})

    def read(self, gateway: Gateway) -> Live[Standing]:
        return read_subscription(gateway, self.id, self.seen.price)

    def next_call(self, state: Standing) -> Call | None:
        wanted = self.wanted
        if state.quantity != wanted.quantity:
            return self._edit(state, wanted.quantity, {"prorate": True, "invoice_immediately": True})
        if wanted.coming is not None and state.coming != wanted.coming:
            return self._edit(state, wanted.coming, {"end_of_term": True})
        if state.ends_at == wanted.ends_at:
            return None
        if wanted.ends_at is None:
            return Call("subscription", "remove_scheduled_cancellation", self.id, {})
        return self._end(state, wanted.ends_at)

    def objection(self, state: Standing, *, begun: bool, now: datetime) -> str | None:
        expected = [self.seen]
        if begun and self.wanted.quantity != self.seen.quantity:  # our edit has removed the end
            expected.append(replace(self.seen, quantity=self.wanted.quantity, ends_at=None, status=state.status))
        if state.status not in LIVE or state not in expected:
            return (
                f"subscription {self.id} was changed meanwhile: it was {self.seen.told()}; it is {state.told()}; "
                "nothing more was written; look at it, then ask anew"
            )
        if self.wanted.ends_at is None:
            return None
        left = datetime.fromtimestamp(self.wanted.ends_at, UTC) - now
        if left <= timedelta(0):
            return f"subscription {self.id} was to end at {_told(self.wanted.ends_at)}, which has passed"
        if state.quantity != self.wanted.quantity and left < ROOM:
            return too_near(self.id)
        return None

    def half_done(self, state: Standing) -> str | None:
        if state.status not in LIVE or self.seen.ends_at is None or state.ends_at or self.wanted.ends_at is None:
            return None
        when = "--at-term-end" if self.wanted.ends_at == state.term_end else "--on DATE"
        return (
            f"subscription {self.id} was to end at {_told(self.wanted.ends_at)}, and Chargebee has no end of it any "
            f"more; schedule it again there, or with: quittance cancellations schedule {self.id} {when}"
        )

    def _edit(self, state: Standing, quantity: int | None, how: dict[str, Any]) -> Call:
        if state.by_items:
            line = {"item_price_id": state.price, "quantity": quantity}
            return Call("subscription", "update_for_items", self.id, {"subscription_items": [line], **how})
        old = {"plan_quantity": quantity} if state.is_plan else {"addons": [{"id": state.price, "quantity": quantity}]}
        return Call("subscription", "update", self.id, {**old, **how})

    def _end(self, state: Standing, at: int) -> Call:
        at_term_end = at == state.term_end
        why = {"cancel_reason_code": self.reason} if self.reason else {}
        if state.by_items:
            option = {"cancel_option": "end_of_term"} if at_term_end else {"cancel_option": "specific_date"}
            when = option if at_term_end else {**option, "cancel_at": at}
            return Call("subscription", "cancel_for_items", self.id, {**when, **why})
        when_then = {"end_of_term": True} if at_term_end else {"cancel_at": at}
        return Call("subscription", "cancel", self.id, {**when_then, **why})


@dataclass(frozen=True, slots=True)
class EndSubscription:
    """The end that was scheduled and has come, which Chargebee did not carry out: this system was asked to."""

    about: ClassVar[str] = "subscription"

    id: str
    seen: Standing

    @classmethod
    def from_payload(cls, values: dict[str, Any]) -> EndSubscription:
        return cls(**values | {"seen": Standing(**values["seen"])})

    def read(self, gateway: Gateway) -> Live[Standing]:
        return read_subscription(gateway, self.id)

    def next_call(self, state: Standing) -> Call | None:
        if state.status == "cancelled":
            return None
        if state.by_items:
            return Call("subscription", "cancel_for_items", self.id, {"cancel_option": "immediately"})
        return Call("subscription", "cancel", self.id, {"end_of_term": False})

    def objection(self, state: Standing, *, begun: bool, now: datetime) -> str | None:
        if state == self.seen and state.ends_at and datetime.fromtimestamp(state.ends_at, UTC) <= now:
            return None
        return (
            f"subscription {self.id} is not to be ended any more: it was {self.seen.told()}; it is {state.told()}; "
            "nothing was written"
        )

    def half_done(self, state: Standing) -> str | None:
        return None


def read_subscription(gateway: Gateway, id: str, price: str | None = None) -> Live[Standing]:
    """How a subscription stands, with regard to the quantity of one of its items."""
    content = gateway.subscription(id)
    body = content["subscription"]
    to_come = gateway.subscription_to_come(id) if price and body.get("has_scheduled_changes") else None
    return Live([content], Standing.of(body, price, to_come))


def too_near(id: str) -> str:
    """Why a subscription whose end is near is not edited."""
    hours = round(ROOM.total_seconds() / 3600)
    return (
        f"subscription {id} ends within {hours} hours, and an edit removes its end: there is no time to make sure that "
        "it is scheduled again; withdraw the cancellation first, or make the change in Chargebee by hand"
    )


def _fields(body: Raw) -> dict[str, Any]:
    return Snapshot.read_from_api("subscription", body, datetime.now(UTC)).fields


def _lines(fields: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["item_price_id"]: item for item in fields["items"] or []}


def _told(at: int | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "an unknown date"
