"""What became of a life: the points that its processes came to, what is there at its end, and what of that is amiss."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from emails.message import message_id

DOMAIN = "boreal.example"  # of Message-IDs

_MIRROR = "select to_jsonb(each) - array['tie_at', 'event_id'] from {} as each"
_TABLES = (
    *("customers", "payment_sources", "subscriptions", "subscription_items", "invoices", "transactions"),
    *("credit_notes", "payments", "payment_applications", "cancellations"),
)
# The key of a write to Chargebee ends in chance.
_CHANCE = re.compile(r"\b((?:set|schedule|withdraw|run|record|take)_\w+:[^:']+:)[0-9a-f]{12}\b")
_INSTANTS = "array['opened_at', 'closed_at']"
# Whatever is kept, but for instants, the numbers of rows, how often something was tried, and which of several that
# tell the same was the first to come: an answer of Chargebee's that died with its process, or the webhook after it.
ENDS = {
    **{table: _MIRROR.format(table) for table in _TABLES},
    "seat ledger": "select subscription_id, item_price_id, sum(after - before) from seat_entries group by 1, 2",
    "follow-ups": "select to_jsonb(each) - array['opened_at', 'closed_at', 'event_id'] from followups as each",
    "last moves": "select distinct on (invoice_id) invoice_id, actor, move, after from followup_entries"
    " order by invoice_id, id desc",
    "inbox": "select id, replace(status, 'ignored', 'applied') from inbox_events where not starts_with(id, 'read:')",
    "outbox": "select key, state, recipient, payload - array['write', 'calls'] from outbox where kind <> 'callback'",
    # An older word about the same was sent, or overtaken by the last while its sender was dead.
    "last words": "select distinct on (name, object_id) key, state, payload from outbox where kind = 'callback'"
    " order by name, object_id, id desc",
    "findings": "select kind, severity, object_type, case when object_type <> 'address' then object_id end"
    " from findings",
    "audit": "select regexp_replace(actor, '\\d+$', ''), object_type,"
    " case when object_type <> 'dead_addresses' then object_id end,"
    f" case when actor <> 'delivery' then before - {_INSTANTS} end, after - {_INSTANTS} from audit_entries"
    " where actor <> 'chargebee' and object_type <> 'callback'",
    "audit of events": f"select object_type, object_id, jsonb_object_agg(name, value order by id) - {_INSTANTS}"
    " from audit_entries, jsonb_each(after) as each (name, value)"
    " where actor = 'chargebee' and object_type <> 'callback' group by 1, 2",
    "readings": "select name, next_offset, ended_at is null from readings",
    "found events": "select event_id, webhook_at is null from found_events",
    "mail reports": "select id, status, reason from mail_reports",
    "dead addresses": "select address, customer_id from dead_addresses",
    "opt-outs": "select customer_id, address, kind from opt_outs",
    "languages": "select to_jsonb(each) - array['chosen_at', 'chosen_by'] from language_choices as each",
}
# Lines that tell the path, which is another where events were applied one by one; but none is there twice.
PATHS = {
    "seat entries": "select subscription_id, item_price_id, before, after from seat_entries",
    "moves": "select invoice_id, actor, move, before, after from followup_entries",
    "audit entries": f"select object_type, object_id, before - {_INSTANTS}, after - {_INSTANTS} from audit_entries"
    " where actor = 'chargebee'",
}


@dataclass
class Life:
    """What became of a chapter: the points each process came to, those they died at, and what is there at the end."""

    reached: list[list[str]] = field(default_factory=lambda: [[]])
    asked: list[int] = field(default_factory=list)  # how many points the first process had come to at each ask
    readings: set[str] = field(default_factory=set)
    died_at: list[str] = field(default_factory=list)
    end: dict[str, list[Any]] = field(default_factory=dict)
    path: dict[str, Counter[str]] = field(default_factory=dict)
    mails: Counter[str] = field(default_factory=Counter)  # how often the mail server took each


def amiss(expected: Life, life: Life) -> list[str]:
    """What is otherwise at the end of a life in which processes died than where none did, in words.

    A mail may be held instead of sent, for each death in the instants in which nobody can know.
    """
    wrong = [f"mail {id} was accepted {times} times" for id, times in life.mails.items() if times > 1]
    held = set(_held(life) - _held(expected))
    if len(held) > sum(in_doubt(point) for point in life.died_at):
        wrong.append(f"held: {', '.join(held)}")
    in_hand = {message_id(key, DOMAIN) for key in held}
    wrong += [f"mail {id} never arrived" for id in expected.mails.keys() - life.mails.keys() - in_hand]
    wrong += [f"mail {id} is one too many" for id in life.mails.keys() - expected.mails.keys()]
    for name, lines in life.path.items():
        twice = (line for line, times in lines.items() if times > max(1, expected.path[name][line]))
        wrong += [f"{name} has more than once {line}" for line in twice]
    for name in expected.end:
        before, after = (Counter(_told(each, name, held)) for each in (expected, life))
        wrong += [f"{name} lacks {line}" for line in before - after]
        wrong += [f"{name} has {line}" for line in after - before]
    return wrong


def in_doubt(point: str) -> bool:
    """Is this a point between saying that a mail is about to leave, and keeping what became of it?"""
    said, _, when = point.rpartition(": ")
    if said == "tasks.outbox.Delivery.begin commits":
        return when == "after"
    if said == "tasks.outbox._finish commits":
        return when == "before"
    return said.startswith("emails.senders says ") and said.rpartition(" says ")[2] in LAST_WORDS


LAST_WORDS = ("DATA", "the message", "the final dot", "QUIT")


def _held(life: Life) -> Counter[str]:
    """The mails that were held, whatever a person has decided since."""
    ends = [(key, after) for actor, _, key, _, after in life.end["audit"] if actor == "delivery"]
    return Counter(key for key, after in ends if after["state"] == "held")


def _told(life: Life, name: str, held: set[str]) -> Iterator[str]:
    """The lines of this name; what they tell of the mails that were held is for `amiss` alone to judge."""
    for row in life.end[name]:
        of_held = row[0] in held if name == "outbox" else name == "audit" and row[0] == "delivery" and row[2] in held
        if not of_held:
            yield _CHANCE.sub(r"\1", str(row))
