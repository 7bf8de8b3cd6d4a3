"""Snapshots into mirror rows: the greater one stays. Commutative and idempotent: order and repetition do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gateway.events import Snapshot
from models import Base, CreditNote, Customer, Invoice, Subscription, Transaction
from models.base import MirrorRow

from .outbox import queue_call
from .registry import Change
from .world import MIRRORS, World

# What a kind of row keeps across snapshots because it is derived, not merged.
_DERIVED: dict[type[Base], dict[str, Any]] = {Subscription: {"seats": 0}}
_NOT_LIVE = frozenset({"cancelled", "transferred"})


def merge(world: World, snapshots: Iterable[Snapshot]) -> list[Change]:
    """Put each snapshot in its mirror row if it is greater than what stands there; the changes that this made."""
    changes = []
    for snapshot in _greatest_first(snapshots):
        model = MIRRORS[snapshot.kind]
        stored = world.get(model, snapshot.id)
        if stored is None:
            changes.append(_replace(world, model, None, snapshot))
            continue
        if snapshot.version < stored.version:  # the common case, told without a digest
            continue
        same = snapshot.digest == stored.digest
        tied = snapshot.version == stored.version and not same and snapshot.deleted == stored.deleted
        if tied and not snapshot.read:
            _ask_the_provider(world, snapshot)
        if snapshot.order > stored.order:
            if same and snapshot.version == stored.version:
                world.change(stored, tie_at=snapshot.tie_at)  # seen again later: it decides ties, it changes nothing
            else:
                changes.append(_replace(world, model, stored, snapshot))
    return changes


def subjects(world: World, changes: Iterable[Change]) -> list[tuple[Base, Change | None]]:
    """What is to be brought in line: each changed row, then what it touches, each once.

    A customer touches its open invoices and live subscriptions, a subscription its open invoices, a transaction its
    invoices, a credit note its invoice.
    """
    found: dict[int, tuple[Base, Change | None]] = {}
    changes = list(changes)
    for change in changes:
        found[id(change.after)] = (change.after, change)
    for change in changes:
        for row in _touched(world, change):
            found.setdefault(id(row), (row, None))
    return list(found.values())


def _touched(world: World, change: Change) -> Iterator[Base]:
    for row in (change.before, change.after):
        match row:
            case Customer():
                yield from (i for i in world.where(Invoice, customer_id=row.id) if _is_open(i))
                yield from (s for s in world.where(Subscription, customer_id=row.id) if s.status not in _NOT_LIVE)
            case Subscription():
                yield from (i for i in world.where(Invoice, subscription_id=row.id) if _is_open(i))
            case Transaction():
                for link in row.linked_invoices:
                    if invoice := world.get(Invoice, link["invoice_id"]):
                        yield invoice
            case CreditNote() if row.invoice_id and (invoice := world.get(Invoice, row.invoice_id)):
                yield invoice


def _is_open(invoice: Invoice) -> bool:
    return invoice.amount_due > 0 and not invoice.deleted


def _greatest_first(snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """One event may carry an object twice (`subscription` and `subscriptions`): the greatest goes first and stays."""
    by_object: dict[tuple[str, str], list[Snapshot]] = {}
    for snapshot in snapshots:
        by_object.setdefault((snapshot.kind, snapshot.id), []).append(snapshot)
    for same in by_object.values():
        if len(same) > 1:
            same.sort(key=lambda snapshot: snapshot.order, reverse=True)
        yield from same


def _replace(world: World, model: type[MirrorRow], stored: MirrorRow | None, snapshot: Snapshot) -> Change:
    derived = _DERIVED.get(model, {})
    kept = {name: getattr(stored, name) if stored else first for name, first in derived.items()}
    row = model(
        id=snapshot.id,
        version=snapshot.version,
        deleted=snapshot.deleted,
        tie_at=snapshot.tie_at,
        digest=snapshot.digest,
        snapshot=snapshot.body,
        **snapshot.fields,
        **kept,
    )
    world.put(row, stored)
    return Change(stored, row)


def _ask_the_provider(world: World, snapshot: Snapshot) -> None:
    """Two snapshots of one version differ, and no rule of ours can know which is true."""
    world.find(
        "tie",
        snapshot.kind,
        snapshot.id,
        f"two snapshots of {snapshot.kind} {snapshot.id} have version {snapshot.version} and differ; "
        + ("the API is asked" if world.rules.asks_the_api else "configure the API, or send a newer one from Chargebee"),
    )
    if world.rules.asks_the_api:
        queue_call(world, f"read_{snapshot.kind}", snapshot.id, revision=snapshot.version)
