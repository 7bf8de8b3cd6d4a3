"""A server of a run's own, with a migrated database for each of its processes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.postgres import Postgres
from tests.conftest import migrate


@contextmanager
def databases(count: int) -> Iterator[list[tuple[str, str]]]:
    """So many databases, and a folder for what the process of each writes."""
    home = Path(tempfile.mkdtemp(prefix="quittance-chaos-"))
    home.chmod(0o755)  # as root the server runs as nobody, who must be able to walk there
    postgres = Postgres(home / "postgres", durable=False).start()
    try:
        for number in range(count):
            postgres.create_database(f"q{number}")
            migrate(postgres.dsn(f"q{number}"))
            (home / f"files{number}").mkdir()
        yield [(postgres.dsn(f"q{number}"), str(home / f"files{number}")) for number in range(count)]
    finally:
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)
