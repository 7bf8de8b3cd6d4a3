"""Many calls of nonsense to the receiver in this process, and everything that was stored worked off."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
from werkzeug.test import run_wsgi_app

from billing.events import head_of
from tasks import bounces, inbox
from tests.builders import Quittance
from tests.databases import truncate
from tests.webhooks.calls import CREDENTIALS
from tests.webhooks.nonsense import Call, a_call

ROUND = 250  # calls of one seed
# Somebody whom we wrote to: reports about others change nothing.
_WRITTEN_TO = """
    insert into outbox (key, queue, kind, name, object_id, recipient, state)
    values ('invoice:F-1:0:a', 'mail', 'email', 'invoice', 'F-1', 'a@b.example', 'sent')
"""
_NEW = """
    select 'inbox_events', seq, raw from inbox_events where seq > %s
    union all select 'mail_reports', seq, raw from mail_reports where status = 'pending' and seq > %s
"""


class Broken(AssertionError):
    """A call that was answered, or stored, as none may be."""


class Onslaught:
    """A receiver and its workers over one database."""

    def __init__(self, db_url: str, directory: Path) -> None:
        more = {"WEBHOOK_CREDENTIALS": CREDENTIALS, "MAIL_WEBHOOK_CREDENTIALS": "relay:a-third-password"}
        self.quittance = Quittance(db_url, directory, **more)
        self._url = db_url
        self._db = psycopg.connect(db_url, autocommit=True)
        self._app = self.quittance.receiver
        self._seen = {"inbox_events": 0, "mail_reports": 0}

    def round(self, seed: int, calls: int = ROUND) -> Counter[str]:
        """Make the calls of a seed, then work off what was stored; how many were answered and ended how.

        Raises:
            Broken: naming the number of the call.
        """
        truncate(self._url)
        self._db.execute(_WRITTEN_TO)
        self._seen = dict.fromkeys(self._seen, 0)
        dice, told = random.Random(f"{seed} nonsense"), Counter[str]()
        for number in range(calls):
            call = a_call(dice)
            try:
                told[str(self._made(call))] += 1
            except Exception as fault:
                raise Broken(f"call {number} of seed {seed}: {fault!r}: {call.environ} {call.body[:2000]!r}") from fault
        told.update(self._worked_off(seed))
        return told

    def close(self) -> None:
        self._db.close()
        self.quittance.close()

    def _made(self, call: Call) -> int:
        """One call, and what stands in the tables after it: a row where it was answered with 200, and else none."""
        parts, answer, headers = run_wsgi_app(self._app.wsgi_app, call.as_environ(), buffered=True)
        status, said = int(answer[:3]), b"".join(parts)
        assert 200 <= status < 500, f"it was answered with {answer}"
        assert not [value for _, value in headers if not value.isprintable()]
        posted = status == 200 and call.as_environ()["REQUEST_METHOD"].upper() == "POST"
        result = json.loads(said)["status"] if posted else None
        new = self._db.execute(_NEW, list(self._seen.values())).fetchall()
        for table, seq, _ in new:
            self._seen[table] = seq
        assert result in (None, "stored", "duplicate")
        assert len(new) == (result == "stored"), f"it was answered with {answer}, and there are {len(new)} new rows"
        assert all(raw == call.whole for _, _, raw in new), "another body was stored than was sent"
        if result == "duplicate":
            assert self._is_known(call), "it was answered as known, and is not"
        return status

    def _is_known(self, call: Call) -> bool:
        known = """
            select 1 from inbox_events where id = %(id)s or raw = %(raw)s
            union all select 1 from mail_reports where raw = %(raw)s
        """
        try:
            id = head_of(json.loads(call.whole)).id
        except (ValueError, AttributeError):  # a report about mail need be no object
            id = None
        values: dict[str, Any] = {"id": id, "raw": call.whole}
        return self._db.execute(known, values).fetchone() is not None

    def _worked_off(self, seed: int) -> Counter[str]:
        due = "update inbox_events set due_at = now() where status = 'pending'"
        for _ in range(ROUND):  # what cost its batch once is applied alone, one a pass
            inbox.apply_pending(self.quittance.engine, self.quittance.couriers.rules, seconds=60)
            bounces.apply_reports(self.quittance.engine)
            if not self._db.execute(due).rowcount:
                break
        left = self._db.execute(
            "select id, starts, raw from inbox_events where status = 'pending' or reason like '%a fault of ours%'"
        ).fetchall()
        left += self._db.execute(
            "select id, reason, raw from mail_reports where status = 'pending' or reason like '%a fault of ours%'"
        ).fetchall()
        if left:
            raise Broken(f"seed {seed}: these did not end, or by a fault of ours: {left[:3]}")
        endings = self._db.execute(
            "select status, count(*) from inbox_events group by 1"
            " union all select 'report ' || status, count(*) from mail_reports group by 1"
        ).fetchall()
        return Counter(dict(endings))
