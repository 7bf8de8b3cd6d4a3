"""Serves the make-believe Chargebee, and lives the demo story on it: what came of each step, in plain words.

    python -m local.demo --port PORT --journal FILE [--no-story] [--stay]

The story is the same each time, to the byte. Steps that were lived before are not lived again; what follows from the
last one is checked all the same, unless somebody has done something since. Exit code 1 if a consequence does not come.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from billing.money import Money
from emails import format as shown
from local.site import LocalSite, known_events
from models.session import engine_for, transaction
from simulator import story
from simulator.journal import Strayed
from worker.settings import Settings

PATIENCE = 30  # seconds for the consequences of a step
LOCALE = "en_CA"


class Missing(Exception):
    """A consequence did not come. The message says which, and what stands there instead."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the worker made of the story so far; the same words as story.Consequences."""

    seats: Mapping[str, int]
    owed: Mapping[str, int]
    paid: Mapping[str, int]
    cancellations: frozenset[tuple[str, datetime, str]]
    mails: Mapping[tuple[str, str], int]
    unfinished: int

    def differences(self, wanted: story.Consequences, mails: Mapping[tuple[str, str], int]) -> list[str]:
        """What is not as it must be, one sentence each; empty when all has come."""
        found = [
            f"{what} should be {_brief(should)}, and is {_brief(is_)}"
            for what, should, is_ in (
                ("seats", dict(wanted.seats), dict(self.seats)),
                ("owed", dict(wanted.owed), dict(self.owed)),
                ("paid", dict(wanted.paid), dict(self.paid)),
                (
                    "cancellations",
                    {(each.subscription_id, each.effective_at, each.state) for each in wanted.cancellations},
                    set(self.cancellations),
                ),
                ("mails", dict(mails), dict(self.mails)),
            )
            if should != is_
        ]
        return found or ([f"{self.unfinished} events or mails are not finished"] if self.unfinished else [])


class Demo:
    """The story, lived on a site, and checked against what the worker makes of it."""

    def __init__(self, local: LocalSite, stopped: threading.Event) -> None:
        self.local = local
        self.engine = local.engine
        self.stopped = stopped
        self.mails: Counter[tuple[str, str]] = Counter()  # all that must have left so far

    def play(self) -> None:
        """Live every step that this site has not lived, and check what follows from each.

        Raises:
            Missing: a consequence did not come.
        """
        steps, played = story.steps(), len(self.local.story_told)
        heard_of = self._heard_of(played)
        if played or heard_of:
            say(f"This database has lived {heard_of} of {len(steps)} steps before; ./dev reset plays them anew.")
        if self.local.deeds:
            say(f"Things done on the site since: {self.local.deeds}; they stand.")
        for number, step in enumerate(steps, start=1):
            if self.stopped.is_set():
                return
            self.mails.update((mail.kind, mail.about) for mail in step.consequences.mails)
            count = 0
            if number > played:
                count = self.local.play(step, quietly=number <= heard_of)
            # What followed from a step that was lived before has been overtaken, but for the last one's: that stands,
            # unless somebody has done something since.
            if number < max(played, heard_of) or (number <= played and self.local.deeds):
                continue
            say(f"\n{number:>2}. {_date(step.at)}. {step.title}.")
            self._wait(step.consequences)
            say(f"    {count} webhook{'' if count == 1 else 's'}" + _words(step.consequences, self._subjects(step)))

    def _heard_of(self, played: int) -> int:
        """How many steps this database has heard of, where the journal of the site was lost: their ids are the same."""
        if played:
            return played
        site, told = story.a_site(), []
        for step in story.steps():
            place = len(site.event_records)
            step.play(site)
            told.append([record.id for record in site.event_records[place:]])
        known = known_events(self.engine, [record.id for record in site.event_records])
        lived = 0
        for number, events in enumerate(told, start=1):
            if not known.issuperset(events):
                break
            if events:  # a step in which only time passes is lived when the one after it is
                lived = number
        return lived

    def _wait(self, wanted: story.Consequences) -> None:
        end = time.monotonic() + PATIENCE
        while differences := self._seen().differences(wanted, self.mails):
            if time.monotonic() > end:
                raise Missing("\n    ".join(differences))
            if self.stopped.wait(0.1):
                return

    def _seen(self) -> Seen:
        with transaction(self.engine) as session:

            def ask(question: str) -> list[Any]:
                return list(session.execute(text(question)))

            return Seen(
                seats={row[0]: row[1] for row in ask("select id, seats from subscriptions")},
                owed={row[0]: row[1] for row in ask("select invoice_id, balance from followups where open")},
                paid={
                    row[0]: int(row[1])
                    for row in ask("select invoice_id, sum(applied) from payment_applications group by 1")
                },
                cancellations=frozenset(
                    tuple(row) for row in ask("select subscription_id, effective_at, state from cancellations")
                ),
                # One fact, one mail, whatever the number of its recipients: theirs share the first parts of the key.
                mails={
                    (row[0], row[1]): row[2]
                    for row in ask("""
                        select name, coalesce(payload->>'invoice', object_id), count(distinct split_part(key, ':', 3))
                        from outbox where kind = 'email' and state = 'sent' group by 1, 2
                    """)
                },
                unfinished=ask("""
                    select (select count(*) from inbox_events where status = 'pending')
                         + (select count(*) from outbox where kind = 'email' and state in ('new', 'sending'))
                """)[0][0],
            )

    def _subjects(self, step: story.Step) -> list[str]:
        """The subjects of the mails that this step caused, as they left."""
        with transaction(self.engine) as session:
            found = session.execute(
                text("""
                    select subject, string_agg(recipient, ', ' order by recipient) from outbox
                    where kind = 'email' and state = 'sent' and (name, coalesce(payload->>'invoice', object_id)) in
                      (select * from unnest(cast(:names as text[]), cast(:objects as text[])))
                    group by subject, split_part(key, ':', 3) order by max(ended_at) desc limit :count
                """),
                {
                    "names": [mail.kind for mail in step.consequences.mails],
                    "objects": [mail.about for mail in step.consequences.mails],
                    "count": len(step.consequences.mails),
                },
            )
            return [f"«{subject}» to {recipients}" for subject, recipients in found]


