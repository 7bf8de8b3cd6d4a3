"""Sending bodies: what arrives, and what is said when it does not."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from simulator import Site
from simulator.webhooks import Sender, bytes_of
from tests.simulator.receiver import PASSWORD, USER, Receiver


@pytest.fixture
def sender(receiver: Receiver) -> Iterator[Sender]:
    with Sender(receiver.url, USER, PASSWORD) as sender:
        yield sender


@contextmanager
def answering(*answer: bytes) -> Iterator[str]:
    """A server that answers its one connection with these pieces, and with nothing more for as long as it lives."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1_000_000)
                for piece in answer:
                    connection.sendall(piece)
                if answer and answer[-1].endswith(b"bye"):
                    return
                over.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hooks"
        over.set()
        thread.join()


def test_an_event_arrives_as_json_with_the_password(receiver: Receiver, sender: Sender, site: Site) -> None:
    answer = sender.post(bytes_of(site.events[0]))
    assert answer.accepted and answer.status == 200
    assert receiver.bodies == [bytes_of(site.events[0])]
    assert receiver.headers[0]["Content-Type"] == "application/json"


def test_the_same_event_twice_is_the_same_bytes_over_the_same_connection(
    receiver: Receiver, sender: Sender, site: Site
) -> None:
    sender.post(bytes_of(site.events[0]))
    site.change_customer("marie", locale="en_CA")
    sender.post(bytes_of(site.events[0]))
    assert receiver.bodies[0] == receiver.bodies[1]
    assert receiver.connections == 1


@pytest.mark.parametrize("status", [302, 400, 500, 503])
def test_any_answer_but_2xx_is_a_failure_that_says_the_status(
    status: int, receiver: Receiver, sender: Sender, site: Site
) -> None:
    receiver.answers = [status]
    answer = sender.post(bytes_of(site.events[0]))
    assert not answer.accepted and (answer.status, answer.fault) == (status, f"{status} no")
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_is_a_success(status: int, receiver: Receiver, sender: Sender, site: Site) -> None:
    receiver.answers = [status]
    assert sender.post(bytes_of(site.events[0])).accepted


def test_a_wrong_password_is_a_failure_that_says_what_the_receiver_said(receiver: Receiver, sender: Sender) -> None:
    assert sender.post(b"{}", credentials_wrong=True).fault == "401 wrong password"
    assert receiver.bodies == []


def test_nobody_listening_is_a_failure_without_a_status(site: Site) -> None:
    with Sender("http://127.0.0.1:1/hooks", USER, "x") as sender:
        answer = sender.post(bytes_of(site.events[0]))
    assert answer.status is None and "Connection refused" in answer.fault and "127.0.0.1:1" in answer.fault


def test_a_receiver_that_does_not_answer_is_given_up_after_the_read_timeout() -> None:
    with answering() as url, Sender(url, USER, PASSWORD, read_timeout=0.05) as sender:
        answer = sender.post(b"{}")
    assert answer.status is None and "timed out" in answer.fault


def test_a_receiver_that_answers_bit_by_bit_is_given_up_after_the_total_timeout() -> None:
    with (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell") as url,
        Sender(url, USER, PASSWORD, total_timeout=0.05) as sender,
    ):
        answer = sender.post(b"{}")
    assert answer.status is None and "0.05 s in all" in answer.fault


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n", b"0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n\r\n", b"good bye"],
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"],
        [b"HTTP/1.0 204 No Content\r\n\r\n"],
    ],
    ids=["in chunks", "until it hangs up", "after asking for more", "without a body"],
)
def test_answers_of_every_form_are_read_to_their_end(pieces: list[bytes]) -> None:
    with answering(*pieces) as url, Sender(url, USER, PASSWORD) as sender:
        assert sender.post(b"{}").accepted


@pytest.mark.parametrize("piece", [b"bye", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbye"])
def test_an_answer_that_is_not_whole_is_none(piece: bytes) -> None:
    with answering(piece) as url, Sender(url, USER, PASSWORD) as sender:
        answer = sender.post(b"{}")
    assert answer.status is None and "before its answer was whole" in answer.fault


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"what?\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 fine\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", "ValueError"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_100_000, "longer than 1000000 bytes"),
    ],
    ids=["no HTTP", "no status", "no length", "without end"],
)
def test_an_answer_that_makes_no_sense_is_a_failure(answer: bytes, why: str) -> None:
    with answering(answer) as url, Sender(url, USER, PASSWORD) as sender:
        found = sender.post(b"{}")
    assert found.status is None and why in found.fault


def test_a_connection_that_the_receiver_has_closed_is_made_anew(receiver: Receiver, sender: Sender) -> None:
    receiver.hangs_up = True  # without saying so
    assert sender.post(b"{}").accepted
    select.select([sender._idle[0]], [], [], 10)  # until we have heard of it
    assert sender.post(b"{}").accepted
    assert receiver.connections == 2


def test_a_cut_body_never_arrives_whole(receiver: Receiver, sender: Sender, site: Site) -> None:
    answer = sender.post(bytes_of(site.events[0]), cut=True)
    assert (answer.status, answer.fault) == (None, "cut in the middle of the body")
    assert receiver.cut.acquire(timeout=10)
    assert receiver.bodies == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "127.0.0.1:8000/hooks", "http:///hooks"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="write http://host:port/path"):
        Sender(url, USER, PASSWORD)
