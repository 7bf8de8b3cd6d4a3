"""What every write to Chargebee is made of, whatever it is about.

A write is a value that says what must be true in the end and what was seen when that was decided. It reads, and names
the next call that is still needed; None: it is so. A call whose outcome nobody knows is thereby never repeated blindly:
whoever takes the write up again reads first.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from .client import Gateway

Raw = dict[str, Any]  # an object as Chargebee sends it
State = TypeVar("State")

KEY_LENGTH = 100  # of an idempotency key, as Chargebee takes it


class Call(NamedTuple):
    """One call that changes something: `resource.action(id, params)` of the SDK."""

    resource: str
    action: str
    id: str
    params: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.action.replace('_', ' ')} of {self.resource.replace('_', ' ')} {self.id}"

    def key(self, intent: str, refusals: int = 0) -> str:
        """The idempotency key of this call for an intent: the same call has the same, another one another.

        A refusal is an answer too, and may be kept under the key: whoever asks again after it needs a new one.
        """
        digest = hashlib.sha256(json.dumps([self, refusals], sort_keys=True).encode()).hexdigest()[:12]
        if len(intent) + 1 + len(digest) > KEY_LENGTH:
            intent = hashlib.sha256(intent.encode()).hexdigest()
        return f"{intent}.{digest}"


@dataclass(frozen=True, slots=True)
class Live(Generic[State]):
    """What was read: the objects, for the mirror, and what of them decides."""

    content: list[Raw]  # each as the content of an event
    state: State


class Write(Protocol):
    """Something that must be true in Chargebee. A frozen dataclass: its fields are the payload of the intent's row."""

    about: ClassVar[str]  # the kind of object whose id it has

    @property
    def id(self) -> str: ...

    def read(self, gateway: Gateway) -> Live[Any]:
        """How things stand now."""

    def next_call(self, state: Any) -> Call | None:
        """The call that is needed next; None: it is so."""

    def objection(self, state: Any, *, begun: bool, now: datetime) -> str | None:
        """Why no further call may be made: somebody changed meanwhile what the decision was based on.

        `begun` says that a call of ours was begun, and may have been carried out.
        """

    def half_done(self, state: Any) -> str | None:
        """What is wrong in Chargebee if it stays as it is, and how to mend it; None: nothing is."""
