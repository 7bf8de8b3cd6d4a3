"""What the tests of tasks share: the system with an API, which is the make-believe Chargebee over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask, Response, request
from werkzeug.serving import make_server

from simulator import Site
from simulator.http import create_app
from tests.builders import JANUARY, Quittance

API_KEY = "test_key"


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The URL under which an app answers, in a thread of its own."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site() -> Site:
    return Site(seed=7, now=JANUARY)


@pytest.fixture
def broken() -> set[str]:
    """Ends of paths that the make-believe Chargebee answers with 503: put one in to break it."""
    return set()


@pytest.fixture
def api_url(site: Site, broken: set[str]) -> Iterator[str]:
    app = create_app(site, api_key=API_KEY)

    @app.before_request
    def fail() -> Response | None:
        return Response(status=503) if request.path.endswith(tuple(broken)) else None

    with served(app) as url:
        yield url


@pytest.fixture
def with_api(db_url: str, tmp_path: Path, api_url: str) -> Iterator[Quittance]:
    """The system in one process, which may ask the make-believe Chargebee."""
    quittance = Quittance(
        db_url, tmp_path, CHARGEBEE_SITE="boreal-test", CHARGEBEE_API_KEY=API_KEY, CHARGEBEE_API_URL=api_url
    )
    yield quittance
    quittance.close()
