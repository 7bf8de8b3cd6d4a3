"""How Alembic reaches the database: DATABASE_URL, no statement limit, and a short wait for locks.

A migration that waits for a lock makes every query behind it wait too, so it gives up after two seconds and tries
again, a minute long.
"""

from __future__ import annotations

import os
import time

from alembic import context
from sqlalchemy import create_engine, pool
from sqlalchemy.exc import OperationalError

from models import Base


def run() -> None:
    url = context.config.attributes.get("url") or os.environ["DATABASE_URL"]
    _, _, rest = url.partition("://")
    engine = create_engine(
        f"postgresql+psycopg://{rest}",
        poolclass=pool.NullPool,
        connect_args={
            "options": "-c lock_timeout=2s -c statement_timeout=0",
            "application_name": "quittance migrations",
        },
    )
    for attempt in range(30):
        try:
            with engine.connect() as connection:
                context.configure(
                    connection=connection,
                    target_metadata=Base.metadata,
                    transaction_per_migration=True,
                    compare_server_default=False,
                )
                with context.begin_transaction():
                    context.run_migrations()
            return
        except OperationalError as failure:
            locked = getattr(failure.orig, "sqlstate", None) == "55P03"
            if not locked or attempt == 29:
                raise
            time.sleep(2)


run()
