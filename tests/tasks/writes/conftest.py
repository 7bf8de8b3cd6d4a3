"""A site to write to, all that it told applied, and the stories of what is asked of it."""

from __future__ import annotations

import pytest

from simulator import Site
from tests.builders import Quittance
from tests.tasks.writing import STORIES, Asking, Story, a_site


@pytest.fixture
def chargebee_site() -> Site:
    return a_site()


@pytest.fixture
def quittance(with_api: Quittance, site: Site) -> Quittance:
    with_api.move_clock(site.now)
    with_api.take(*site.events)
    return with_api


@pytest.fixture
def asking(quittance: Quittance, site: Site) -> Asking:
    return Asking(quittance, site)


@pytest.fixture(params=STORIES)
def story(request: pytest.FixtureRequest, quittance: Quittance, site: Site) -> Story:
    found = STORIES[request.param]
    found.before(site)
    return found
