"""A flood: many more calls at once than there are threads. All are answered, and what was taken is applied later."""

from __future__ import annotations

import pytest

from bench.posting import post, request
from tests.conftest import eventually
from tests.webhooks.calls import CREDENTIALS, FIRST, PATH, an_event

CONNECTIONS = 320  # a receiver with four threads takes 16 in its stride, and has its best rate with them
EVENTS = 2000


@pytest.mark.long
def test_under_a_flood_every_answer_is_200_or_503_and_what_was_taken_is_applied(serve, start, db, tmp_path):
    calls = [request(PATH, {"Authorization": FIRST}, an_event(id=f"ev_{number}")) for number in range(EVENTS)]
    # A connection that breaks, or an answer that does not come, is an error here.
    answers = post(calls, serve(), tmp_path, connections=CONNECTIONS)
    assert {each.status for each in answers} <= {200, 503}
    taken = {f"ev_{number}" for number, each in enumerate(answers) if each.status == 200}
    assert taken
    assert taken <= {id for (id,) in db.execute("select id from inbox_events")}

    worker = ("celery", "-A", "worker.app", "worker", "-P", "solo", "-Q", "events", "--without-mingle")
    start(*worker, name="worker", WEBHOOK_CREDENTIALS=CREDENTIALS)
    pending = "select count(*) from inbox_events where status = 'pending'"
    eventually(lambda: db.execute(pending).fetchone() == (0,), seconds=60)
