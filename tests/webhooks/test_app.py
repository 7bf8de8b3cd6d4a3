"""The receiver as a process: health, a broker that is away, surprises, what it imports and how it refuses to start."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, eventually
from tests.webhooks.calls import FIRST, PATH, Call, an_event, through_wsgi
from webhooks.health import Schema


def test_a_hung_broker_costs_the_caller_nothing(make_client, environ, db):
    with socket.create_server(("127.0.0.1", 0)) as hung:
        client = make_client(environ | {"BROKER_URL": f"redis://127.0.0.1:{hung.getsockname()[1]}/0"})
        bell = client.application.extensions["doorbell"]
        for number in range(5):
            assert through_wsgi(client, Call(an_event(id=f"ev_{number}"))).status == 200
            if number == 0:
                assert bell.failures == 0  # the publishing has not even failed yet
        eventually(lambda: bell.broken)
        assert through_wsgi(client, Call(an_event(id="ev_later"))).status == 200
    assert db.execute("select count(*) from inbox_events").fetchone() == (6,)


def test_the_process_is_healthy_and_ready_tells_what_it_stands_on(client, db):
    assert through_wsgi(client, Call(b"", "GET", "/healthz", authorization=None)).json == {"status": "ok"}
    db.execute("insert into heartbeats values ('all@host', '{events,mail,provider}')")
    ready = through_wsgi(client, Call(b"", "GET", "/readyz", authorization=None))
    assert (ready.status, ready.json["status"], ready.json["oldest_pending_seconds"]) == (200, "ready", None)
    db.execute("insert into inbox_events (id, digest, received_at) values ('a', 'x', business_now() - interval '90 s')")
    db.execute("insert into inbox_events (id, digest) values ('b', 'x')")
    age = through_wsgi(client, Call(b"", "GET", "/readyz")).json["oldest_pending_seconds"]
    assert 90 <= age < 150


def test_ready_says_which_workers_live_and_degraded_where_a_queue_has_none(client, db):
    def ready():
        answer = through_wsgi(client, Call(b"", "GET", "/readyz"))
        return answer.status, answer.json["status"], answer.json["live_workers"], answer.json["silent_workers"]

    assert ready() == (200, "degraded", {"events": 0, "mail": 0, "provider": 0}, [])
    db.execute("insert into heartbeats values ('events@a', '{events}'), ('events@b', '{events}')")
    db.execute("insert into heartbeats values ('mail@a', '{mail,provider}', now() - interval '59 s')")
    assert ready() == (200, "ready", {"events": 2, "mail": 1, "provider": 1}, [])
    db.execute("update heartbeats set at = at - interval '2 s' where worker = 'mail@a'")
    assert ready() == (200, "degraded", {"events": 2, "mail": 0, "provider": 0}, ["mail@a"])


def test_ready_says_when_workers_stand_in_for_the_scheduler(client, db):
    db.execute("insert into job_turns (job, taken_at) values ('tasks.sweep', now())")
    assert through_wsgi(client, Call(b"", "GET", "/readyz")).json["scheduler"] == "ok"
    db.execute("update job_turns set asked_at = now() - interval '1 min'")
    assert "late or away" in through_wsgi(client, Call(b"", "GET", "/readyz")).json["scheduler"]


def test_ready_says_degraded_when_the_broker_is_away_or_hung(make_client, environ, db):
    db.execute("insert into heartbeats values ('all@host', '{events,mail,provider}')")
    with socket.create_server(("127.0.0.1", 0)) as hung:
        for url in ("redis://127.0.0.1:1/0", f"redis://127.0.0.1:{hung.getsockname()[1]}/0"):
            answer = through_wsgi(make_client(environ | {"BROKER_URL": url}), Call(b"", "GET", "/readyz"))
            assert (answer.status, answer.json["status"]) == (200, "degraded")


def test_not_ready_when_the_schema_is_not_there(client, db):
    db.execute("delete from alembic_version")
    answer = through_wsgi(client, Call(b"", "GET", "/readyz"))
    assert (answer.status, answer.headers["cache-control"]) == (503, "no-store")
    assert "not at head" in answer.json["migrations"]


def test_ready_on_a_schema_that_a_newer_version_made(client, db):
    db.execute("update alembic_version set version_num = '9999'")
    answer = through_wsgi(client, Call(b"", "GET", "/readyz"))
    assert (answer.status, answer.json["migrations"]) == (200, "made by a newer version")


def test_not_ready_but_healthy_when_the_database_is_away(make_client, environ):
    client = make_client(environ | {"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/q"})
    assert through_wsgi(client, Call(b"", "GET", "/healthz")).status == 200
    answer = through_wsgi(client, Call(b"", "GET", "/readyz"))
    assert answer.status == 503 and "cannot be asked" in answer.json["database"]


def test_the_schemas_history_is_read_from_the_migrations_files(tmp_path: Path):
    (tmp_path / "1.py").write_text('revision = "aa"\ndown_revision = None\n')
    (tmp_path / "2.py").write_text("revision: str = 'bb'\ndown_revision: str | None = 'aa'\n")
    assert Schema.of(tmp_path).head == {"bb"}
    (tmp_path / "3.py").write_text('revision = "cc"\ndown_revision = "aa"\n')
    (tmp_path / "4.py").write_text('revision = "dd"\ndown_revision = ("bb", "cc")\n')
    schema = Schema.of(tmp_path)
    assert schema.head == {"dd"}
    fit = [found for found in ("aa", "bb", "cc", "dd", "newer") if schema.words_for([found])[1]]
    assert fit == ["dd", "newer"]


def test_a_bug_of_ours_is_503_so_that_the_event_comes_again(client, capfd):
    class Broken:
        def read(self, *_size):
            raise ZeroDivisionError("a bug of ours")

    headers = {"Authorization": FIRST, "Content-Type": "application/json"}
    stream = {"wsgi.input": Broken(), "CONTENT_LENGTH": "10"}
    response = client.post(PATH, headers=headers, environ_overrides=stream)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert b"ZeroDivision" not in response.data
    assert "ZeroDivisionError: a bug of ours" in capfd.readouterr().out


def test_the_receiver_imports_no_orm_no_sdk_and_no_celery(environ):
    script = """
import json, sys
from webhooks.wsgi import app
client = app.test_client()
assert client.get("/healthz").status_code == 200
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    loaded = set(json.loads(ran.stdout))
    assert {"flask", "psycopg"} <= loaded
    assert not loaded & {"sqlalchemy", "chargebee", "celery", "kombu", "redis", "alembic", "models", "tasks", "gateway"}


def test_the_receiver_that_cannot_start_says_why():
    environ = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL")}
    ran = subprocess.run(
        [sys.executable, "-c", "import webhooks.wsgi"],
        cwd=ROOT,
        env=environ | {"WEBHOOK_CREDENTIALS": "chargebee:"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 1
    for name in ("DATABASE_URL", "BROKER_URL", "WEBHOOK_CREDENTIALS"):
        assert name in ran.stderr
    assert "Traceback" not in ran.stderr
