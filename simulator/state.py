"""The objects of the site, their versions, and the events that tell of every change.

An action edits drafts; when it ends, each changed draft becomes the newest snapshot of its object and the events are
written. Snapshots are never edited again, so an event may hold them as they are. A refused action leaves no trace.
"""

from __future__ import annotations

import copy
import json
import random
import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .terms import milliseconds, seconds

Body = dict[str, Any]
Key = tuple[str, str]

KINDS = (
    "item", "item_price", "customer", "payment_source", "subscription", "unbilled_charge", "invoice", "transaction",
    "credit_note", "promotional_credit", "comment",
)  # fmt: skip
_ALPHABET = string.digits + string.ascii_letters
# Kinds whose objects an event lists under a plural name; those of one action are told of together.
_LISTED = {"unbilled_charge": "unbilled_charges"}
# The events that tell of an object made, changed or deleted when the action has named none. Of comments none tells.
_PLAIN_EVENTS = {
    "item": ("item_created", "item_updated", "item_deleted"),
    "item_price": ("item_price_created", "item_price_updated", "item_price_deleted"),
    "customer": ("customer_created", "customer_changed", "customer_deleted"),
    "payment_source": ("payment_source_added", "payment_source_updated", "payment_source_deleted"),
    "subscription": ("subscription_created", "subscription_changed", "subscription_deleted"),
    "unbilled_charge": ("unbilled_charges_created", "unbilled_charges_voided", "unbilled_charges_deleted"),
    "invoice": ("invoice_generated", "invoice_updated", "invoice_deleted"),
    "transaction": ("transaction_created", "transaction_updated", "transaction_deleted"),
    "credit_note": ("credit_note_created", "credit_note_updated", "credit_note_deleted"),
    "promotional_credit": ("promotional_credits_added",) * 3,
}


class Refused(Exception):
    """The site will not do that. `code`, `status`, `type` and `param` are what the API answers with.

    `param` names the parameter to blame where it is one alone.
    """

    type = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        code: str = "invalid_state_for_request",
        status: int = 409,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.param = param


class WrongValue(Refused):
    """A parameter that the site cannot take."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message, code="param_wrong_value", status=400, param=param)


class Declined(Refused):
    """A bank would not pay. Unlike other refusals it leaves a trace: the attempt is a transaction that failed."""

    type = "payment"

    def __init__(self, message: str) -> None:
        super().__init__(message, code="payment_processing_failed", status=402)


class Action:
    """What one call changes: drafts of objects, and the events it will tell."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.drafts: dict[Key, Body] = {}
        self.told: dict[tuple[str, Key], list[Key]] = {}
        self.announced = False  # an event is to go out although nothing may have changed
        self.quiet = False  # nothing is told of what this changes


