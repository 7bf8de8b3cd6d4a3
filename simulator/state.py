"""The objects of the site, their versions, and the events that tell of every change.

An action edits drafts; when it ends, each changed draft becomes the newest version of its object and the events are
written. Versions never change again, so an event only refers to them. A refused action leaves no trace.
"""

from __future__ import annotations

import json
import random
import string
import sys
import threading
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from .agenda import Agenda
from .events import LISTED, EventRecord, Events
from .indexes import Indexes, matches
from .terms import milliseconds, seconds
from .versions import Body as Body
from .versions import Key as Key
from .versions import Versions

KINDS = (
    "item", "item_price", "customer", "payment_source", "subscription", "unbilled_charge", "invoice", "transaction",
    "credit_note", "promotional_credit", "comment", "portal_session",
)  # fmt: skip
_ALPHABET = (string.digits + string.ascii_letters).encode()
_LETTERS = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
# The events that tell of an object made, changed or deleted when the action has named none. Of comments and portal
# sessions none tells.
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
        self.before: dict[Key, Body] = {}  # the fields of the drafts as they were; lists among them are the drafts' own
        self.told: dict[tuple[str, Key], list[Key]] = {}
        self.announced = False  # an event is to go out although nothing may have changed
        self.quiet = False  # nothing is told of what this changes
        self.drawn: list[str] = []  # ids that it has taken


_NOTHING = object()
# How the deliveries of an event stand before anybody has looked at it.
_SCHEDULED = (("whv2_quittance", "scheduled"),)
_SILENT = (("whv2_quittance", "skipped"),)


class Silence(NamedTuple):
    """What a call to the API asked not to hear of: webhooks of what it does, or that any event be made at all."""

    webhooks: bool = False
    events: bool = False


