"""When something the receiver stands on is away, full or frozen: 503 and back by itself, and never a lost event."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from local.postgres import Postgres
from tests.conftest import eventually, migrate
from tests.webhooks.calls import CREDENTIALS, Call, an_event, over_a_socket, through_wsgi


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    # Not below pytest's own folder: as root the server runs as nobody, who may not walk through that one.
    with tempfile.TemporaryDirectory(prefix="quittance-outage-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        server = Postgres(home / "postgres", durable=False, settings={"max_connections": "12"}).start()
        yield server
        server.stop()


@pytest.fixture
def postgres(server: Postgres) -> Iterator[Postgres]:
    """A server that the test may stop, freeze and fill, with a migrated database `q`."""
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute("drop database if exists q with (force)")
    server.create_database("q")
    migrate(server.dsn("q"))
    yield server


@pytest.fixture
def environ(postgres: Postgres, broker_url: str, key_prefix: str) -> dict[str, str]:
    return {
        "DATABASE_URL": postgres.dsn("q"),
        "BROKER_URL": broker_url,
        "BROKER_KEY_PREFIX": key_prefix,
        "WEBHOOK_CREDENTIALS": CREDENTIALS,
    }


@pytest.fixture
def send(make_client, environ) -> Callable[[str], object]:
    client = make_client(environ)
    return lambda id: through_wsgi(client, Call(an_event(id=id)))


def ids(postgres: Postgres) -> set[str]:
    with psycopg.connect(postgres.dsn("q")) as connection:
        return {id for (id,) in connection.execute("select id from inbox_events")}


def is_told_to_try_again(answer) -> bool:
    return (answer.status, answer.headers.get("retry-after")) == (503, "30") and answer.json["status"] == 503


@pytest.mark.long
def test_a_database_that_is_away_is_503_and_200_again_when_it_is_back(postgres, send):
    assert send("before").status == 200
    for round in range(2):
        postgres.kill()
        assert is_told_to_try_again(send(f"away {round}"))
        assert is_told_to_try_again(send(f"away {round}"))
        postgres.start()
        assert send(f"back {round}").status == 200  # the very first call
    assert ids(postgres) == {"before", "back 0", "back 1"}


@pytest.mark.long
def test_a_restarted_database_costs_no_call(postgres, send):
    assert send("before").status == 200
    postgres.stop()
    postgres.start()
    assert send("after").json == {"status": "stored"}


def backends(postgres: Postgres) -> list[int]:
    with psycopg.connect(postgres.dsn("q")) as connection:
        asked = "select pid from pg_stat_activity where application_name = 'quittance receiver'"
        return [pid for (pid,) in connection.execute(asked)]


@pytest.mark.long
def test_a_frozen_database_does_not_hold_a_call(postgres, send):
    assert send("before").status == 200
    (backend,) = backends(postgres)
    os.kill(backend, signal.SIGSTOP)
    try:
        assert is_told_to_try_again(send("frozen"))  # without the watchdog this call would never end
    finally:
        os.kill(backend, signal.SIGCONT)
    assert send("after").status == 200
    assert {"before", "after"} <= ids(postgres)


@pytest.mark.long
def test_after_a_call_waited_in_vain_one_at_a_time_waits_and_the_others_are_answered(postgres, make_client, environ):
    client = make_client(environ)

    def send(id: str):
        return through_wsgi(client, Call(an_event(id=id)))

    os.kill(postgres.pid, signal.SIGSTOP)  # nobody can connect any more
    try:
        assert is_told_to_try_again(send("first"))
    finally:
        os.kill(postgres.pid, signal.SIGCONT)
    with client.application.extensions["store"]._asking_again:  # as a call does while it waits
        assert is_told_to_try_again(send("second"))
    assert send("third").status == 200
    with client.application.extensions["store"]._asking_again:
        assert send("fourth").status == 200
    assert ids(postgres) == {"third", "fourth"}


@pytest.mark.long
def test_a_database_that_is_frozen_before_the_first_connection_does_not_hold_a_call(postgres, send):
    os.kill(postgres.pid, signal.SIGSTOP)
    try:
        assert is_told_to_try_again(send("frozen"))
    finally:
        os.kill(postgres.pid, signal.SIGCONT)
    assert send("after").status == 200
    assert ids(postgres) == {"after"}


@pytest.mark.long
def test_addresses_that_never_answer_do_not_hold_a_call(make_client, environ):
    # They take the connection and say nothing. Trying one after the other would take longer than a test may.
    with socket.create_server(("127.0.0.1", 0)) as hung:
        hosts, ports = (",".join([each] * 40) for each in ("127.0.0.1", str(hung.getsockname()[1])))
        client = make_client(environ | {"DATABASE_URL": f"postgresql://u:p@/q?host={hosts}&port={ports}"})
        assert is_told_to_try_again(through_wsgi(client, Call()))


@pytest.mark.long
def test_a_locked_table_does_not_hold_a_call(postgres, send):
    assert send("before").status == 200
    with psycopg.connect(postgres.dsn("q")) as connection:
        connection.execute("lock table inbox_events in access exclusive mode")
        assert is_told_to_try_again(send("locked"))
    assert send("after").status == 200
    assert ids(postgres) == {"before", "after"}


def test_a_saturated_database_is_503_until_there_is_room(postgres, send):
    with ExitStack() as others:
        with pytest.raises(psycopg.OperationalError):
            while True:
                others.enter_context(psycopg.connect(postgres.dsn("q")))
        assert is_told_to_try_again(send("full"))
    assert eventually(lambda: send("room")).status == 200
    assert ids(postgres) == {"room"}


def test_a_database_that_became_read_only_is_503_and_200_when_it_may_be_written_again(postgres, send):
    assert send("before").status == 200
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute("alter database q set default_transaction_read_only = on")
        for pid in backends(postgres):
            connection.execute("select pg_terminate_backend(%s)", [pid])
        assert is_told_to_try_again(send("read only"))
        connection.execute("alter database q reset default_transaction_read_only")
    assert send("after").status == 200
    assert ids(postgres) == {"before", "after"}


def test_a_full_disk_is_503_and_leaves_no_row(postgres, send):
    with psycopg.connect(postgres.dsn("q"), autocommit=True) as connection:
        connection.execute("""
            create function disk_is_full() returns trigger language plpgsql as
            $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
            create trigger disk_is_full after insert on inbox_events for each row execute function disk_is_full()""")
        assert is_told_to_try_again(send("full"))
        connection.execute("drop trigger disk_is_full on inbox_events")
    assert send("room").status == 200
    assert ids(postgres) == {"room"}


def test_a_database_without_tables_is_503(postgres, make_client, environ):
    postgres.create_database("empty")
    client = make_client(environ | {"DATABASE_URL": postgres.dsn("empty")})
    assert is_told_to_try_again(through_wsgi(client, Call()))
    answer = through_wsgi(client, Call(b"", "GET", "/readyz"))
    assert answer.status == 503 and "not at head" in answer.json["migrations"]


@pytest.mark.long
def test_every_answer_of_200_is_in_the_database_when_it_is_killed_again_and_again(postgres, serve):
    port = serve(DATABASE_URL=postgres.dsn("q"))
    promised: set[str] = set()
    stopping = threading.Event()

    def post(name: str) -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            answer = over_a_socket(port, Call(an_event(id=f"{name}-{number}")))
            assert answer is not None and answer.status in (200, 503), answer
            if answer.status == 200:
                promised.add(f"{name}-{number}")

    callers = [threading.Thread(target=post, args=[name]) for name in ("a", "b")]
    for caller in callers:
        caller.start()
    try:
        for _ in range(3):
            enough = len(promised) + 20
            eventually(lambda enough=enough: len(promised) >= enough)
            postgres.kill()
            postgres.start()
    finally:
        stopping.set()
        for caller in callers:
            caller.join()
    assert promised <= ids(postgres)
