"""Very many customers' lives, told to one database as badly as a network can, and compared with the provider's end.

Each life is a site of its own seed and shares no id with another: what differs is one life's, and is had again by its
seed, alone or among the crowd that it was told with.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from gateway.client import Gateway, Page
from simulator import Site, life
from simulator.history import LONGEST
from tasks import clock, inbox, outbox, reconcile
from tests.builders import Quittance
from tests.databases import truncate
from tests.flow import truth

CROWD = 40  # lives that are told together
COPIES = (1, 1, 3)  # of an event, as the dice say
DROPPED = 0.1  # of all events, for good: reconciliation finds them
REPLAYED = 0.05  # of all events, once more under another id
END = datetime(2021, 9, 1, 16, 0, tzinfo=UTC)  # of every life
_BEFORE = END - timedelta(days=LONGEST + 1)


@dataclass
class Crowd:
    """What became of some lives: by seed, what is not as the provider has it, a sentence each."""

    differing: dict[int, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


class Ground:
    """A migrated database that one crowd after the other is told to."""

    def __init__(self, db_url: str, directory: Path) -> None:
        self.quittance = Quittance(db_url, directory)

    def tell(self, seeds: Sequence[int]) -> Crowd:
        """Live these lives, tell of them, and compare the end. Every other crowd is applied by two at once.

        In one crowd in five the mails of the first are sent; those of the others are called for.
        """
        truncate(self.quittance.settings.database_url)
        for mail in self.quittance.mail.glob("*.eml"):
            mail.unlink()
        sites = {seed: life(seed, END) for seed in seeds}
        telling = _Telling(self.quittance, sites, appliers=1 + seeds[0] // CROWD % 2)
        telling.tell()
        return Crowd(
            _Comparison(self.quittance, sites).differing(telling.sample if telling.sends else None), telling.counts
        )

    def close(self) -> None:
        self.quittance.close()


class _Telling:
    """One to three deliveries of each event in any order, of some none; applied in between; then reconciliation."""

    def __init__(self, quittance: Quittance, sites: dict[int, Site], appliers: int) -> None:
        self.quittance, self.sites, self.appliers = quittance, sites, appliers
        self.sample = next(iter(sites))
        self.sends = self.sample // CROWD % 5 == 0 or len(sites) == 1
        self.dice = random.Random(f"{self.sample} deliveries of {len(sites)}")
        self.counts = Counter(histories=len(sites))

    def tell(self) -> None:
        self.quittance.move_clock(END)
        # The system was there before: whatever it missed from then on is to be found.
        self.quittance.run("insert into readings (name, watermark) values ('events', :at)", at=_BEFORE)
        deliveries = self._deliveries()
        places = sorted(self.dice.randrange(len(deliveries)) for _ in range(2))
        for start, end in zip([0, *places], [*places, len(deliveries)], strict=True):
            self._receive(deliveries[start:end])
            self._apply()
            self.quittance.move_clock(END)  # not a second later: a life knows nothing of what would happen then
            clock.carry_out_due_cancellations(self.quittance.engine, self.quittance.couriers.rules)
        gateway = cast(Gateway, ListOfEvents(self.sites.values()))
        listed = reconcile.reconcile_now(self.quittance.engine, gateway, ring=lambda: None)
        self.counts.update(found=listed.new)
        self._apply()
        if self.sends:
            self._send_mails()
        self.counts.update(called_for=self.quittance.rows("select count(*) from outbox where recipient is null")[0])

    def _deliveries(self) -> list[bytes]:
        found: list[bytes] = []
        for site in self.sites.values():
            self.counts.update(events=len(site.events))
            for event in site.events:
                if self.dice.random() < DROPPED:
                    self.counts.update(dropped=1)
                    continue
                found += [json.dumps(event).encode()] * self.dice.choice(COPIES)
                if self.dice.random() < REPLAYED:
                    found.append(json.dumps(event | {"id": f"{event['id']}-again"}).encode())
        self.dice.shuffle(found)
        self.counts.update(deliveries=len(found))
        return found

    def _receive(self, deliveries: Iterable[bytes]) -> None:
        for raw in deliveries:
            assert (answer := self.quittance.call(raw)) == "200 OK", answer

    def _apply(self) -> None:
        others = [threading.Thread(target=self._work) for _ in range(self.appliers - 1)]
        for other in others:
            other.start()
        self._work()
        for other in others:
            other.join()
        # What was given back because somebody held its customer, or raced, pauses: it is not waited for.
        while self.quittance.run("update inbox_events set due_at = now() where status = 'pending'"):
            self._work()

    def _work(self) -> None:
        while inbox.apply_pending(self.quittance.engine, self.quittance.couriers.rules, seconds=600):
            pass

    def _send_mails(self) -> None:
        """The sample's mails; those of the others stay what they are, called for."""
        self.quittance.run(
            "update outbox set due_at = 'infinity' where customer_id is null or customer_id not like :sample",
            sample=f"customer-{self.sample}-%",
        )
        before, ended = -1, 0
        while ended > before:  # some wait for others; those to a customer without an address, for ever
            self.quittance.run("update outbox set due_at = now() where state = 'new' and due_at <> 'infinity'")
            outbox.deliver_pending(self.quittance.engine, self.quittance.couriers, "mail", seconds=60)
            before, ended = ended, self.quittance.rows("select count(*) from outbox where state <> 'new'")[0]
        self.counts.update(sent=self.quittance.rows("select count(*) from outbox where state = 'sent'")[0])