class Aside(MutableMapping[tuple[str, str], Any]):
    """What the site knows of an object and no snapshot shows: (what, id) -> value.

    Values are replaced, never edited: a refused action takes back what it put here.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], Any] = {}
        self._undo: dict[tuple[str, str], Any] = {}

    def begin(self) -> None:
        """From here on changes can be taken back."""
        self._undo = {}

    def take_back(self) -> None:
        for key, value in self._undo.items():
            self._values.pop(key, None)
            if value is not _NOTHING:
                self._values[key] = value

    def __getitem__(self, key: tuple[str, str]) -> Any:
        return self._values[key]

    def __setitem__(self, key: tuple[str, str], value: Any) -> None:
        self._undo.setdefault(key, self._values.get(key, _NOTHING))
        self._values[key] = value

    def __delitem__(self, key: tuple[str, str]) -> None:
        self._undo.setdefault(key, self._values[key])
        del self._values[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


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
        self.versions = Versions()
        self.events = Events(self.versions)
        self.invoice_prefix = "F-"
        self.next_invoice_number = 10391
        self.credit_note_prefix = "NC-"
        self.next_credit_note_number = 1001
        self._aside = Aside()
        self._indexes = Indexes()
        self._agenda = Agenda()
        self._silence = Silence()
        self._last_version = 0
        self._open: Action | None = None
        self._read: dict[Key, Body] = {}  # newest versions that the open action, or the clock for it, has looked at
        self._ids = random.Random(f"{seed} ids")
        self._given_back: list[str] = []  # ids that refused actions took: the next to be taken is the last
        self._noise = random.Random(f"{seed} milliseconds")
        self._order = random.Random(f"{seed} order of events")
        self._age = random.Random(f"{seed} age of snapshots")

    def current(self, kind: str, id: str) -> Body:
        """The newest snapshot of an object (the draft, inside an action). Not to be edited."""
        key = kind, id
        if self._open and (body := self._open.drafts.get(key) or self._read.get(key)):
            return body
        numbers = self.versions.ids(kind).get(id)
        if numbers is None:
            raise Refused(f"{id} not found", code="resource_not_found", status=404)
        body = self.versions.read(numbers[-1])
        if self._open:
            self._read[key] = body
        return body

    def ids(self, kind: str) -> list[str]:
        """The id of every object of a kind, deleted ones too, in the order they were made."""
        ids = list(self.versions.ids(kind))
        if self._open:
            ids += [id for found, id in self._open.drafts if found == kind and (found, id) not in self.versions]
        return ids

    def all(self, kind: str, *, include_deleted: bool = False) -> list[Body]:
        """Every object of a kind, in the order they were made."""
        bodies = [self.current(kind, id) for id in self.ids(kind)]
        return bodies if include_deleted else [body for body in bodies if not body["deleted"]]

    def find(self, kind: str, **fields: object) -> list[Body]:
        """Objects of a kind (not deleted) whose fields have these values, in the order they were made.

        What INDEXED names is looked up, and may be asked for like a field: `find("transaction", unused_of="marie")`.
        """
        return list(self.each(kind, **fields))

    def each(self, kind: str, **fields: object) -> Iterator[Body]:
        """What `find` finds, one by one, read only when it is asked for."""
        for id in self._ids_among(kind, fields):
            body = self.current(kind, id)
            if not body["deleted"] and matches(kind, body, fields):
                yield body

    def has(self, kind: str, **fields: object) -> bool:
        """Whether `find` would find anything. Where one field is asked for and looked up, nothing is read for it."""
        found = self._indexes.ids(kind, fields) or ()
        known = len(fields) == 1 and any(not self._is_draft(kind, id) for id in found)
        return known or any(self.each(kind, **fields))

    def _ids_among(self, kind: str, fields: dict[str, object]) -> list[str]:
        """The ids of some objects of a kind, all with these fields among them, in the order they were made."""
        found = self._indexes.ids(kind, fields)
        if found is None:
            return self.ids(kind)
        drafts = [id for drafted, id in self._open.drafts if drafted == kind] if self._open else []
        if not drafts and len(found) < 2:
            return list(found)
        numbers = self.versions.ids(kind)
        old = {*found, *(id for id in drafts if id in numbers)}
        return [*sorted(old, key=lambda id: numbers[id][0]), *(id for id in drafts if id not in numbers)]

    def version_count(self, kind: str, id: str) -> int:
        """How many versions an object has had so far; 0 where there is no such object."""
        return len(self.versions.ids(kind).get(id, ()))

    def event(self, id: str) -> Body:
        """The body of one event."""
        return self.events.body(self.event_record(id))

    def event_record(self, id: str) -> EventRecord:
        """What is known of an event without making its body."""
        record = self.events.record(id)
        if record is None:
            raise Refused(f"{id} not found", code="resource_not_found", status=404)
        return record

    @property
    def event_records(self) -> Sequence[EventRecord]:
        """The records of all events, in the order of `events`."""
        return self.events.records

    def set_webhooks(self, event_id: str, webhooks: tuple[tuple[str, str], ...]) -> None:
        """Have an event say how its deliveries stand, by the id of each endpoint; nothing else of it changes."""
        with self.lock:
            self.event_record(event_id).webhooks = webhooks

    @contextmanager
    def silenced(self, *, webhooks: bool = True, events: bool = False) -> Iterator[None]:
        """Inside, no webhook is sent for what is done; with `events` no event is made of it at all.

        The latter is the harder reading of what Chargebee does when a call disables its event actions. What the clock
        does by itself is never silent.
        """
        with self.lock:
            before, self._silence = self._silence, Silence(webhooks, events)
            try:
                yield
            finally:
                self._silence = before

    @contextmanager
    def _action(self, source: str = "api") -> Iterator[Action]:
        """One call to the site: all of it or nothing. Inside another action it is part of that one."""
        with self.lock:
            if self._open:
                yield self._open
                return
            self._open = action = Action(source)
            numbers = self.next_invoice_number, self.next_credit_note_number
            self._aside.begin()
            try:
                yield action
                self._commit(action)
            except BaseException:
                self.next_invoice_number, self.next_credit_note_number = numbers
                self._aside.take_back()
                self._given_back += reversed(action.drawn)
                raise
            finally:
                self._open = None
                self._read = {}

    def _is_draft(self, kind: str, id: str) -> bool:
        return self._open is not None and (kind, id) in self._open.drafts

    def _acting(self) -> Action:
        if self._open is None:
            raise RuntimeError("objects change inside an action only")
        return self._open

    def _make(self, kind: str, id: str, body: Body) -> Body:
        """A new object, as a draft."""
        if (kind, id) in self.versions or (kind, id) in self._acting().drafts:
            raise Refused(f"the {kind} id {id} is taken", code="duplicate_entry", status=400)
        draft = {"id": id, **body, "deleted": False, "object": kind}
        self._acting().drafts[kind, id] = draft
        return draft

    def _edit(self, kind: str, id: str) -> Body:
        """The draft of an object, to be changed in place."""
        action = self._acting()
        if (kind, id) not in action.drafts:
            draft = self.current(kind, id)
            if draft["deleted"]:
                raise Refused(f"{id} not found", code="resource_not_found", status=404)
            action.drafts[kind, id] = draft  # whoever has read it in this action sees it change, as with any draft
            action.before[kind, id] = dict(draft)
        return action.drafts[kind, id]

    def _tell(self, event_type: str, about: Body, *beside: Body) -> None:
        """Have the action send an event about one object; those beside it are carried along, perhaps aged."""
        self._acting().told[event_type, _key(about)] = [_key(body) for body in beside]

    def _announce(self, event_type: str, about: Body, *beside: Body) -> None:
        """Have the action send an event that tells of no change, as reminders do."""
        self._tell(event_type, about, *beside)
        self._acting().announced = True

    def _new_id(self, prefix: str = "") -> str:
        id = self._given_back.pop() if self._given_back else self._ids.randbytes(16).translate(_LETTERS).decode()
        if self._open:
            self._open.drawn.append(id)
        return prefix + id

    def _commit(self, action: Action) -> None:
        changed = self._changed(action)
        packed = {key: self._stamped(key, action.drafts[key]) for key in changed}
        for key, before in changed.items():
            self.versions.add(key, packed[key])
            self._indexes.follow(*key, before, action.drafts[key])
            self._plan(action.drafts[key])
        silence = Silence() if action.source == "scheduled_job" else self._silence
        if action.quiet or silence.events or not (changed or action.announced):
            return  # nothing happened, and of nothing no event tells
        subjects = {key for _, key in action.told}
        subjects |= {key for beside in action.told.values() for key in beside if key[0] in LISTED}
        for key in changed:
            if key not in subjects and key[0] in _PLAIN_EVENTS:
                action.told[self._plain_event(key, action.drafts[key])] = self._company(action.drafts[key])
        told = list(action.told.items())
        self._order.shuffle(told)  # Chargebee promises no order among the events of one action
        for (event_type, subject), beside in told:
            self.events.add(self._record(action.source, event_type, subject, beside, silent=silence.webhooks))

    def _changed(self, action: Action) -> dict[Key, Body | None]:
        """The drafts that differ from the newest versions of their objects, and the fields of those versions."""
        changed: dict[Key, Body | None] = {}
        for key, draft in action.drafts.items():
            for field in [field for field, value in draft.items() if value is None]:
                del draft[field]  # what is absent is missing on the wire, never null
            before = action.before.get(key)
            if before is None or _differs(before, draft) or self.versions.newest(key) != draft:
                changed[key] = before
        return changed

    def _stamped(self, key: Key, draft: Body) -> bytes:
        """A draft as the newest version, packed. Versions rise over the whole site, so no two changes ever tie.

        They are milliseconds with some noise, as the work of a real site takes some: never whole seconds.
        """
        noise = self._noise.randint(1, 40)
        version = max(self._last_version + noise, milliseconds(self.now) + noise)
        self._last_version = version + (version % 1000 == 0)
        draft["resource_version"] = self._last_version
        draft["updated_at"] = self._last_version // 1000
        return self.versions.pack(draft)

    def _plan(self, body: Body) -> None:
        """Take note of what the clock will do to an object by itself: the site's to say."""

    def _plain_event(self, key: Key, draft: Body) -> tuple[str, Key]:
        made, changed, deleted = _PLAIN_EVENTS[key[0]]
        if draft["deleted"]:
            return deleted, key
        return made if self.version_count(*key) == 1 else changed, key

    def _company(self, draft: Body) -> list[Key]:
        """What an event about this object carries besides it, where the action did not say."""
        if draft["object"] in ("subscription", "payment_source", "promotional_credit"):
            return [("customer", draft["customer_id"])]
        return []

    def _record(self, source: str, event_type: str, subject: Key, beside: list[Key], *, silent: bool) -> EventRecord:
        newest = self.current(*subject)
        customer_id = subject[1] if subject[0] == "customer" else newest.get("customer_id")
        return EventRecord(
            id=self._new_id("ev_"),
            occurred_at=seconds(self.now),
            event_type=event_type,
            source=source,
            kind=subject[0],
            subject_id=subject[1],
            customer_id=customer_id and sys.intern(customer_id),
            carried=(self.versions.numbers(subject)[-1], *map(self._carried, beside)),
            webhooks=_SILENT if silent else _SCHEDULED,
            silent=silent,
        )

    def _carried(self, key: Key) -> int:
        """The version that an event about something else holds: the newest, or up to three versions older."""
        numbers = self.versions.numbers(key)
        behind = self._age.randint(0, 3) if self.stale and key[0] not in LISTED else 0
        return numbers[max(0, len(numbers) - 1 - behind)]

    def _timestamp(self, after: timedelta = timedelta(0)) -> int:
        return seconds(self.now + after)

    def dump(self) -> bytes:
        """Everything the site holds and has said, as bytes: two equal histories give equal bytes."""
        objects = {kind: {id: self.versions.newest((kind, id)) for id in self.versions.ids(kind)} for kind in KINDS}
        everything = {"now": self.now.isoformat(), "objects": objects, "events": list(self.events)}
        return json.dumps(everything, ensure_ascii=False, sort_keys=True).encode()


def _differs(before: Body, draft: Body) -> bool:
    """Whether a draft is seen to differ at a glance: lists and the like, which are edited in place, are passed over."""
    if before.keys() != draft.keys():
        return True
    return any(before[field] != value for field, value in draft.items() if not isinstance(value, list | dict))


def _key(body: Body) -> Key:
    return body["object"], body["id"]