class State:
    """Objects by kind and id, every version of each, the events in the order they were made, and the site's now."""

    def __init__(
        self,
        seed: int = 1,
        now: datetime = datetime(2021, 1, 4, 15, 0, tzinfo=UTC),
        timezone: str = "America/Toronto",
        *,
        stale: bool = False,
    ) -> None:
        if now.tzinfo is None:
            raise ValueError("now must be an aware datetime, in UTC or any other zone")
        self.seed = seed
        self.now = now.astimezone(UTC)
        self.zone = ZoneInfo(timezone)
        self.stale = stale
        self.lock = threading.RLock()
        self.objects: dict[str, dict[str, Body]] = {kind: {} for kind in KINDS}
        self.versions: dict[Key, list[Body]] = {}
        self.events: list[Body] = []
        self.invoice_prefix = "F-"
        self.next_invoice_number = 10391
        self.credit_note_prefix = "NC-"
        self.next_credit_note_number = 1001
        # What the site knows of an object and no snapshot shows: (what, id) -> value.
        self._aside: dict[tuple[str, str], Any] = {}
        self._last_version = 0
        self._open: Action | None = None
        self._ids = random.Random(f"{seed} ids")
        self._noise = random.Random(f"{seed} milliseconds")
        self._order = random.Random(f"{seed} order of events")
        self._age = random.Random(f"{seed} age of snapshots")

    def current(self, kind: str, id: str) -> Body:
        """The newest snapshot of an object (the draft, inside an action). Not to be edited."""
        if self._open and (kind, id) in self._open.drafts:
            return self._open.drafts[kind, id]
        if id not in self.objects[kind]:
            raise Refused(f"{id} not found", code="resource_not_found", status=404)
        return self.objects[kind][id]

    def all(self, kind: str) -> list[Body]:
        """Every object of a kind that is not deleted, in the order they were made."""
        bodies = self.objects[kind]
        if self._open:
            bodies = bodies | {id: draft for (found, id), draft in self._open.drafts.items() if found == kind}
        return [body for body in bodies.values() if not body["deleted"]]

    @contextmanager
    def _action(self, source: str = "api") -> Iterator[Action]:
        """One call to the site: all of it or nothing. Inside another action it is part of that one."""
        with self.lock:
            if self._open:
                yield self._open
                return
            self._open = action = Action(source)
            numbers = self.next_invoice_number, self.next_credit_note_number
            aside = dict(self._aside)
            try:
                yield action
                self._commit(action)
            except BaseException:
                self.next_invoice_number, self.next_credit_note_number = numbers
                self._aside = aside
                raise
            finally:
                self._open = None

    def _acting(self) -> Action:
        if self._open is None:
            raise RuntimeError("objects change inside an action only")
        return self._open

    def _make(self, kind: str, id: str, body: Body) -> Body:
        """A new object, as a draft."""
        if id in self.objects[kind] or (kind, id) in self._acting().drafts:
            raise Refused(f"the {kind} id {id} is taken", code="duplicate_entry", status=400)
        draft = {"id": id, **body, "deleted": False, "object": kind}
        self._acting().drafts[kind, id] = draft
        return draft

    def _edit(self, kind: str, id: str) -> Body:
        """The draft of an object, to be changed in place."""
        action = self._acting()
        if (kind, id) not in action.drafts:
            body = self.current(kind, id)
            if body["deleted"]:
                raise Refused(f"{id} not found", code="resource_not_found", status=404)
            action.drafts[kind, id] = copy.deepcopy(body)
        return action.drafts[kind, id]

    def _tell(self, event_type: str, about: Body, *beside: Body) -> None:
        """Have the action send an event about one object; those beside it are carried along, perhaps aged."""
        self._acting().told[event_type, _key(about)] = [_key(body) for body in beside]

    def _announce(self, event_type: str, about: Body, *beside: Body) -> None:
        """Have the action send an event that tells of no change, as reminders do."""
        self._tell(event_type, about, *beside)
        self._acting().announced = True

    def _new_id(self, prefix: str = "") -> str:
        return prefix + "".join(self._ids.choices(_ALPHABET, k=16))

    def _commit(self, action: Action) -> None:
        changed = [key for key, draft in action.drafts.items() if self._differs(key, draft)]
        for key in changed:
            self._stamp(key, action.drafts[key])
        if action.quiet or not (changed or action.announced):
            return  # nothing happened, and of nothing no event tells
        subjects = {key for _, key in action.told}
        subjects |= {key for beside in action.told.values() for key in beside if key[0] in _LISTED}
        for key in changed:
            if key not in subjects and key[0] in _PLAIN_EVENTS:
                action.told[self._plain_event(key), key] = self._company(key)
        told = list(action.told.items())
        self._order.shuffle(told)  # Chargebee promises no order among the events of one action
        for (event_type, subject), beside in told:
            self.events.append(self._event(action.source, event_type, subject, beside))

    def _differs(self, key: Key, draft: Body) -> bool:
        for field in [field for field, value in draft.items() if value is None]:
            del draft[field]  # what is absent is missing on the wire, never null
        return draft != self.objects[key[0]].get(key[1])

    def _stamp(self, key: Key, draft: Body) -> None:
        """Make a draft the newest snapshot. Versions rise over the whole site, so no two changes ever tie.

        They are milliseconds with some noise, as the work of a real site takes some: never whole seconds.
        """
        noise = self._noise.randint(1, 40)
        version = max(self._last_version + noise, milliseconds(self.now) + noise)
        self._last_version = version + (version % 1000 == 0)
        draft["resource_version"] = self._last_version
        draft["updated_at"] = self._last_version // 1000
        self.objects[key[0]][key[1]] = draft
        self.versions.setdefault(key, []).append(draft)

    def _plain_event(self, key: Key) -> str:
        made, changed, deleted = _PLAIN_EVENTS[key[0]]
        if self.objects[key[0]][key[1]]["deleted"]:
            return deleted
        return made if len(self.versions[key]) == 1 else changed

    def _company(self, key: Key) -> list[Key]:
        """What an event about this object carries besides it, where the action did not say."""
        if key[0] in ("subscription", "payment_source", "promotional_credit"):
            return [("customer", self.objects[key[0]][key[1]]["customer_id"])]
        return []

    def _event(self, source: str, event_type: str, subject: Key, beside: list[Key]) -> Body:
        content: Body = {} if subject[0] in _LISTED else {subject[0]: self.objects[subject[0]][subject[1]]}
        for key in beside if content else [subject, *beside]:
            if key[0] in _LISTED:
                content.setdefault(_LISTED[key[0]], []).append(self.objects[key[0]][key[1]])
            elif key[0] == "credit_note" and subject[0] == "subscription":
                content.setdefault("credit_notes", []).append(self._as_carried(key))
            else:
                content[key[0]] = self._as_carried(key)
        event = {
            "id": self._new_id("ev_"),
            "occurred_at": seconds(self.now),
            "source": source,
            "user": None if source == "scheduled_job" else "finance@boreal.example",
            "object": "event",
            "api_version": "v2",
            "content": content,
            "event_type": event_type,
            "webhook_status": "not_configured",
            "webhooks": [{"id": "whv2_quittance", "webhook_status": "scheduled", "object": "webhook"}],
        }
        return {field: value for field, value in event.items() if value is not None}

    def set_webhooks(self, place: int, webhooks: list[Body]) -> None:
        """Have an event (by its place among all events) say how its deliveries stand; nothing else of it changes."""
        with self.lock:
            self.events[place]["webhooks"] = webhooks

    def _as_carried(self, key: Key) -> Body:
        """The snapshot that an event about something else holds: the newest, or up to three versions older."""
        snapshots = self.versions[key]
        behind = self._age.randint(0, 3) if self.stale else 0
        return snapshots[max(0, len(snapshots) - 1 - behind)]

    def _timestamp(self, after: timedelta = timedelta(0)) -> int:
        return seconds(self.now + after)

    def dump(self) -> bytes:
        """Everything the site holds and has said, as bytes: two equal histories give equal bytes."""
        everything = {"now": self.now.isoformat(), "objects": self.objects, "events": self.events}
        return json.dumps(everything, ensure_ascii=False, sort_keys=True).encode()


def _key(body: Body) -> Key:
    return body["object"], body["id"]
