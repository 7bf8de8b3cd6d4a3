"""The embedded servers: they start, keep what they were given, keep their secrets, and say what is in the way."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis

from local.children import LocalError, command_of, free_port, is_free, private_directory, secret
from local.postgres import Postgres
from local.valkey import Valkey
from tests.conftest import ROOT, eventually

pytestmark = pytest.mark.long  # every test run stands on these servers; here they are started and broken one by one


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the user PostgreSQL runs as can walk to, as a clone's is; pytest's own ones are private."""
    folder = Path(tempfile.mkdtemp(prefix="quittance-servers-"))
    folder.chmod(0o755)
    yield folder / "a home with spaces"
    shutil.rmtree(folder)


@pytest.fixture
def postgres(home: Path) -> Iterator[Postgres]:
    server = Postgres(home / "postgres", durable=False).start()
    yield server
    server.kill()


@pytest.fixture
def valkey(home: Path) -> Iterator[Valkey]:
    server = Valkey(home / "valkey").start()
    yield server
    server.kill()


def ask(postgres: Postgres, question: str) -> object:
    with closing(psycopg.connect(postgres.dsn("postgres"), autocommit=True)) as connection:
        cursor = connection.execute(question)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def client(valkey: Valkey) -> redis.Redis:
    return redis.Redis.from_url(valkey.url(), decode_responses=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_postgres_keeps_its_port_and_what_was_committed_when_it_is_stopped_or_killed(postgres: Postgres) -> None:
    port = postgres.port
    ask(postgres, "create table kept (what text)")
    ask(postgres, "insert into kept values ('before the stop')")
    postgres.stop()
    assert is_free(port)
    postgres.start()
    ask(postgres, "insert into kept values ('before the crash')")
    postgres.kill()
    assert is_free(port)
    postgres.start()
    assert postgres.port == port
    assert ask(postgres, "select count(*) from kept") == 2


def test_a_killed_postgres_puts_nothing_in_order_before_it_ends(postgres: Postgres) -> None:
    postgres.kill()
    postgres.start()
    assert "database system was not properly shut down" in postgres.log.read_text()


def test_postgres_listens_on_this_machine_only_in_utc(postgres: Postgres) -> None:
    assert ask(postgres, "show listen_addresses") == "127.0.0.1"
    assert ask(postgres, "show unix_socket_directories") == ""
    assert ask(postgres, "show timezone") == "UTC"
    assert ask(postgres, "show server_encoding") == "UTF8"


def test_postgres_forces_to_disk_unless_told_not_to(home: Path, postgres: Postgres) -> None:
    assert ask(postgres, "show fsync") == "off"
    durable = Postgres(home / "durable", settings={"work_mem": "8MB"}).start()
    try:
        assert ask(durable, "show fsync") == "on"
        assert ask(durable, "show work_mem") == "8MB"
    finally:
        durable.kill()


def test_postgres_wants_the_password(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://postgres:wrong@127.0.0.1:{postgres.port}/postgres")


def test_a_database_is_created_once(postgres: Postgres) -> None:
    postgres.create_database("once")
    postgres.create_database("once")
    assert ask(postgres, "select count(*) from pg_database where datname = 'once'") == 1


def test_postgres_does_not_run_as_root(postgres: Postgres) -> None:
    owner = postgres.data.stat().st_uid
    assert owner == (os.geteuid() or 65534)
    assert mode(postgres.data) == 0o700


def test_a_server_left_behind_by_a_killed_supervisor_gives_way(home: Path, postgres: Postgres) -> None:
    ask(postgres, "create table kept ()")
    another = Postgres(home / "postgres", durable=False).start()
    try:
        assert ask(another, "select count(*) from kept") == 0
        assert eventually(lambda: postgres.exit_code() is not None)
    finally:
        another.kill()


def test_a_lock_file_that_names_another_program_is_forgotten(home: Path, postgres: Postgres) -> None:
    postgres.stop()
    lock = postgres.data / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{postgres.data}\n")
    os.chown(lock, postgres.data.stat().st_uid, -1)
    postgres.start()
    assert ask(postgres, "select 1") == 1


def test_root_keeps_the_data_outside_a_home_that_is_closed_to_others(home: Path) -> None:
    home.mkdir(mode=0o700)
    postgres = Postgres(home / "postgres", durable=False).start()
    try:
        inside = postgres.data.is_relative_to(home)
        assert inside == (os.geteuid() != 0)
        assert mode(home) == 0o700
        ask(postgres, "create table kept ()")
        postgres.stop()
        assert ask(postgres.start(), "select count(*) from kept") == 0
    finally:
        postgres.kill()
        if postgres.data.parent.name.startswith("postgres-"):
            shutil.rmtree(postgres.data.parent)


def test_a_half_made_data_directory_is_never_used(home: Path) -> None:
    half = home / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("16\n")
    postgres = Postgres(home / "postgres", durable=False).start()
    try:
        assert ask(postgres, "select 1") == 1
    finally:
        postgres.kill()


def test_data_of_another_version_is_refused_with_the_next_step(postgres: Postgres) -> None:
    postgres.stop()
    (postgres.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(LocalError, match=r"made by PostgreSQL 15, this one is 16; run \./dev reset"):
        postgres.start()


def test_valkey_keeps_what_it_answered_when_it_is_killed(valkey: Valkey) -> None:
    port = valkey.port
    with client(valkey) as before:
        before.rpush("queue", "a message")
    valkey.kill()
    valkey.start()
    assert valkey.port == port
    with client(valkey) as after:
        assert after.lrange("queue", 0, -1) == ["a message"]


def test_valkey_never_evicts_and_wants_the_password(valkey: Valkey) -> None:
    with client(valkey) as connection:
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert connection.config_get("bind") == {"bind": "127.0.0.1"}
    with redis.Redis(port=valkey.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_valkey_databases_are_apart(valkey: Valkey) -> None:
    with client(valkey) as first, redis.Redis.from_url(valkey.url(1)) as second:
        first.set("here", "yes")
        assert second.get("here") is None


def test_a_valkey_left_behind_gives_way(home: Path, valkey: Valkey) -> None:
    with client(valkey) as connection:
        connection.set("kept", "yes")
    another = Valkey(home / "valkey").start()
    try:
        assert valkey.exit_code() is not None
        with client(another) as connection:
            assert connection.get("kept") == "yes"
    finally:
        another.kill()


def test_passwords_are_in_private_files_and_in_no_command_line(home: Path, postgres: Postgres, valkey: Valkey) -> None:
    for server, url in ((postgres, postgres.dsn("x")), (valkey, valkey.url())):
        kept = server.home / "password"
        assert mode(kept) == 0o600
        assert len(kept.read_text()) >= 32
        assert kept.read_text() in url
        command = command_of(server.pid)
        assert str(server.port) in command
        assert kept.read_text() not in command
    assert mode(valkey.home / "valkey.conf") == 0o600
    assert not list(postgres.data.parent.glob("*initdb*"))


def test_a_taken_port_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for server in (Postgres(home / "postgres", durable=False, port=port), Valkey(home / "valkey", port=port)):
            with pytest.raises(LocalError, match=f"port {port} is taken"):
                server.start()


def test_a_server_that_does_not_start_shows_what_it_said(home: Path) -> None:
    postgres = Postgres(home / "postgres", durable=False, settings={"shared_buffers": "nonsense"})
    with pytest.raises(LocalError, match=r'(?s)PostgreSQL did not start.*invalid value.*"shared_buffers"'):
        postgres.start()


def test_a_system_without_wheels_is_told_the_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.postgres.find_spec", lambda name: None)
    monkeypatch.setattr("local.valkey.find_spec", lambda name: None)
    for server in (Postgres(home / "postgres"), Valkey(home / "valkey")):
        with pytest.raises(LocalError, match=r"DATABASE_URL") as told:
            server.start()
        assert "REDIS_URL" in str(told.value)


def test_a_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = secret(tmp_path / "key")
    assert secret(tmp_path / "key") == first
    assert mode(tmp_path / "key") == 0o600


def test_a_directory_that_others_may_write_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(LocalError, match="can be written by others"):
        private_directory(tmp_path / "open")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(LocalError):
        private_directory(tmp_path / "link")


def test_children_end_with_the_one_who_started_them(home: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from local.postgres import Postgres; from local.valkey import Valkey;"
        "home = Path(sys.argv[1]);"
        "print(Postgres(home / 'p', durable=False).start().pid, Valkey(home / 'v').start().pid, flush=True);"
        "sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script, home],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with starter:
        assert starter.stdout is not None
        pids = [int(word) for word in starter.stdout.readline().split()]
        assert len(pids) == 2
        starter.send_signal(signal.SIGKILL)
    assert eventually(lambda: not any(command_of(pid) for pid in pids))


def test_a_free_port_is_one_that_outgoing_connections_do_not_borrow() -> None:
    assert 20_000 <= free_port() < 30_000
