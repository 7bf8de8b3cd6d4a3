"""A mail server for many at once that has moods: it refuses mail or hangs up, at any point of a dialogue."""

from __future__ import annotations

import random
import re
import socket
import threading
import time
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


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation that came as far as a recipient who was taken: from there on a mail may be leaving."""

    reader: str
    id: str | None  # the Message-ID; None: no head of a message came
    at: float  # when the last word of the visitor came, by the monotonic clock
    unanswered: bool  # this server hung up where its answer to a message was due


@dataclass
class PostOffice(Relay):
    """Keeps the Message-ID and the recipient of what it took. `moody` is the part of conversations that go wrong."""

    seed: int = 1
    moody: float = 0.0
    taken: list[tuple[str, str]] = field(default_factory=list)
    dialogues: list[Dialogue] = field(default_factory=list)

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
        with suppress(OSError, EOFError), closing(_Remembered(visit, connection)) as conversation:
            conversation.hold()
        if dialogue := conversation.told():
            self.dialogues.append(dialogue)


@dataclass
class _Remembered(_Conversation):
    """A conversation that knows afterwards how far it came."""

    at: float = 0.0
    message: bytes = b""
    is_whole: bool = False  # the dot came

    def more(self) -> None:
        super().more()
        self.at = time.monotonic()

    def body(self) -> bytes:
        try:
            self.message = super().body()
            self.is_whole = True
        finally:
            self.message = self.message or self.received
        return self.message

    def told(self) -> Dialogue | None:
        readers = [said for line in self.relay.heard if (said := re.match("RCPT TO:<(.*?)>", line, re.IGNORECASE))]
        if not readers or not self.answer_to("RCPT").startswith("250"):
            return None
        head = message_from_bytes(self.message) if b"\r\n\r\n" in self.message else {}
        limit = self.relay.cut_in_body
        cut = limit is not None and not self.is_whole and len(self.message) >= limit
        unanswered = self.is_whole and self.answer_to("dot") in (CUT, TAKEN)
        return Dialogue(readers[-1][1], head["Message-ID"] if head else None, self.at, cut or unanswered)
