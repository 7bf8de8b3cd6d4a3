"""Who gets a mail: the customer's own address and contacts, or one of the merchant's teams; and who does not want it.

Each recipient has a row of their own, so that what becomes of one mail says nothing of another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from emails import kinds
from emails.kinds import Kind
from models import AuditEntry, Customer, DeadAddress, OptOut


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    first_name: str | None = None


def recipients_of(customer: Customer, audience: str) -> list[Recipient]:
    """Those at a customer who get mail of this audience: their own address first, each address once.

    The owner is whoever the customer's own address belongs to; where there is none, the first contact.
    """
    own = [Recipient(customer.email, customer.first_name)] if customer.email else []
    contacts = [Recipient(each["email"], each["first_name"]) for each in customer.contacts if each["email"]]
    return _each_once(own or contacts[:1] if audience == "owner" else own + contacts)


def team(addresses: Iterable[str]) -> list[Recipient]:
    """A team of the merchant's own, each address once."""
    return _each_once(Recipient(address) for address in addresses)


def _each_once(found: Iterable[Recipient]) -> list[Recipient]:
    once: dict[str, Recipient] = {}
    for each in found:
        once.setdefault(plain(each.address), each)
    return list(once.values())


def plain(address: str) -> str:
    """An address as it is compared and kept: people and servers disagree about capitals."""
    return address.strip().casefold()


def objection(session: Session, customer_id: str | None, address: str, kind: Kind[Any]) -> str | None:
    """Why this mail is not sent to this address; None: it is."""
    dead = session.scalar(select(DeadAddress).where(DeadAddress.address == plain(address)))
    if dead:
        return f"mail to this address came back (address {dead.id}); correct it in Chargebee, or clear the mark"
    if kind.optional and customer_id and session.get(OptOut, (customer_id, plain(address), kind.name)):
        return "its reader turned these mails off"
    return None


# ---- mail that a reader turned off -----------------------------------------------------------------------------------


def opt_outs(session: Session, customer_id: str, address: str) -> frozenset[str]:
    """The kinds of mail that this reader turned off."""
    off = select(OptOut.kind).where(OptOut.customer_id == customer_id, OptOut.address == plain(address))
    return frozenset(session.scalars(off))


def set_opt_out(session: Session, customer_id: str, address: str, kind: str, off: bool, by: str) -> bool:
    """Turn a kind of mail off, or on again, for one reader; False if it was so already.

    Raises:
        ValueError: no such kind, or one that is always sent.
    """
    if kind not in optional_kinds():
        raise ValueError(f"{kind} cannot be turned off; these can: {', '.join(optional_kinds())}")
    row = {"customer_id": customer_id, "address": plain(address), "kind": kind}
    if off:
        turn = insert(OptOut).values(row | {"turned_off_by": by}).on_conflict_do_nothing()
        changed = session.execute(turn.returning(OptOut.kind)).first() is not None
    else:
        these = [getattr(OptOut, name) == value for name, value in row.items()]
        changed = session.execute(delete(OptOut).where(*these).returning(OptOut.kind)).first() is not None
    if changed:
        session.add(
            AuditEntry(
                actor=by,
                object_type="opt_outs",
                object_id=customer_id,
                before={"kind": kind, "off": not off},
                after={"kind": kind, "off": off},
            )
        )
    return changed


def optional_kinds() -> tuple[str, ...]:
    """The kinds that a reader may turn off."""
    return tuple(kind.name for kind in kinds.ALL if kind.optional)
