"""The receiver over a database of the test's own, in this process or as the server that production runs."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator

import psycopg
import pytest
from flask.testing import FlaskClient

from tests.conftest import eventually
from tests.webhooks.calls import CREDENTIALS, Answer, Call, over_a_socket, through_wsgi
from webhooks.app import create_app
from worker.settings import Settings


@pytest.fixture
def environ(db_url: str, broker_url: str, key_prefix: str) -> dict[str, str]:
    return {
        "DATABASE_URL": db_url,
        "BROKER_URL": broker_url,
        "BROKER_KEY_PREFIX": key_prefix,
        "WEBHOOK_CREDENTIALS": CREDENTIALS,
    }


@pytest.fixture
def make_client() -> Iterator[Callable[[dict[str, str]], FlaskClient]]:
    """A receiver with these settings; its doorbell and its connections are closed at the end."""
    apps = []

    def make(environ: dict[str, str]) -> FlaskClient:
        app = create_app(Settings.read(environ))
        apps.append(app)
        return app.test_client()

    yield make
    for app in apps:
        app.extensions["doorbell"].close()
        app.extensions["store"].close()


@pytest.fixture
def client(make_client: Callable[[dict[str, str]], FlaskClient], environ: dict[str, str]) -> FlaskClient:
    return make_client(environ)


@pytest.fixture
def send(client: FlaskClient) -> Callable[[Call], Answer]:
    return lambda call: through_wsgi(client, call)


@pytest.fixture
def db(db_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(db_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def serve(start: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., int]:
    """Start a receiver as production does, with these settings; the port it listens on."""

    def serve(**environ: str) -> int:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        start(
            *("granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", "1", "--blocking-threads", "4", "webhooks.wsgi:app"),
            name="receiver",
            **{"WEBHOOK_CREDENTIALS": CREDENTIALS} | environ,
        )

        def healthy() -> bool:
            try:
                answer = over_a_socket(port, Call(b"", "GET", "/healthz"))
            except OSError:
                return False
            return answer is not None and answer.status == 200

        eventually(healthy)
        return port

    return serve


@pytest.fixture
def port(serve: Callable[..., int]) -> int:
    return serve()
