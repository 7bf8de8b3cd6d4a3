"""How `quittance events replay --dry-run` says what would change: events, rows, money, mail."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from tasks.replay import Selection, Tally
from tasks.wording import masked_plainly
from worker.settings import Settings

from .database import looking
from .output import WIDTH, Column, called, cell, counted, heading, note, say, say_json, say_table, wrapped
from .shapes import Shapes, display

if TYPE_CHECKING:
    from tasks.rehearsal import Rehearsal, RowChange, Told

AMOUNTS = frozenset(
    {"total", "amount_paid", "amount_due", "write_off_amount", "paid", "balance", "amount", "unused", "refunded"}
    | {"applied", "amount_unused"}
)
EVERY = 1_000  # events between two lines of progress


def show(engine: Engine, settings: Settings, selection: Selection, *, limit: int, as_json: bool) -> None:
    """Rehearse the replay of these events and say what would come of it."""
    from tasks.couriers import rules_of
    from tasks.rehearsal import rehearse
    from worker import log

    log.configure(settings, level=logging.CRITICAL)  # what would be logged is part of the answer
    told = 0

    def progress(tally: Tally) -> None:
        nonlocal told
        if tally.able // EVERY > told:
            told = tally.able // EVERY
            note(f"{tally.able} events rehearsed so far")

    teams = {"finance": settings.finance_emails, "ops": settings.ops_emails}
    found = rehearse(engine, rules_of(settings), selection, teams=teams, limit=limit, progress=progress)
    with looking(settings) as session:
        shapes = Shapes.of(settings, session)
    if as_json:
        say_json(_document(found, shapes))
    else:
        _print(found, shapes)
    note_left(found.tally)


def note_left(tally: Tally) -> None:
    """Say which of the chosen events are left alone, and why."""
    if tally.pending:
        them = "it is" if tally.pending == 1 else "they are"
        note(f"{counted(tally.pending, 'event')} left alone: pending already, {them} applied without this.")
    if tally.emptied:
        note(
            f"{counted(tally.emptied, 'event')} left alone: bodies are emptied after 90 days. What Chargebee still has"
            f" comes by: {called('import')}"
        )


def _discreet(columns: dict[str, Any] | None) -> dict[str, Any] | None:
    """The columns of a row with its addresses masked."""
    if columns is None:
        return None
    return {
        name: _without_address(value) if name in ("email", "contacts") else value for name, value in columns.items()
    }


def _without_address(value: Any) -> Any:
    if isinstance(value, list):
        return [each | {"email": _without_address(each.get("email"))} for each in value]
    return masked_plainly(value) if value else value


# ---- as JSON ---------------------------------------------------------------------------------------------------------


def _document(found: Rehearsal, shapes: Shapes) -> dict[str, Any]:
    return {
        "dry_run": True,
        "events": {
            "rehearsed": found.tally.able,
            "pending": found.tally.pending,
            "emptied": found.tally.emptied,
            "would_end": dict(found.statuses),
            "endings": [
                {
                    "id": each.id,
                    "event_type": each.event_type,
                    "was": each.was,
                    "would_be": each.ending.status,
                    "reason": each.ending.reason,
                }
                for each in found.endings
            ],
        },
        "rows": [
            {"table": row.table, "key": row.key, "currency": row.currency}
            | {"before": _discreet(row.before), "after": _discreet(row.after)}
            for row in found.rows
        ],
        "rows_by_table": found.tables,
        "money": [
            {
                "what": each.what,
                "before": shapes.money(each.before, each.currency),
                "after": shapes.money(each.after, each.currency),
                "difference": shapes.money(each.after - each.before, each.currency),
            }
            for each in found.money
        ],
        "seats": {"before": found.seats[0], "after": found.seats[1]},
        "deliveries": [
            {
                "key": each.key,
                "kind": each.kind,
                "name": each.name,
                "object_id": each.object_id,
                "event_id": each.event_id,
                "to": [masked_plainly(address) for address in each.to],
                "would_go": each.why_not is None,
                "reason": each.why_not,
            }
            for each in found.told
        ],
        "deliveries_in_all": found.told_count,
        "told_already": [{"key": key, "state": state} for key, state in found.told_already.items()],
        "findings": found.findings,
    }


# ---- for people ------------------------------------------------------------------------------------------------------


def _print(found: Rehearsal, shapes: Shapes) -> None:
    ends = ", ".join(f"{counted(n, 'event')} would end {status}" for status, n in sorted(found.statuses.items()))
    say(ends or "No such events that can be applied again.")
    if found.endings:
        heading("Events")
        columns = [Column("would be"), Column("was"), Column("type", least=15), Column("event", whole=True)]
        cells = [(each.ending.status, each.was, each.event_type, each.id) for each in found.endings]
        say_table(columns, cells, notes=[each.ending.reason for each in found.endings])
        _rest(found.tally.able - len(found.endings), "events")
    for reason, times in found.reasons.most_common(5) if len(found.endings) < found.tally.able else ():
        _line(f"{counted(times, 'event')} would be parked: {reason}")
    heading("Rows")
    for row in found.rows:
        _row(row, shapes)
    _rest(sum(found.tables.values()) - len(found.rows), "rows", found.tables)
    if not found.rows:
        say("None would change.")
    _print_money(found, shapes)
    _print_told(found)
    if found.findings:
        heading("Findings")
        for each in found.findings:
            _line(f"{each['severity']}: {each['detail']}" + (" (known already)" if each["known"] else ""))
    say("\nNothing was written.")


def _row(row: RowChange, shapes: Shapes) -> None:
    what = "" if row.before and row.after else ": new" if row.after else ": removed"
    _line(f"{row.table} {row.key}{what}")
    sides = [_discreet(row.before), _discreet(row.after)]
    for name in row.after or row.before or {}:
        before, after = (_shown(name, side[name], row.currency, shapes) if side else None for side in sides)
        both = f"{before} -> {after}" if row.before and row.after else after or before
        _line(f"{name}: {both}", indent=4)


def _shown(name: str, value: Any, currency: str | None, shapes: Shapes) -> str:
    if name in AMOUNTS and isinstance(value, int):
        return display(shapes.money(value, currency))
    if isinstance(value, list):
        return ", ".join(f"[{_listed(each, currency, shapes)}]" for each in value) or "none"
    return cell(value)


def _listed(each: dict[str, Any], currency: str | None, shapes: Shapes) -> str:
    return ", ".join(f"{n} {_shown(n, value, currency, shapes)}" for n, value in each.items() if value is not None)


def _print_money(found: Rehearsal, shapes: Shapes) -> None:
    heading("Money and seats")
    columns = [Column("what"), *(Column(title, right=True, whole=True) for title in ("before", "after", "difference"))]
    rows: list[Sequence[Any]] = []
    for each in found.money:
        amounts = (each.before, each.after, each.after - each.before)
        rows.append((each.what, *(display(shapes.money(amount, each.currency)) for amount in amounts)))
    before, after = found.seats
    if before != after:
        rows.append(("seats", before, after, f"{after - before:+d}"))
    say_table(columns, rows, empty="No amount and no seat would change.")


def _print_told(found: Rehearsal) -> None:
    heading("Mail, calls and callbacks")
    for each in found.told:
        _line(_told(each))
    _rest(found.told_count - len(found.told), "more")
    for key, state in found.told_already.items():
        _line(f"not again: {key}, it is {state} already")
    if not found.told and not found.told_already:
        say("None would be queued.")


def _told(each: Told) -> str:
    kind = {"email": "mail", "chargebee": "call to Chargebee", "callback": "callback"}.get(each.kind, each.kind)
    what = f"{kind} {each.name} about {each.object_id}"
    if each.why_not:
        return f"not sent: {what}: {each.why_not}"
    to = ", ".join(map(masked_plainly, each.to))
    return what + (f" to {to}" if to else " to whoever is known by then" if each.kind == "email" else "")


def _rest(left: int, what: str, by: dict[str, int] | None = None) -> None:
    if left > 0:
        of = ", ".join(f"{table} {count}" for table, count in (by or {}).items())
        say(f"and {left} {what} more" + (f" (in all: {of})" if of else "") + "; --limit shows more")


def _line(text: str, indent: int = 0) -> None:
    first, *more = wrapped(cell(text), WIDTH - indent - 2)
    say(" " * indent + first)
    for line in more:
        say(" " * (indent + 2) + line)