class ListOfEvents:
    """The provider's list of events over several sites at once, as a gateway gives it: page by page, oldest first."""

    def __init__(self, sites: Iterable[Site]) -> None:
        told = [(record.occurred_at, site, record) for site in sites for record in site.event_records]
        self._told = sorted(told, key=lambda each: each[0])

    def events(self, occurred_after: datetime, offset: str | None = None) -> Page:
        start = int(offset or 0)
        end = start + 100
        page = [each for each in self._told[start:end] if each[0] >= occurred_after.timestamp()]
        rows = [site.events.body(record) for _, site, record in page]
        return Page(rows, str(end) if end < len(self._told) else None)


class _Comparison:
    """The end of every life at the provider and here."""

    def __init__(self, quittance: Quittance, sites: dict[int, Site]) -> None:
        self._quittance, self._ask, self._sites = quittance, quittance.rows, sites
        self._owner: dict[str, int] = {}  # of every object and event: the seed of its life
        for seed, site in sites.items():
            self._owner |= {id: seed for kind in truth.KINDS for id in site.ids(kind)}
            self._owner |= {record.id: seed for record in site.event_records}

    def differing(self, written_to: int | None) -> dict[int, list[str]]:
        """By seed, what differs; of the life that was written to, also its mails."""
        found: dict[int, list[str]] = {}
        here = self._by_life(truth.state_here(self._ask))
        called_for = self._by_life(truth.mails_called_for_here(self._ask))
        for seed, site in self._sites.items():
            found[seed] = truth.differences(truth.state_of(site), here[seed])
            found[seed] += truth.missing(truth.mails_called_for(site), called_for[seed])
        if written_to is not None:
            found[written_to] += self._mails(written_to)
        for id, status, reason in self._ask(
            "select id, status, reason from inbox_events where status not in ('applied', 'ignored')"
        ):
            found[self._seed_of(id)].append(f"event {id} is {status}: {reason}")
        for id, seats, total in truth.ledgers_that_do_not_add_up(self._ask):
            found[self._seed_of(id)].append(f"seats of {id}: {seats}, and {total} by its ledger")
        return {seed: sentences for seed, sentences in found.items() if sentences}

    def _mails(self, seed: int) -> list[str]:
        sent = self._by_life(truth.mails_sent(self._ask))[seed]
        times = Counter(mail["Message-ID"] for mail in self._quittance.mails())
        twice = [f"mail {id} left {count} times" for id, count in times.items() if count > 1]
        return truth.differences(truth.mails_called_for(self._sites[seed]), sent) + twice

    def _by_life(self, state: truth.State) -> dict[int, truth.State]:
        parts: dict[int, truth.State] = {seed: {what: {} for what in state} for seed in self._sites}
        for what, values in state.items():
            for key, value in values.items():
                parts[self._seed_of(key[0] if isinstance(key, tuple) else key)][what][key] = value
        return parts

    def _seed_of(self, id: str) -> int:
        """Whose this is; what nobody's life knows of is told as the first one's."""
        return self._owner.get(id.removesuffix("-again"), next(iter(self._sites)))