def _words(wanted: story.Consequences, mails: list[str]) -> str:
    seats = ", ".join(f"{seats} for {_customer(id)}" for id, seats in wanted.seats.items())
    owed = ", ".join(f"{_money(minor)} on {invoice}" for invoice, minor in wanted.owed.items())
    lines = [f"seats {seats}", f"to be followed up: {owed or 'nothing'}"]
    lines.append("paid: " + ", ".join(f"{_money(minor)} of {invoice}" for invoice, minor in wanted.paid.items()))
    states = {"run": "carried out"}
    lines += [
        f"cancellation on {_date(each.effective_at)}: {states.get(each.state, each.state)}"
        for each in wanted.cancellations
    ]
    lines += [f"mail {mail}" for mail in mails]
    return "".join(f"\n      - {line}" for line in lines)


def _customer(subscription_id: str) -> str:
    return {story.TEST1234_SEATS: "Société Test1234", story.ATELIER_SEATS: "Atelier Nord"}[subscription_id]


def _money(minor: int) -> str:
    return shown.money(Money(minor, "CAD"), LOCALE)


def _date(instant: datetime) -> str:
    return shown.date(instant.astimezone(ZoneInfo("America/Toronto")).date(), LOCALE)


def _brief(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, (int, str)) else str(value)


def say(line: str) -> None:
    print(line, flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Serve the make-believe Chargebee of a running stack, and live its story."
    )
    parser.add_argument("--port", type=int, required=True, help="where the receiver listens, on this machine")
    parser.add_argument("--journal", type=Path, required=True, help="the file that brings the site back")
    parser.add_argument("--no-story", action="store_true", help="live no story: an empty site, or as it was left")
    parser.add_argument("--stay", action="store_true", help="go on until stopped")
    asked = parser.parse_args(arguments)
    settings = Settings.read()
    settings.require("chargebee_site", "chargebee_api_key", "chargebee_api_url")
    engine = engine_for(settings.database_url, application="quittance demo")
    receiver = f"http://127.0.0.1:{asked.port}/webhooks/chargebee"
    local = LocalSite(engine, settings, receiver, asked.journal, story_wanted=not asked.no_story)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        local.bring_back()
    except Strayed as strayed:
        say(f"The site cannot be brought back: {strayed}. Begin anew with ./dev reset.")
        return 1
    with local.open() as url:
        return _live(local, stopped, url, wanted=not asked.no_story, stay=asked.stay)


def _live(local: LocalSite, stopped: threading.Event, url: str, *, wanted: bool, stay: bool) -> int:
    """Live the story, where it is wanted and the site began with it; then let the clock run until stopped."""
    if wanted and not local.is_story:
        say("No story: this site began without it, and has gone its own way; ./dev reset plays it.")
    elif not wanted and (local.is_story or local.deeds):
        say(f"Things done on the site before: {local.deeds}; they stand. ./dev reset begins an empty one.")
    elif wanted:
        local.desk.closed = True
        try:
            Demo(local, stopped).play()
        except Missing as missing:
            say(f"\n    What should have followed did not come within {PATIENCE} s:\n    {missing}")
            say("    Look at `./dev cli doctor`, `./dev cli events list` and `./dev cli outbox list`.")
            return 1
        if stopped.is_set():
            return 130
        local.desk.closed = False
        say("\ndemo played")
    if stay:
        local.let_the_clock_run()
        say(f"the make-believe Chargebee is open at {url}/_sim/")
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
