"""What is wrong with a system that has come to rest: against the site, the mail server, and its own books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from emails.message import message_id
from simulator import Site
from simulator.chaos import AFTERWARDS, Ledger
from tests.flow import truth

Ask = Callable[..., list[Any]]

# What is audited row by row, and how its rows are named there.
AUDITED = {
    "payments": "id",
    "followups": "invoice_id",
    "payment_applications": "transaction_id || ':' || invoice_id",
}
_NOTHING = "coalesce({}, 'null') = 'null'"


def differences(
    ask: Ask,
    site: Site,
    ledger: Ledger,
    *,
    acknowledged: Collection[str],
    accepted: Sequence[tuple[str, str]],
    mail_domain: str,
    nights_were_lived: bool,
) -> Iterator[str]:
    """Everything that is not as it must be, a sentence each.

    `acknowledged`: the ids of events that were answered 200. `accepted`: Message-ID and recipient of each mail
    that the mail server took.
    """
    yield from truth.differences(truth.state_of(site), truth.state_here(ask))
    yield from (f"the ledger of {row} does not add up" for row in truth.ledgers_that_do_not_add_up(ask))
    yield from _wrong_events(ask, site, acknowledged)
    yield from _wrong_mails(ask, accepted, mail_domain)
    yield from _missing_mails(ask, site)
    yield from _wrong_audit(ask)
    yield from _unexplained(ask, ledger, nights_were_lived)


def _wrong_events(ask: Ask, site: Site, acknowledged: Collection[str]) -> Iterator[str]:
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


def _missing_mails(ask: Ask, site: Site) -> Iterator[str]:
    there = truth.mails_sent(ask, ("sent", "held"))
    for kind, wanted in truth.mails_called_for(site).items():
        missing = {_fact(about) for about in wanted} - {_fact(about) for about in there[kind]}
        yield from (f"no {kind} mail about {fact}" for fact in sorted(missing))


def _fact(about: Any) -> str:
    """What a mail is about, whoever reads it: who that was may have changed since."""
    return str(about[0] if isinstance(about, tuple) else about)


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


def _unexplained(ask: Ask, ledger: Ledger, nights_were_lived: bool) -> Iterator[str]:
    """Findings that nothing done on purpose explains."""
    altered = {id for trick in AFTERWARDS for id in ledger.events(trick)}
    for kind, id, detail in ask("select kind, object_id, detail from findings"):
        explained = (kind == "same_id_other_body" and id in altered) or (
            kind in ("mirror_differs", "mirror_lacks") and nights_were_lived
        )
        if not explained:
            yield f"finding {kind}: {detail}"
