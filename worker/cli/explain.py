"""`quittance explain`: why an object is as it is, as one timeline in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from worker.settings import Settings

from .database import looking
from .failures import Problem
from .import_ import instant_of, since
from .output import WIDTH, as_json, called, harmless, heading, note, plain, say, say_json, wrapped

if TYPE_CHECKING:
    from tasks.timeline import Fact

KINDS = ("customer", "subscription", "invoice", "event")


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[KIND] ID")
@since(required=False)
@click.option(
    "--limit", type=click.IntRange(min=1), default=200, show_default=True, metavar="N", help="The newest so many facts."
)
@as_json
def command(words: tuple[str, ...], since: date | datetime | None, limit: int, as_json: bool) -> None:
    """Why a customer, subscription, invoice or event is as it is.

    One timeline, oldest first: what came in, what it changed, what was decided, which mail or call followed and what
    became of it. Give the id alone, or say whose it is: customer, subscription, invoice or event.
    """
    if len(words) > 2 or (len(words) == 2 and words[0] not in KINDS):
        raise click.UsageError(f"Give an id, or one of {', '.join(KINDS)} and an id.")
    settings = Settings.read()
    with looking(settings) as session:
        from tasks.couriers import rules_of
        from tasks.explain import explain
        from tasks.standing import standing
        from tasks.wording import Words

        said = Words(settings.default_locale, settings.site_timezone)
        kind, id = _kind_of(session, words)
        now = standing(session, said, rules_of(settings), kind, id)
        story = explain(session, said, kind, id)
    facts = [fact for fact in story.facts if since is None or fact.at >= instant_of(since, settings)]
    shown = facts[-limit:]
    if as_json:
        left_out = {"facts": len(story.facts) - len(shown), "more": story.is_cut}
        say_json({"kind": kind, "id": id, "now": now, "timeline": [_shape(f) for f in shown], "left_out": left_out})
    else:
        _print(kind, id, now, shown, settings.site_timezone)
    if len(facts) > limit:
        note(f"Only the newest {limit} of {len(facts)} facts are shown; --limit shows more.")
    if story.is_cut:
        note("Its history is longer than what was looked through: there may be older facts.")


def _kind_of(session: Any, words: Sequence[str]) -> tuple[str, str]:
    """Whose story is asked for.

    Raises:
        Problem: nothing has this id, or more than one thing.
    """
    from tasks.explain import kinds_of
    from tasks.standing import known_as

    id = words[-1]
    found = kinds_of(session, id)
    if len(words) == 2:
        found = [kind for kind in found if kind == words[0]]
    if len(found) == 1:
        return found[0], id
    if found:
        ways = " or ".join(called(f"explain {kind} {id}") for kind in found)
        raise Problem(harmless(f"{id} is the id of more than one thing; say which: {ways}"))
    if lead := known_as(session, id):
        told_in = " or ".join(called(f"explain {each}") for each in lead.ids if kinds_of(session, each))
        raise Problem(harmless(lead.text + (f"; its story: {told_in}" if told_in else "")))
    what = words[0] if len(words) == 2 else "customer, subscription, invoice or event"
    raise Problem(
        harmless(f"no {what} {id} is known here; Chargebee may know it, and its next event brings it")
        + f" ({called('events list --status parked')} shows events that could not be applied)"
    )


def _shape(fact: Fact) -> dict[str, Any]:
    return {
        "at": plain(fact.at),
        "kind": fact.kind,
        "text": fact.text,
        "object": {"type": fact.object_type, "id": fact.object_id},
        "event_id": fact.event_id,
        "details": {name: plain(value) for name, value in fact.details.items()},
    }


def _print(kind: str, id: str, now: Sequence[str], facts: Sequence[Fact], zone: str) -> None:
    heading(harmless(f"{kind.capitalize()} {id} now"))
    for line in now:
        _lines("  ", line)
    local = ZoneInfo(zone)
    last_event = None
    for day, of_day in groupby(facts, key=lambda fact: fact.at.astimezone(local).date()):
        heading(day.isoformat())
        for fact in of_day:
            time = f"{fact.at.astimezone(local):%H:%M}"
            cause = f" ({fact.event_id})" if fact.event_id not in (None, last_event) and fact.kind != "event" else ""
            last_event = fact.event_id or last_event
            _lines(f"{time}  {fact.kind:<8}  ", fact.text.removeprefix(f"{fact.kind} ") + cause)
    if not facts:
        say("\nNothing is written down of that time.")
    say(f"\nTimes are {zone}'s.")


def _lines(left: str, text: str) -> None:
    first, *more = wrapped(harmless(text).replace("\n", " "), WIDTH - len(left))
    say(left + first)
    for line in more:
        say(" " * len(left) + line)
