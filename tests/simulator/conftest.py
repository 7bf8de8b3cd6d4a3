"""A site with one customer, and its API on a real loopback server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from chargebee import Chargebee
from werkzeug.serving import make_server

from simulator import Site
from simulator.http import create_app
from tests.simulator.receiver import Receiver, receiving

API_KEY = "test_key"


@pytest.fixture
def site() -> Site:
    site = Site(seed=7)
    site.create_customer(id="marie", company="Société Test1234", first_name="Marie", email="marie@test1234.example")
    return site


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """Where the site's API answers."""
    server = make_server("127.0.0.1", 0, create_app(site, api_key=API_KEY), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client_of(address: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Chargebee]:
    """The provider's own client, pointed at the site, with the key given."""
    monkeypatch.setattr(Chargebee, "verify_ca_certs", False)  # or it insists on https
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def client(key: str) -> Chargebee:
        made = Chargebee(api_key=key, site="boreal-test", protocol="http")
        made.env.api_endpoint = f"{address}/api/v2"
        return made

    return client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
