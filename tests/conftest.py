"""Real servers for the tests: one PostgreSQL and one Valkey for the run, a database of its own for each test.

TEST_DATABASE_URL (a role that may create databases) and TEST_REDIS_URL, where set, are used instead. The developer's
own DATABASE_URL is never written to.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from local.children import Server
from local.postgres import Postgres
from local.valkey import Valkey
from tests.builders import Quittance
from tests.databases import House, an_engine

pytest_plugins = ["simulator.fixtures"]

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
_servers: list[Server] = []
_homes: list[Path] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also the tests marked long")


def pytest_configure(config: pytest.Config) -> None:
    """Once, in the controller: xdist's workers inherit the two variables, and are told the rest."""
    if hasattr(config, "workerinput"):
        config.option.all = config.workerinput["all"]
        return
    if config.args_source is pytest.Config.ArgsSource.ARGS:  # whoever names tests wants just these
        config.option.all = True
    if config.option.collectonly:
        return
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    home = Path(tempfile.mkdtemp(prefix="quittance-tests-"))
    home.chmod(0o755)
    _homes.append(home)
    if not os.environ.get("TEST_DATABASE_URL"):
        postgres = Postgres(home / "postgres", durable=False, settings={"max_connections": "200"}).start()
        _servers.append(postgres)
        os.environ["TEST_DATABASE_URL"] = postgres.dsn("postgres")
    if not os.environ.get("TEST_REDIS_URL"):
        valkey = Valkey(home / "valkey", durable=False).start()
        _servers.append(valkey)
        os.environ["TEST_REDIS_URL"] = valkey.url()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """What the command line was found to ask for, for a worker of xdist."""
    node.workerinput["all"] = node.config.option.all


def pytest_report_header(config: pytest.Config) -> str | None:
    return None if config.option.all else "the long tests are left out: ./dev test --all runs them too"


@pytest.hookimpl(trylast=True)  # when -m and -k have chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.option.all:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    items[:] = _dealt(items, getattr(config, "workerinput", {}).get("workercount", 1))


def _dealt(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """In the order in which two processes begin with what takes minutes: nobody waits for that alone at the end.

    More of it at once would keep each other waiting.
    xdist's `worksteal` gives each process an even part of the tests, as they follow each other, to begin with.
    """
    longest = [item for item in items if (limit := item.get_closest_marker("timeout")) and limit.args[0] >= 300]
    found = set(longest)
    others = [item for item in items if item not in found]
    hands = [longest[hand::2] for hand in range(2)] if processes > 1 else [longest]
    dealt: list[pytest.Item] = []
    for process in range(processes):
        hand = hands[process] if process < len(hands) else []
        room = max(0, (len(items) - len(dealt)) // (processes - process) - len(hand))
        dealt += [*hand, *others[:room]]
        others = others[room:]
    return dealt


def pytest_unconfigure(config: pytest.Config) -> None:
    while _servers:
        _servers.pop().stop()
    while _homes:
        shutil.rmtree(_homes.pop(), ignore_errors=True)


def migrate(url: str) -> None:
    config = Config(str(ROOT / "migrations" / "alembic.ini"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


@pytest.fixture(scope="session")
def admin() -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["TEST_DATABASE_URL"], autocommit=True) as connection:
        yield connection


def url_of(database: str) -> str:
    return os.environ["TEST_DATABASE_URL"].rsplit("/", 1)[0] + "/" + database


@pytest.fixture(scope="session")
def template_db(admin: psycopg.Connection) -> Iterator[str]:
    """A migrated database that the tests' own are copied from."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    admin.execute(f'create database "{name}"')
    migrate(url_of(name))
    yield name
    admin.execute(f'drop database "{name}" with (force)')


@contextmanager
def a_database(admin: psycopg.Connection, template_db: str) -> Iterator[str]:
    """A migrated, empty database that is dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin.execute(f'create database "{name}" template "{template_db}" strategy file_copy')
    try:
        yield url_of(name)
    finally:
        admin.execute(f'drop database "{name}" with (force)')


@pytest.fixture(scope="session")
def house(admin: psycopg.Connection, template_db: str) -> Iterator[House]:
    with a_database(admin, template_db) as url, closing(House(url)) as house:
        yield house


@pytest.fixture
def db_url(request: pytest.FixtureRequest, admin: psycopg.Connection, template_db: str) -> Iterator[str]:
    """A migrated and empty database. Other processes see it too.

    One of this test's own where it starts processes, which may outlive it by a moment, or is marked `own_database`;
    else that of the test process, emptied.
    """
    if "start" in request.fixturenames or request.node.get_closest_marker("own_database"):
        with a_database(admin, template_db) as url:
            yield url
    else:
        house: House = request.getfixturevalue("house")
        house.empty()
        yield house.url


@pytest.fixture
def engine(db_url: str) -> Iterator[Engine]:
    with an_engine(db_url) as engine:
        yield engine


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """For looking: each question sees what is committed by then."""
    with Session(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        yield session


@pytest.fixture
def quittance(db_url: str, tmp_path: Path) -> Iterator[Quittance]:
    """The system in one process, without an API."""
    quittance = Quittance(db_url, tmp_path)
    yield quittance
    quittance.close()


@pytest.fixture
def broker_url() -> str:
    return os.environ["TEST_REDIS_URL"]


@pytest.fixture
def key_prefix() -> str:
    """Keeps this test's messages apart from the others' in the one broker."""
    return f"test-{uuid.uuid4().hex[:8]}-"


@pytest.fixture
def start(
    db_url: str, broker_url: str, key_prefix: str, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `python -m ...` as a process group of its own; killed at the end. Its output: tmp_path/<name>.log."""
    running: list[subprocess.Popen[bytes]] = []
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("QUITTANCE_")},
        "DATABASE_URL": db_url,
        "BROKER_URL": broker_url,
        "BROKER_KEY_PREFIX": key_prefix,
        "BROKER_VISIBILITY_TIMEOUT": "4",
        "BROKER_RESTORE_INTERVAL": "1",
        "WEBHOOK_CREDENTIALS": "chargebee:a-password-for-tests",
        "MAIL_URL": f"file://{tmp_path}/mail",
        "MAIL_FROM": "facturation@boreal.example",
        "MAIL_DOMAIN": "boreal.example",
        "MAIL_PER_DOMAIN": "0",
    }

    def go(*arguments: str, name: str = "process", **more: str) -> subprocess.Popen[bytes]:
        with open(tmp_path / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=environ | more,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        running.append(process)
        return process

    yield go
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """What a test, or a command that it runs in this process, sets about logs does not outlive it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def eventually(question: Callable[[], T], seconds: float = 30, every: float = 0.05) -> T:
    """Ask until the answer is true, and give it back; fail with the last answer when time is up."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"still {answer!r} after {seconds} s")
        time.sleep(every)
