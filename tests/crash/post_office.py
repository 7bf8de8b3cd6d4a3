"""A mail server for many at once that has moods: it refuses mail or hangs up, at any point of a dialogue."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from typing import Any

from tests.emails.relay import CUT, TAKEN, Relay, _Conversation

_BUSY = "451 4.3.2 come back later"
# What it does in one conversation. After the dot and before the answer nobody can know whether the mail was taken.
MOODS: tuple[dict[str, Any], ...] = (
    {"script": {"greeting": CUT}},
    {"script": {"greeting": "421 4.3.2 not now"}},
    {"script": {"EHLO": CUT}},
    {"script": {"MAIL": CUT}},
    {"script": {"MAIL": _BUSY}},
    {"script": {"RCPT": CUT}},
    {"script": {"RCPT": _BUSY}},
    {"script": {"DATA": CUT}},
    {"script": {"DATA": _BUSY}},
    {"cut_in_body": 500},
    {"script": {"dot": CUT}},
    {"script": {"dot": TAKEN}},
    {"script": {"dot": _BUSY}},
    {"script": {"after dot": CUT}},
    {"script": {"QUIT": CUT}},
)


@dataclass
class PostOffice(Relay):
    """Keeps the Message-ID and the recipient of what it took. `moody` is the part of conversations that go wrong."""

    seed: int = 1
    moody: float = 0.0
    taken: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(f"{self.seed} moods")

    def take(self, message: bytes) -> None:
        head = message_from_bytes(message)
        self.taken.append((str(head["Message-ID"]), str(head["To"])))

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(120)  # of a worker that is frozen, or of one whose end nobody told
            mood = self._dice.choice(MOODS) if self._dice.random() < self.moody else {}
            threading.Thread(target=self._talk, args=(connection, mood), daemon=True).start()

    def _talk(self, connection: socket.socket, mood: dict[str, Any]) -> None:
        visit = replace(self, heard=[], **mood)  # one visitor's post office; `taken` is everybody's
        visit._stop = self._stop
        with suppress(OSError, EOFError), closing(_Conversation(visit, connection)) as conversation:
            conversation.hold()
