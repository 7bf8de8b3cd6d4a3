"""Sending events to a receiver, as Chargebee does: HTTP POST, JSON, basic auth.

One attempt a call; whether there is another is the caller's to decide.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import TracebackType

import httpx

from .state import Body


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt to send an event. `status` is None when there was no answer at all."""

    event_id: str
    status: int | None
    fault: str = ""

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    def __str__(self) -> str:
        if self.accepted:
            return f"event {self.event_id} was accepted with {self.status}"
        return f"event {self.event_id} was not accepted: {self.fault or self.status}"


def bytes_of(event: Body) -> bytes:
    """The body of a delivery: the same event gives the same bytes, however often it is sent."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


class Sender:
    """Posts events to one webhook address, over one connection kept open. A redirect counts as a failure."""

    def __init__(
        self, url: str, user: str, password: str, *, connect_timeout: float = 10, read_timeout: float = 20
    ) -> None:
        self.url = url
        self._client = httpx.Client(
            auth=httpx.BasicAuth(user, password),
            headers={"Content-Type": "application/json", "User-Agent": "Chargebee-Webhooks"},
            timeout=httpx.Timeout(read_timeout, connect=connect_timeout),
            trust_env=False,  # a receiver on this machine is never behind the proxy of the environment
        )

    def send(self, event: Body) -> Attempt:
        """Post one event. Never raises for what the network or the receiver does: the attempt says it."""
        return self.send_bytes(bytes_of(event), event_id=event["id"])

    def send_bytes(self, body: bytes, *, event_id: str = "?") -> Attempt:
        """Post these very bytes, for those who send broken or altered bodies."""
        try:
            answer = self._client.post(self.url, content=body)
        except httpx.HTTPError as fault:
            return Attempt(event_id, None, f"{type(fault).__name__}: {fault} ({self.url})")
        fault_text = "" if answer.is_success else f"{answer.status_code} {answer.text[:200]}".strip()
        return Attempt(event_id, answer.status_code, fault_text)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
