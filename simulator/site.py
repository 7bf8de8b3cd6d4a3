"""The site whole: every action of the layers below, and the clock that does what falls due by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from .invoices import GIVEN_UP_AFTER, PENDING_FOR
from .state import Action, Body, Key
from .subscriptions import LIVE, Subscriptions
from .terms import instant_of, seconds

# A card is said to be expiring this long before its last day is over.
_CARD_WARNING = timedelta(days=30)
_Due = tuple[int, int, str, Callable[[str], None]]


class Site(Subscriptions):
    """One Chargebee site in one process. The same seed and the same calls give the same bytes.

    Actions return the object they made or changed, as a snapshot: it is not to be edited, and does not follow later
    changes (`current` does). `events` holds every event body so far, oldest first, those of one action in any order.
    What the site refuses raises Refused and leaves no trace.
    """

    def advance(self, **step: float) -> None:
        """Move the clock ahead by a timedelta's arguments: `site.advance(days=3)`."""
        self.advance_to(self.now + timedelta(**step))

    def advance_to(self, instant: datetime) -> None:
        """Move the clock ahead; whatever falls due on the way happens at its own instant, in order.

        Calling it with an instant that has passed is an error: the site's time never runs back.
        """
        with self.lock:
            instant = instant.astimezone(UTC)
            if instant < self.now:
                raise ValueError(f"the site is at {self.now}: its clock does not go back to {instant}")
            while (due := self._next_due()) and instant_of(due[0]) <= instant:
                self.now = max(self.now, instant_of(due[0]))
                due[3](due[2])
            self.now = instant

    @property
    def next_due_at(self) -> datetime | None:
        """When the next thing happens by itself; it may have been due before now."""
        with self.lock:
            due = self._next_due()
            return instant_of(due[0]) if due else None

    def _next_due(self) -> _Due | None:
        """The first thing that will happen by itself. At one instant: endings, renewals, resumptions, money, cards."""
        due = [*self._due_subscriptions(), *self._due_invoices(), *self._due_cards()]
        return min(due, key=lambda thing: thing[:3], default=None)

    def _due_subscriptions(self) -> Iterator[_Due]:
        for body in self.all("subscription"):
            status, id = body["status"], body["id"]
            if status in LIVE and "cancelled_at" in body:
                yield body["cancelled_at"], 0, id, self._carry_out_cancellation
            elif status == "future":
                yield body["start_date"], 1, id, self._begin
            elif status == "in_trial":
                yield body["trial_end"], 1, id, self._end_trial
            elif status == "active":
                yield body["current_term_end"], 1, id, self._renew
            elif status == "paused" and "resume_date" in body:
                yield body["resume_date"], 2, id, self._resume_by_itself

    def _due_invoices(self) -> Iterator[_Due]:
        for body in self.all("invoice"):
            if body["status"] == "pending":
                yield body["generated_at"] + int(PENDING_FOR.total_seconds()), 3, body["id"], self._close_by_itself
            elif body["status"] == "posted":
                yield body["due_date"], 3, body["id"], self._fall_due
            elif "next_retry_at" in body:
                yield body["next_retry_at"], 3, body["id"], self._retry_card
            elif body["status"] == "payment_due":
                yield body["due_date"] + int(GIVEN_UP_AFTER.total_seconds()), 3, body["id"], self._give_up

    def _due_cards(self) -> Iterator[_Due]:
        for body in self.all("payment_source"):
            expires = self._card_expires_at(body)
            if body["status"] == "valid":
                yield expires - int(_CARD_WARNING.total_seconds()), 4, body["id"], self._card_is_expiring
            elif body["status"] == "expiring":
                yield expires, 4, body["id"], self._card_has_expired

    def _card_is_expiring(self, card_id: str) -> None:
        self._age_card(card_id, "expiring")

    def _card_has_expired(self, card_id: str) -> None:
        self._age_card(card_id, "expired")

    @contextmanager
    def as_one(self, source: str) -> Iterator[Action]:
        """Have several actions be one: all of them or nothing, told as coming from `source`."""
        with self._action(source) as action:
            yield action

    def made_by(self, action: Action) -> list[Key]:
        """The objects that an action which is not over has made so far, in order."""
        return [(kind, id) for kind, id in action.drafts if id not in self.objects[kind]]

    def set_custom_fields(self, kind: str, id: str, fields: Mapping[str, str | None]) -> Body:
        """Set fields that the merchant has made up, `cf_` before their names; None takes one away."""
        with self._action("admin_console"):
            draft = self._edit(kind, id)
            draft.update(fields)
            return draft

    def find(self, kind: str, **fields: object) -> list[Body]:
        """Objects of a kind (not deleted) whose fields have these values, in the order they were made."""
        return [body for body in self.all(kind) if all(body.get(field) == value for field, value in fields.items())]

    def events_since(self, place: int) -> list[Body]:
        """The events after the first `place` ones: what is still to be sent."""
        with self.lock:
            return self.events[place:]

    @property
    def timestamp(self) -> int:
        """The site's now, as on the wire."""
        return seconds(self.now)
