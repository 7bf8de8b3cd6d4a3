"""No question reads more rows than it needs, on a database with years of history: by what PostgreSQL says it did.

Every statement of the hot path, of the sweeps and of the lists is taken down as it is executed, then explained with
the same values. What a scan throws away is bounded by a constant, and by what it found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from bench import growth, years
from models.session import engine_for, transaction
from tasks import alerts, bounces, clock, inbox, reconcile, reminders
from tasks.world import Rules
from tests.builders import Quittance, a_customer, a_link, a_subscription, a_transaction, an_event, an_invoice
from worker.cli import followups

pytestmark = [pytest.mark.long, pytest.mark.own_database, pytest.mark.timeout(180)]
