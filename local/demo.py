"""Lives the demo story: a make-believe Chargebee over HTTP both ways, and what came of each step in plain words.

    python -m local.demo --port PORT [--stay]

The story is the same each time, to the byte. Steps that this database has lived already are not lived again; what
follows from them is checked all the same. Exit code 1 if a consequence does not come.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text
from werkzeug.serving import make_server

from billing.money import Money
from emails import format as shown
from models import clock
from models.session import engine_for, transaction
from simulator import Site, story
from simulator.http import create_app
from simulator.webhooks import Sender
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


@dataclass
class Demo:
    engine: Engine
    settings: Settings
    sender: Sender
    site: Site = field(default_factory=story.a_site)
    sent: int = 0  # events of the site that the receiver has
    mails: Counter[tuple[str, str]] = field(default_factory=Counter)
    stopped: threading.Event = field(default_factory=threading.Event)

    def play(self) -> None:
        """Live every step.

        Raises:
            Missing: a consequence did not come.
        """
        lived = self._lived_already()
        if lived:
            say(f"This database has lived {lived} of {len(story.steps())} steps before; ./dev reset plays them anew.")
        for number, step in enumerate(story.steps(), start=1):
            if self.stopped.is_set():
                return
            step.play(self.site)
            self.mails.update((mail.kind, mail.about) for mail in step.consequences.mails)
            if number < lived:  # what followed then has been overtaken; what followed from the last one still stands
                self.sent = len(self.site.events)
                continue
            say(f"\n{number:>2}. {_date(step.at)}. {step.title}.")
            self._set_clock(step.at)
            count = self._send()
            self._wait(step.consequences)
            say(f"    {count} webhook{'' if count == 1 else 's'}" + _words(step.consequences, self._subjects(step)))

    def _lived_already(self) -> int:
        """How many steps this database has lived: the story is the same each time, down to the ids."""
        site, told = story.a_site(), []
        for step in story.steps():
            place = len(site.events)
            step.play(site)
            told.append([event["id"] for event in site.events[place:]])
        with transaction(self.engine) as session:
            ids = {"ids": [event["id"] for event in site.events]}
            known = set(session.scalars(text("select id from inbox_events where id = any(:ids)"), ids))
        lived = 0
        for number, events in enumerate(told, start=1):
            if not known.issuperset(events):
                break
            if events:  # a step in which only time passes is lived when the one after it is
                lived = number
        return lived

    def _set_clock(self, instant: datetime) -> None:
        with transaction(self.engine) as session:
            if clock.now(session) < instant or self.sent == 0:
                clock.move_to(session, instant, env=self.settings.env)

    def _send(self) -> int:
        events = self.site.events[self.sent :]
        for event in events:
            attempt = self.sender.send(event)
            if not attempt.accepted:
                raise Missing(str(attempt))
        self.sent += len(events)
        return len(events)

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
                        select name, object_id, count(distinct split_part(key, ':', 3)) from outbox
                        where kind = 'email' and state = 'sent' group by 1, 2
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
                    where kind = 'email' and state = 'sent' and (name, object_id) in
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


@contextmanager
def _serving(site: Site, settings: Settings) -> Iterator[None]:
    """The make-believe Chargebee's API, where CHARGEBEE_API_URL says."""
    where = urlsplit(settings.chargebee_api_url or "")
    app = create_app(site, site_name=settings.chargebee_site or "", api_key=settings.chargebee_api_key or "")
    server = make_server(where.hostname or "127.0.0.1", where.port or 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="make-believe Chargebee", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Live the demo story against a running stack.")
    parser.add_argument("--port", type=int, required=True, help="where the receiver listens, on this machine")
    parser.add_argument("--stay", action="store_true", help="go on serving the make-believe Chargebee until stopped")
    asked = parser.parse_args(arguments)
    settings = Settings.read()
    settings.require("chargebee_site", "chargebee_api_key", "chargebee_api_url")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # what the make-believe Chargebee is asked is not the story
    user, password = settings.webhook_credentials[0]
    engine = engine_for(settings.database_url, application="quittance demo")
    with Sender(f"http://127.0.0.1:{asked.port}/webhooks/chargebee", user, password) as sender:
        demo = Demo(engine, settings, sender)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: demo.stopped.set())
        with _serving(demo.site, settings):
            try:
                demo.play()
            except Missing as missing:
                say(f"\n    What should have followed did not come within {PATIENCE} s:\n    {missing}")
                say("    Look at `./dev cli doctor`, `./dev cli events list` and `./dev cli outbox list`.")
                return 1
            if demo.stopped.is_set():
                return 130
            say("\ndemo played")
            if asked.stay:
                demo.stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
