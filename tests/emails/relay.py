"""A mail relay that follows a script: it answers, refuses, stalls or hangs up at the step that a test names."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from types import TracebackType

CUT = "cut"  # hang up instead of answering
WAIT = "wait"  # answer as usual, once `go_on` is set
STALL = "stall"  # answer nothing, and keep the connection open
TAKEN = "taken"  # at the dot: take the message, then hang up without a word
DRIP = "drip"  # a byte of an endless answer now and then

ANSWERS = {
    "greeting": "220 relay.example ready",
    "EHLO": "250-relay.example\r\n250-SIZE 1000000\r\n250 AUTH PLAIN",
    "HELO": "250 relay.example",
    "STARTTLS": "220 go on",
    "AUTH": "235 welcome",
    "MAIL": "250 sender ok",
    "RCPT": "250 recipient ok",
    "DATA": "354 go on",
    "dot": "250 2.0.0 queued as 4F2A",
    "QUIT": "221 bye",
}


@dataclass
class Relay:
    """Serves connections one after the other, each by the same script: a step's name to an answer, or one of the above.

    A step is "greeting", a command, "dot" or "after dot". `cut_in_body`: hang up after so many bytes of a message.
    `messages` are those that it took; `dots` counts final dots seen, answered or not. `nobody` has no mailbox here.
    """

    script: Mapping[str, str] = field(default_factory=dict)
    cut_in_body: int | None = None
    tls: ssl.SSLContext | None = None
    tls_from_the_start: bool = False
    nobody: str | None = None
    messages: list[bytes] = field(default_factory=list)
    dots: int = 0
    heard: list[str] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Relay:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # a large message does not fit in transit
        self._stop = threading.Event()
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self.go_on.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def take(self, message: bytes) -> None:
        self.messages.append(message)

    def settle(self) -> None:
        """Return when every connection that was made before this call has been served."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            line.sendall(b"QUIT\r\n")
            while line.recv(1000):
                pass

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.tls_from_the_start and self.tls:
                    connection = self.tls.wrap_socket(connection, server_side=True)
                with closing(_Conversation(self, connection)) as conversation:
                    conversation.hold()
            except (OSError, EOFError):
                connection.close()


@dataclass
class _Conversation:
    relay: Relay
    connection: socket.socket

    def hold(self) -> None:
        self.received = b""
        self.tell("greeting")
        while True:
            line = self.line()
            self.relay.heard.append(line.decode())
            word = line.split()[0].decode().upper()
            if word == "RCPT" and self.relay.nobody and self.relay.nobody in line.decode():
                self.connection.sendall(b"550 5.1.1 no such mailbox\r\n")
                continue
            self.tell(word)
            if word == "STARTTLS" and self.relay.tls:
                self.connection = self.relay.tls.wrap_socket(self.connection, server_side=True)
            if word == "DATA" and self.answer_to(word).startswith("354"):
                message = self.body()
                self.relay.dots += 1
                if self.answer_to("dot").startswith(("250", TAKEN, WAIT)):
                    self.relay.take(message)
                self.tell("dot")
                if self.relay.script.get("after dot") == CUT:
                    raise EOFError
            if word == "QUIT":
                raise EOFError

    def close(self) -> None:
        self.connection.close()

    def answer_to(self, step: str) -> str:
        return self.relay.script.get(step, ANSWERS.get(step, "500 what?"))

    def tell(self, step: str) -> None:
        answer = self.answer_to(step)
        if answer == WAIT:
            self.relay.go_on.wait()
            answer = ANSWERS[step]
        if answer in (CUT, TAKEN):
            raise EOFError
        if answer == STALL:
            self.relay._stop.wait()
            raise EOFError
        while answer == DRIP and not self.relay._stop.wait(0.05):
            self.connection.sendall(b"2")
        self.connection.sendall(answer.encode() + b"\r\n")

    def line(self) -> bytes:
        while b"\r\n" not in self.received:
            self.more()
        line, self.received = self.received.split(b"\r\n", 1)
        return line

    def body(self) -> bytes:
        while not self.received.endswith(b"\r\n.\r\n"):
            if self.relay.cut_in_body is not None and len(self.received) >= self.relay.cut_in_body:
                raise EOFError
            self.more()
        body, self.received = self.received, b""
        return body

    def more(self) -> None:
        got = self.connection.recv(1000)
        if not got:
            raise EOFError
        self.received += got
