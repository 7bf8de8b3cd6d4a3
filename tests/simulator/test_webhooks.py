"""Sending events: what arrives, and what is said when it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask, Response, request
from werkzeug.serving import make_server

from simulator import Site
from simulator.webhooks import Sender, bytes_of


@dataclass
class Receiver:
    address: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    seen = Receiver()
    app = Flask("receiver")

    @app.post("/hooks")
    def take() -> Response:
        given = request.authorization
        if given is None or (given.username, given.password) != ("chargebee", "open:sesame"):
            return Response("wrong password", 401)
        seen.bodies.append(request.get_data())
        seen.headers.append(dict(request.headers))
        return Response("no", seen.status, headers={"Location": "/hooks"} if seen.status == 302 else {})

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    seen.address = f"http://127.0.0.1:{server.port}/hooks"
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_event_arrives_as_json_with_the_password(receiver: Receiver, site: Site) -> None:
    with Sender(receiver.address, "chargebee", "open:sesame") as sender:
        attempt = sender.send(site.events[0])
    assert attempt.accepted and attempt.status == 200
    assert receiver.bodies == [bytes_of(site.events[0])]
    assert receiver.headers[0]["Content-Type"] == "application/json"


def test_the_same_event_twice_is_the_same_bytes(receiver: Receiver, site: Site) -> None:
    with Sender(receiver.address, "chargebee", "open:sesame") as sender:
        sender.send(site.events[0])
        site.change_customer("marie", locale="en_CA")
        sender.send(site.events[0])
    assert receiver.bodies[0] == receiver.bodies[1]


@pytest.mark.parametrize("status", [302, 400, 500, 503])
def test_any_answer_but_2xx_is_a_failure_that_says_the_status(status: int, receiver: Receiver, site: Site) -> None:
    receiver.status = status
    with Sender(receiver.address, "chargebee", "open:sesame") as sender:
        attempt = sender.send(site.events[0])
    assert not attempt.accepted and attempt.status == status and str(status) in str(attempt)
    assert len(receiver.bodies) == 1


def test_a_wrong_password_is_a_failure_that_says_what_the_receiver_said(receiver: Receiver, site: Site) -> None:
    with Sender(receiver.address, "chargebee", "wrong") as sender:
        assert sender.send(site.events[0]).fault == "401 wrong password"


def test_nobody_listening_is_a_failure_without_a_status(receiver: Receiver, site: Site) -> None:
    with Sender("http://127.0.0.1:1/hooks", "chargebee", "x") as sender:
        attempt = sender.send(site.events[0])
    assert attempt.status is None and "ConnectError" in str(attempt)
