"""What a mail said, as JSON: kept with its outbox row, so that it can be shown again, in the other language too.

Amounts and dates are those of the moment of sending. Who sells and where money goes are not kept: an old mail that is
opened again must not send money to an account that was closed since.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from billing.errors import NeedsAttention

from . import kinds
from .kinds import AnyKind


@dataclass(frozen=True, slots=True)
class Said:
    """The kind of a mail and its context; `invoice_id` is the invoice whose PDF it links to."""

    kind: AnyKind
    context: Any
    invoice_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """A document that `read` understands, in this version and in later ones."""
        return {
            "kind": self.kind.name,
            "context": _adapter(self.kind).dump_python(self.context, mode="json"),
            "invoice_id": self.invoice_id,
        }


def read(document: dict[str, Any]) -> Said | None:
    """What the document says; None where this version no longer has the kind, or its context needs other values."""
    try:
        kind = kinds.named(document["kind"])
        context = _adapter(kind).validate_python(document["context"])
    except (KeyError, ValidationError, NeedsAttention):
        return None
    return Said(kind, context, document.get("invoice_id"))


@lru_cache(maxsize=64)
def _adapter(kind: AnyKind) -> TypeAdapter[Any]:
    return TypeAdapter(kind.context)
