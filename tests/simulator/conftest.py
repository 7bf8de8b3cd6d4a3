"""A site with one customer; its API and its webhooks by the fixtures that everybody has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chargebee import Chargebee

from simulator import Simulation, Site
from simulator.fixtures import ChargebeeApi
from tests.simulator.receiver import Receiver, receiving


@pytest.fixture
def site() -> Site:
    site = Site(seed=7)
    site.create_customer(id="marie", company="Société Test1234", first_name="Marie", email="marie@test1234.example")
    return site


@pytest.fixture
def chargebee_site(site: Site) -> Site:
    return site


@pytest.fixture
def address(chargebee_api: ChargebeeApi) -> str:
    """Where the site's API answers."""
    return chargebee_api.url


@pytest.fixture
def client(chargebee_client: Chargebee) -> Chargebee:
    return chargebee_client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def simulation(chargebee_simulation: Simulation, receiver: Receiver) -> Simulation:
    """The site, with a receiver of its events."""
    chargebee_simulation.endpoints = (receiver.endpoint(),)
    return chargebee_simulation
