"""The kinds of e-mail, one small declaration each. The words are in templates/<name>/, the values in contexts.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from . import samples
from .contexts import CancellationRemovedContext, CancellationScheduledContext, CancelledContext, InvoiceContext

Context = TypeVar("Context")


@dataclass(frozen=True)
class Kind(Generic[Context]):
    """A kind of e-mail.

    `audience` says which of a customer's contacts get it, `reply_to` which of our teams answers. An `optional` kind may
    be turned off by the customer. `samples` are named contexts for previews and tests.
    """

    name: str
    context: type[Context]
    category: Literal["billing", "subscription"]
    audience: Literal["billing", "owner"]
    reply_to: Literal["finance", "support"]
    optional: bool = False
    samples: Mapping[str, Context] = field(default_factory=dict, compare=False, repr=False)


invoice = Kind(
    "invoice",
    InvoiceContext,
    category="billing",
    audience="billing",
    reply_to="finance",
    samples=samples.INVOICE,
)
cancellation_scheduled = Kind(
    "cancellation_scheduled",
    CancellationScheduledContext,
    category="subscription",
    audience="owner",
    reply_to="support",
    samples=samples.CANCELLATION_SCHEDULED,
)
cancellation_removed = Kind(
    "cancellation_removed",
    CancellationRemovedContext,
    category="subscription",
    audience="owner",
    reply_to="support",
    samples=samples.CANCELLATION_REMOVED,
)
cancelled = Kind(
    "cancelled",
    CancelledContext,
    category="subscription",
    audience="owner",
    reply_to="support",
    samples=samples.CANCELLED,
)

AnyKind = Kind[Any]

ALL: tuple[AnyKind, ...] = (invoice, cancellation_scheduled, cancellation_removed, cancelled)
_BY_NAME = {kind.name: kind for kind in ALL}


def named(name: str) -> AnyKind:
    """The kind of that name; KeyError for a name that is none."""
    return _BY_NAME[name]
