"""A stack of real processes for each test, and servers of the test's own that it may kill."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from local.postgres import Postgres
from local.valkey import Valkey
from tests.builders import Quittance
from tests.conftest import migrate
from tests.crash.stack import Stack


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows the last that each of its processes said."""
    report = yield
    if report.failed and isinstance(folder := getattr(item, "funcargs", {}).get("tmp_path"), Path):
        for log in sorted(folder.glob("*.log")):
            report.sections.append((log.name, "\n".join(log.read_text().splitlines()[-60:])))
    return report


@pytest.fixture
def stack(
    start: Callable[..., subprocess.Popen[bytes]], db_url: str, broker_url: str, key_prefix: str, tmp_path: Path
) -> Stack:
    return Stack(start, db_url, tmp_path, BROKER_URL=broker_url, BROKER_KEY_PREFIX=key_prefix)


@pytest.fixture
def door(stack: Stack, tmp_path: Path) -> Iterator[Quittance]:
    """The receiver in this process: the same insert without HTTP. Nobody is rung."""
    door = Quittance(stack.db_url, tmp_path)
    yield door
    door.close()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A broker of the test's own. Killed, it has forgotten everything when it comes back."""
    valkey = Valkey(tmp_path / "valkey", durable=False).start()
    yield valkey
    valkey.stop()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, with a migrated database `q`. Killed, it has what it had committed."""
    home = Path(tempfile.mkdtemp(prefix="quittance-crash-"))
    home.chmod(0o755)  # as root the server runs as nobody, who must be able to walk there
    postgres = Postgres(home / "server", durable=True).start()
    postgres.create_database("q")
    migrate(postgres.dsn("q"))
    yield postgres
    postgres.stop()
    shutil.rmtree(home)
