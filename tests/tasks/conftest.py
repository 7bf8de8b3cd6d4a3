"""What the tests of tasks share: the system with an API, which is the make-believe Chargebee over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from simulator import Site
from simulator.fixtures import ChargebeeApi
from tests.builders import JANUARY, Quittance


@pytest.fixture
def chargebee_site() -> Site:
    return Site(seed=7, now=JANUARY)


@pytest.fixture
def site(chargebee_site: Site) -> Site:
    return chargebee_site


@pytest.fixture
def with_api(db_url: str, tmp_path: Path, chargebee_api: ChargebeeApi) -> Iterator[Quittance]:
    """The system in one process, which may ask the make-believe Chargebee."""
    with _asking(chargebee_api, db_url, tmp_path) as quittance:
        yield quittance


@pytest.fixture
def sober_with_api(db_url: str, tmp_path: Path, chargebee_api: ChargebeeApi) -> Iterator[Quittance]:
    """As in production: what is older than seven days is history."""
    with _asking(chargebee_api, db_url, tmp_path, EFFECTS_HORIZON="7 days") as quittance:
        yield quittance


@contextmanager
def _asking(api: ChargebeeApi, db_url: str, directory: Path, **more: str) -> Iterator[Quittance]:
    where = {"CHARGEBEE_SITE": api.site_name, "CHARGEBEE_API_KEY": api.key, "CHARGEBEE_API_URL": api.url}
    with closing(Quittance(db_url, directory, **where, **more)) as quittance:
        yield quittance
