"""The site whole: every action of the layers below, and the clock that does what falls due by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from .agenda import Due
from .collection import DEBIT_TAKES
from .invoices import GIVEN_UP_AFTER, PENDING_FOR
from .portals import Portals
from .state import Action, Body, Key
from .subscriptions import LIVE
from .terms import instant_of, seconds

# A card is said to be expiring this long before its last day is over.
_CARD_WARNING = timedelta(days=30)
_Deed = tuple[int, int, Callable[[str], None]]


class Site(Portals):
    """One Chargebee site in one process. The same seed and the same calls give the same bytes.

    Actions return the object they made or changed, as a snapshot: it is not to be edited, and does not follow later
    changes (`current` does). `events` holds every event body so far, oldest first, those of one action in any order;
    `event_records` says what each is without making its body. What the site refuses raises Refused and leaves no trace.
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
            while (due_at := self.next_due_at) and due_at <= instant:
                self.step_to_next_due()
            self.now = instant

    @property
    def next_due_at(self) -> datetime | None:
        """When the next thing happens that the site does by itself; None where nothing is due, ever."""
        with self.lock:
            first = self._agenda.first()
        return max(self.now, instant_of(first[0].at)) if first else None

    def coming(self, count: int) -> list[tuple[datetime, str, Key]]:
        """The next things that will happen by themselves: when, what (the name of it), and to which object."""
        with self.lock:
            planned = [(due, key, self._due(self.current(*key))) for due, key in self._agenda.coming(count)]
            return [
                (max(self.now, instant_of(due.at)), deed[2].__name__.strip("_"), key)
                for due, key, deed in planned
                if deed
            ]

    def step_to_next_due(self) -> None:
        """Move the clock to the next thing that is due, and have that one thing happen.

        Where more is due at that instant, `next_due_at` is the site's now afterwards.
        """
        with self.lock:
            if first := self._agenda.first():
                due, (kind, id) = first
                self.now = max(self.now, instant_of(due.at))
                body = self._read[kind, id] = self.current(kind, id)
                versions, deed = self.version_count(kind, id), self._due(body)
                if deed and deed[:2] == due:
                    deed[2](id)
                if self.version_count(kind, id) == versions:  # a deed may leave its object as it is, as a reminder does
                    self._plan(body)
                    if self._agenda.first() == first:
                        raise RuntimeError(f"what is due to {kind} {id} at {due.at} does nothing: it would for ever")

    def _plan(self, body: Body) -> None:
        deed = None if body["deleted"] else self._due(body)
        self._agenda.plan((body["object"], body["id"]), Due(*deed[:2]) if deed else None)

    def _due(self, body: Body) -> _Deed | None:
        """What will happen to an object by itself. At one instant: endings, renewals, resumptions, money, cards."""
        match body["object"]:
            case "subscription":
                deeds = self._due_of_subscription(body)
            case "invoice":
                deeds = self._due_of_invoice(body)
            case "transaction":
                deeds = self._due_of_payment(body)
            case "payment_source":
                deeds = self._due_of_card(body)
            case _:
                return None
        return min(deeds, key=lambda deed: deed[:2], default=None)

    def _due_of_subscription(self, body: Body) -> Iterator[_Deed]:
        status = body["status"]
        if status == "future":
            yield body["start_date"], 1, self._begin
        if status == "paused" and "resume_date" in body:
            yield body["resume_date"], 2, self._resume_by_itself
        if status not in LIVE:
            return
        if "cancelled_at" in body:
            yield body["cancelled_at"], 0, self._carry_out_cancellation
        if "pause_date" in body:
            yield body["pause_date"], 0, self._pause_by_itself
        if status == "in_trial":
            yield body["trial_end"], 1, self._end_trial
        if status == "active":
            yield body["current_term_end"], 1, self._renew
        if "changes_scheduled_at" in body:  # those for the end of a term are carried out by what happens then
            yield body["changes_scheduled_at"], 2, self._change_by_itself
        if reminder := self._reminder(body):
            yield reminder[0], 5, self._remind_of

    def _due_of_invoice(self, body: Body) -> Iterator[_Deed]:
        if body["status"] == "pending":
            if ("left open", body["id"]) not in self._aside:
                yield body["generated_at"] + int(PENDING_FOR.total_seconds()), 3, self._close_by_itself
        elif body["status"] == "posted":
            yield body["due_date"], 3, self._fall_due
        elif "next_retry_at" in body:
            yield body["next_retry_at"], 3, self._retry_card
        elif "expected_payment_date" in body:
            yield body["expected_payment_date"], 3, self._expect_no_longer
        elif body["status"] == "payment_due":
            yield body["due_date"] + int(GIVEN_UP_AFTER.total_seconds()), 3, self._give_up
        if remind_at := self._remind_at(body):
            yield remind_at, 5, self._remind

    def _due_of_payment(self, body: Body) -> Iterator[_Deed]:
        if body["status"] == "in_progress":
            yield body["date"] + int(DEBIT_TAKES.total_seconds()), 3, self._settle_debit
        if taken_back_at := self._taken_back_at(body):
            yield taken_back_at, 3, self._take_back

    def _due_of_card(self, body: Body) -> Iterator[_Deed]:
        if body["type"] != "card":
            return
        expires = self._card_expires_at(body)
        if body["status"] == "valid":
            yield expires - int(_CARD_WARNING.total_seconds()), 4, self._card_is_expiring
        elif body["status"] == "expiring":
            yield expires, 4, self._card_has_expired

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
        return [(kind, id) for kind, id in action.drafts if (kind, id) not in self.versions]

    def events_since(self, place: int) -> list[Body]:
        """The events after the first `place` ones: what is still to be sent."""
        with self.lock:
            return self.events[place:]

    @property
    def timestamp(self) -> int:
        """The site's now, as on the wire."""
        return seconds(self.now)
