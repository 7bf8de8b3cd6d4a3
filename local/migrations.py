"""Whether the migrations go up, say what the models say, go down, and go up again: `python -m local.migrations`.

On an embedded PostgreSQL, or on a new database beside the one in TEST_DATABASE_URL.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from local.children import LocalError
from local.postgres import Postgres

ROOT = Path(__file__).resolve().parents[1]
STEPS = (["upgrade", "head"], ["check"], ["downgrade", "base"], ["upgrade", "head"])


@contextlib.contextmanager
def empty_database() -> Iterator[str]:
    """The URL of a database with nothing in it, gone afterwards."""
    server = os.environ.get("TEST_DATABASE_URL")
    if server:
        name = f"migrations_{secrets.token_hex(6)}"
        with psycopg.connect(server, autocommit=True) as connection:
            quoted = psycopg.sql.Identifier(name)
            connection.execute(psycopg.sql.SQL("create database {}").format(quoted))
            try:
                yield urlsplit(server)._replace(path=f"/{name}").geturl()
            finally:
                connection.execute(psycopg.sql.SQL("drop database {} with (force)").format(quoted))
        return
    with tempfile.TemporaryDirectory(prefix="quittance-migrations-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may run as another user
        postgres = Postgres(Path(folder) / "postgres", durable=False).start()
        try:
            postgres.create_database("migrations")
            yield postgres.dsn("migrations")
        finally:
            postgres.stop()


def main() -> int:
    """Run the steps; the exit code of the first that fails."""
    try:
        with empty_database() as url:
            for step in STEPS:
                print(f"alembic {' '.join(step)}", flush=True)
                command = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", *step]
                code = subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}).returncode
                if code:
                    return code
    except LocalError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
