"""Fixtures for pytest: a make-believe Chargebee for the tests of whatever talks to one.

In a conftest.py: pytest_plugins = ["simulator.fixtures"]. A test that wants another site to begin with has a
`chargebee_site` of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .server import serving
from .simulation import Simulation
from .site import Site

if TYPE_CHECKING:
    from chargebee import Chargebee

    from .api.faults import Faults
    from .api.traffic import Limits


@dataclass(frozen=True, slots=True)
class ChargebeeApi:
    """Where a site's API answers, and what its calls can be made to suffer."""

    url: str  # without /api/v2
    site_name: str
    key: str
    faults: Faults
    limits: Limits


@pytest.fixture
def chargebee_site() -> Site:
    """A site that nobody has bought anything on; the same in every test, to the byte."""
    return Site(seed=7)


@pytest.fixture
def chargebee_api(
    chargebee_site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChargebeeApi]:
    """The API of the site on a real loopback connection, with the limits of a test site."""
    from .api.faults import Faults
    from .api.traffic import Limits
    from .http import create_app

    without_certificates(monkeypatch, tmp_path_factory.mktemp("no-certificates"))
    faults, limits = Faults(chargebee_site.seed), Limits()
    name, key = "boreal-test", "test_key"
    with serving(create_app(chargebee_site, site_name=name, api_key=key, limits=limits, faults=faults)) as url:
        yield ChargebeeApi(url, name, key, faults, limits)
        faults.clear()  # who waits for an answer is let go of


@pytest.fixture
def chargebee_connect(
    chargebee_api: ChargebeeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], Chargebee]:
    """Makes the provider's own client, pointed at the site, with the key given."""
    return lambda key: client_of(chargebee_api.url, key, monkeypatch, tmp_path)


def client_of(url: str, key: str, patch: pytest.MonkeyPatch, no_certificates: Path) -> Chargebee:
    """The provider's own client, pointed at a loopback address; the folder has no certificates in it."""
    from chargebee import Chargebee

    patch.setattr(Chargebee, "verify_ca_certs", False)  # or it insists on https
    patch.setenv("NO_PROXY", "127.0.0.1")
    without_certificates(patch, no_certificates)
    client = Chargebee(api_key=key, site="boreal-test", protocol="http")
    client.env.api_endpoint = f"{url}/api/v2"
    return client


def without_certificates(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have the provider's own client find no certificates but those in this empty folder.

    It reads those of the whole machine for every call, which over plain http is nothing but slow.
    """
    patch.delenv("SSL_CERT_FILE", raising=False)
    patch.setenv("SSL_CERT_DIR", str(folder))


@pytest.fixture
def chargebee_client(chargebee_api: ChargebeeApi, chargebee_connect: Callable[[str], Chargebee]) -> Chargebee:
    """The provider's own client, pointed at the site."""
    return chargebee_connect(chargebee_api.key)


@pytest.fixture
def chargebee_simulation(chargebee_site: Site) -> Iterator[Simulation]:
    """The site with its clock and its webhooks: set `endpoints`, then `send_due` or `advance`."""
    with Simulation(chargebee_site) as simulation:
        yield simulation
