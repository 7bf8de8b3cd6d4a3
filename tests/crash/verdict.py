"""What is wrong with a system that has come to rest: against the site, the mail server, and its own books."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from emails import kinds
from emails.message import message_id
from simulator import Site
from simulator.chaos import AFTERWARDS, Ledger
from tests.crash.post_office import PostOffice
from tests.crash.reaper import Blow
from tests.flow import truth

Ask = Callable[..., list[Any]]

# What is audited row by row, and how its rows are named there.
AUDITED = {
    "payments": "id",
    "followups": "invoice_id",
    "payment_applications": "transaction_id || ':' || invoice_id",
}
_NOTHING = "coalesce({}, 'null') = 'null'"
# Between a blow and the last word that the mail server heard of whom it hit; and how many mails it may have hit.
REACH = 1.0  # seconds
MAILS_HIT = {
    ("worker child", "worker_mail"): 1,
    ("frozen child", "worker_mail"): 1,
    ("worker", "worker_mail"): 2,  # its children end with it
    ("postgres", None): 2,
}
# What a night did not see, for its transaction was open, is told as ended when that began: the site's days fly.
_FLIES = timedelta(days=2)


def differences(
    ask: Ask,
    site: Site,
    ledger: Ledger,
    *,
    acknowledged: Collection[str],
    mail: PostOffice,
    blows: Sequence[Blow],
    mail_domain: str,
) -> Iterator[str]:
    """Everything that is not as it must be, a sentence each.

    `acknowledged`: the ids of events that were answered 200.
    """
    yield from truth.differences(truth.state_of(site), truth.state_here(ask))
    yield from (f"the ledger of {row} does not add up" for row in truth.ledgers_that_do_not_add_up(ask))
    yield from _wrong_events(ask, site, acknowledged)
    yield from _wrong_mails(ask, mail.taken, mail_domain)
    yield from _held_for_nothing(ask, mail, blows, mail_domain)
    yield from _missing_mails(ask, site)
    yield from _wrong_readers(ask, site)
    yield from _wrong_seat_mails(ask, site)
    yield from _wrong_audit(ask)
    yield from _unexplained(ask, site, ledger)


def _wrong_events(ask: Ask, site: Site, acknowledged: Collection[str]) -> Iterator[str]:
    """Events that did not end, or are not here, or are here by the site's list alone although they were acknowledged.

    What the list brings before a webhook does is marked as come when that webhook comes. So an event that was answered
    200 once and counts as missed was lost, and the list has made it good.
    """
    stored: dict[str, tuple[str, str | None]] = {
        id: (status, reason) for id, status, reason in ask("select id, status, reason from inbox_events")
    }
    for id, (status, reason) in stored.items():
        if status not in ("applied", "ignored"):
            yield f"event {id} is {status}: {reason}"
    yield from (f"event {id} was acknowledged and is not here" for id in sorted(set(acknowledged) - stored.keys()))
    told = {record.id for record in site.event_records}
    yield from (f"event {id} was not found" for id in sorted(told - stored.keys()))
    missed = set(ask("select event_id from found_events where webhook_at is null"))
    yield from (f"event {id} counts as missed, and was acknowledged" for id in sorted(missed & set(acknowledged)))


def _wrong_mails(ask: Ask, accepted: Sequence[tuple[str, str]], domain: str) -> Iterator[str]:
    """Mails accepted twice, or told of otherwise by mail server and outbox; deliveries that did not come to an end."""
    times = Counter(id for id, _ in accepted)
    yield from (f"mail {id} was accepted {count} times" for id, count in times.items() if count > 1)
    taken = dict(accepted)
    for key, state, recipient, reason in ask("select key, state, recipient, reason from outbox where kind = 'email'"):
        reader = taken.pop(message_id(key, domain), None)
        if reader is None and state == "sent":
            yield f"mail {key} is sent, and was not accepted"
        if reader is not None and (state not in ("sent", "held") or reader != recipient):
            yield f"mail {key} to {recipient} is {state} ({reason}), and was accepted for {reader}"
    yield from (f"mail {id} to {reader} was accepted, and is in no outbox" for id, reader in taken.items())
    failed = "select kind, key, reason from outbox where state not in ('sent', 'held', 'suppressed')"
    yield from (f"{kind} {key} was not delivered: {reason}" for kind, key, reason in ask(failed))


def _held_for_nothing(ask: Ask, mail: PostOffice, blows: Sequence[Blow], domain: str) -> Iterator[str]:
    """Held mails that nothing explains.

    What does: the mail server hung up where it had to answer that very message. Or a blow hit the worker, or the
    database that was to keep the answer, about when the mail server heard the last of it; each blow hits but so many
    mails. Who was hit before the head of the message left said no more than whom it was for.
    """
    struck = sorted(b.moment for b in blows for _ in range(MAILS_HIT.get((b.kind, b.post), 0)))
    for key, reader, reason in ask("select key, recipient, reason from outbox where state = 'held' order by ended_at"):
        id = message_id(key, domain)
        about_it = [each for each in mail.dialogues if each.id == id]
        if any(each.unanswered for each in about_it):
            continue
        nameless = [each for each in mail.dialogues if each.id is None and each.reader == reader]
        heard = [each.at for each in about_it or nameless]
        blow = next((at for at in struck if any(abs(at - last) < REACH for last in heard)), None)
        if blow is None:
            yield f"mail {key} is held ({reason}) and nothing hit it: the mail server heard {about_it or nameless}"
        else:
            struck.remove(blow)


def _missing_mails(ask: Ask, site: Site) -> Iterator[str]:
    there = truth.mails_sent(ask, ("sent", "held"))
    for kind, wanted in (truth.mails_called_for(site) | truth.mails_about_ends(site)).items():
        missing = {_fact(about) for about in wanted} - {_fact(about) for about in there[kind]}
        yield from (f"no {kind} mail about {fact}" for fact in sorted(missing))


def _fact(about: Any) -> str:
    """What a mail is about, whoever reads it: who that was may have changed since."""
    return str(about[0] if isinstance(about, tuple) else about)


def _wrong_readers(ask: Ask, site: Site) -> Iterator[str]:
    """Mails that went to an address that the customer never had, or to others and not to one that they always had."""
    ever, always = truth.addresses(site)
    read: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    rows = "select name, object_id, customer_id, recipient from outbox where kind = 'email' and customer_id is not null"
    for *what, reader in ask(f"{rows} and state in ('sent', 'held')"):
        read[*what] |= {reader}
    for kind in (kind for kind in kinds.ALL if not kind.for_staff):
        for (name, about, customer), readers in read.items():
            if name != kind.name:
                continue
            for reader in sorted(readers - ever[customer]):
                yield f"{name} about {about} went to {reader}, an address that {customer} never had"
            for reader in sorted(always[customer] - readers if kind.audience == "billing" else ()):
                yield f"{name} about {about} went to others, and not to {reader}"


def _wrong_seat_mails(ask: Ask, site: Site) -> Iterator[str]:
    """Owners who were last told of another count of seats than is so, or of none although theirs became another.

    The end alone cannot say who was to be told: who is first seen with the last count hears of no change. So an event
    that tells another must have been applied before anything told the last. Of those that ended or paused nothing is
    said: an end has a mail of its own, and what comes back comes without one.
    """
    mails = "select object_id, payload->>'after' from outbox where name = 'seats_changed' and state in ('sent', 'held')"
    known = dict(ask(f"{mails} order by id"))
    applied = dict(ask("select id, ended_at from inbox_events where status = 'applied'"))
    for id, told in truth.seats_told(site).items():
        *_, (_, _, last) = told
        since = min(at for _, at, seats in told if seats == last)
        if id in known and int(known[id]) != last:
            yield f"the owner of {id} was last told of {known[id]} seats, and it has {last}"
        if id not in known and any(event in applied and applied[event] < since - _FLIES for event, _, _ in told):
            yield f"the owner of {id} was never told of its {last} seats"


def _wrong_audit(ask: Ask) -> Iterator[str]:
    """Rows that were not made once, by what the audit says: something done twice would have left a line of its own."""
    made = f"""
        select object_id, count(*) filter (where {_NOTHING.format("before")})
             - count(*) filter (where {_NOTHING.format("after")})
        from audit_entries where object_type = %s group by 1
    """
    for table, key in AUDITED.items():
        lines = {id: count for id, count in ask(made, table) if count}
        here = set(ask(f"select {key} from {table}"))
        yield from (f"{table} {id} is here, and by the audit it is not" for id in sorted(here - lines.keys()))
        yield from (f"{table} {id} is not here, and by the audit it is" for id in sorted(lines.keys() - here))
        yield from (f"{table} {id} was made {count} times" for id, count in lines.items() if count != 1)


def _unexplained(ask: Ask, site: Site, ledger: Ledger) -> Iterator[str]:
    """Findings that nothing done on purpose explains.

    A night finds what is otherwise in the mirror: rightly, while an event about it was still to be applied.
    """
    altered = {id for trick in AFTERWARDS for id in ledger.events(trick)}
    applied = dict(ask("select id, ended_at from inbox_events"))
    about = _events_about(site)
    told = ask("select kind, object_type, object_id, detail, first_seen_at, last_seen_at from findings")
    for kind, what, id, detail, *seen in told:
        explained = (kind == "same_id_other_body" and id in altered) or (
            kind in ("mirror_differs", "mirror_lacks")
            and all(any(_was_to_come(at, each, applied) for each in about[what, id]) for at in seen)
        )
        if not explained:
            yield f"finding {kind}: {detail}"


def _events_about(site: Site) -> dict[tuple[str, str], list[tuple[str, datetime]]]:
    """By kind and id of an object: the events that carry it, and when they happened."""
    found: defaultdict[tuple[str, str], list[tuple[str, datetime]]] = defaultdict(list)
    for event in site.events:
        for kind, body in event["content"].items():
            if isinstance(body, dict) and "id" in body:
                found[kind, body["id"]].append((event["id"], datetime.fromtimestamp(event["occurred_at"], UTC)))
    return found


def _was_to_come(at: datetime, event: tuple[str, datetime], applied: dict[str, datetime | None]) -> bool:
    """Had this event happened by then, and not been applied?"""
    id, happened_at = event
    ended_at = applied.get(id)
    return happened_at <= at and (ended_at is None or ended_at > at - _FLIES)
