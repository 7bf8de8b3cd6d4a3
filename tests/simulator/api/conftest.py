"""The API asked without a server: what is sent and answered, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from simulator import Site
from simulator.api.faults import Faults
from simulator.api.traffic import Customers, Limits
from simulator.http import create_app

Ask = Callable[..., TestResponse]


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def customers(site: Site) -> Customers:
    return Customers(site.seed)


@pytest.fixture
def faults(site: Site) -> Faults:
    return Faults(site.seed)


@pytest.fixture
def app(site: Site, limits: Limits, customers: Customers, faults: Faults) -> Flask:
    app = create_app(site, api_key="test_key", limits=limits, customers=customers, faults=faults)
    app.testing = True  # a mistake of ours is raised, not answered
    return app


@pytest.fixture
def ask(app: Flask) -> Ask:
    """Ask the API: `ask("POST", "/comments", {"notes": ..})`, with further headers after it."""

    def ask(method: str, path: str, given: Any = None, **headers: str) -> TestResponse:
        form = {"data": given} if method == "POST" else {"query_string": given or {}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return app.test_client().open(f"/api/v2{path}", method=method, auth=("test_key", ""), headers=named, **form)

    return ask
