"""What the tests of tasks share: the system with an API, which is the make-believe Chargebee over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
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
    quittance = Quittance(
        db_url,
        tmp_path,
        CHARGEBEE_SITE=chargebee_api.site_name,
        CHARGEBEE_API_KEY=chargebee_api.key,
        CHARGEBEE_API_URL=chargebee_api.url,
    )
    yield quittance
    quittance.close()
