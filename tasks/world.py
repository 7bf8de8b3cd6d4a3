"""The rows that a batch of events can touch: locked, read at once, changed in memory, written at once.

Lock what you read, then read it: a row that was read before its customer's lock was taken may be stale. Every change
goes through add(), put(), change() or remove(), which keep a journal, so that an event that is refused leaves nothing.
Derivations read this world and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    CursorResult,
    Table,
    Text,
    any_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from gateway.events import EPOCH, Snapshot
from models import (
    AuditEntry,
    Base,
    Cancellation,
    CreditNote,
    Customer,
    Finding,
    Followup,
    FollowupEntry,
    Invoice,
    OutboxRow,
    Payment,
    PaymentApplication,
    PaymentSource,
    SeatEntry,
    Subscription,
    SubscriptionItem,
    Transaction,
)
from models.base import MirrorRow

from . import findings

Row = TypeVar("Row", bound=Base)

MIRRORS: dict[str, type[MirrorRow]] = {
    "customer": Customer,
    "subscription": Subscription,
    "invoice": Invoice,
    "transaction": Transaction,
    "credit_note": CreditNote,
    "payment_source": PaymentSource,
}
OVERTAKEN = "what it says no longer holds"


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that derivations ask for."""

    zone: str = "America/Toronto"
    seat_item_prices: frozenset[str] = frozenset()
    effects_horizon: timedelta = timedelta(days=7)
    asks_the_api: bool = False
    calls_back: bool = False
    tells_finance: bool = False

    def history(self, late: timedelta) -> str | None:
        """Why what is heard of so late is told to nobody; None: it is told."""
        return f"history: it was over {late.days} days before we heard of it" if late > self.effects_horizon else None


class Busy(Exception):
    """Another transaction holds a customer that a row read belongs to."""


class Raced(Exception):
    """A row changed under us although its customer was locked: read again, and try again."""


class Cause(NamedTuple):
    """On whose account rows change now: an event, or the clock."""

    actor: str
    event_id: str | None
    at: datetime
    quiet: str | None  # why mails and callbacks of it are not sent; None: they are


@dataclass(slots=True)
class _Journal:
    """What one event changed, in the order in which it did."""

    added: list[Base] = field(default_factory=list)
    changed: list[tuple[Base, dict[str, Any]]] = field(default_factory=list)
    replaced: list[tuple[MirrorRow, MirrorRow | None]] = field(default_factory=list)
    removed: list[Base] = field(default_factory=list)
    queued: list[OutboxRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(
        default_factory=list
    )  # made by keep(), while the rows are as the event left them

    def __bool__(self) -> bool:
        return any((self.added, self.changed, self.replaced, self.removed, self.queued, self.findings))


def _all(journals: Iterable[_Journal], what: str) -> list[Any]:
    return [each for journal in journals for each in getattr(journal, what)]


def _key(row: Base) -> tuple[Any, ...]:
    of = vars(row).get
    return tuple([of(name) for name in _keys(type(row))])


def _table(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


@cache
def _keys(model: type[Base]) -> list[str]:
    return [column.key for column in _table(model).primary_key]


@cache
def _columns(model: type[Base]) -> list[str]:
    return [column.key for column in _table(model).c if column.identity is None]


class World:
    def __init__(self, session: Session, rules: Rules) -> None:
        self.session = session
        self.rules = rules
        self.cause = Cause("clock", None, EPOCH, None)
        self._rows: dict[type[Base], dict[tuple[Any, ...], Base]] = defaultdict(dict)
        self._told: dict[str, tuple[str, str | None]] = {}  # outbox keys of the subjects here: state and reason
        self._journal = _Journal()  # of the event that is being applied
        self._kept: list[_Journal] = []  # of those before it that are not written yet

    # ---- reading -------------------------------------------------------------------------------------------------

    def get(self, model: type[Row], *key: Any) -> Row | None:
        return cast(Row | None, self._rows[model].get(key))

    def where(self, model: type[Row], **values: Any) -> list[Row]:
        """The rows of this world (not of the table) with these values."""
        rows = cast(list[Row], list(self._rows[model].values()))
        for name, value in values.items():
            rows = [row for row in rows if vars(row).get(name) == value]
        return rows

    def was_sent(self, key: str) -> bool:
        """Has the mail of this key left, or may it have?"""
        return self._told.get(key, ("", None))[0] in ("sending", "sent", "held")

    def is_queued(self, key: str) -> bool:
        """Was something about a subject here queued under this key, whatever became of it?"""
        return key in self._told

    # ---- changing ------------------------------------------------------------------------------------------------

    def add(self, row: Base) -> None:
        """A row that is new. Ledger lines, whose key the database gives, are written and forgotten."""
        self._journal.added.append(row)
        if None not in (key := _key(row)):
            self._rows[type(row)][key] = row

    def change(self, row: Base, **values: Any) -> bool:
        """Set these columns where they differ; True if any did."""
        before = {name: getattr(row, name) for name, value in values.items() if getattr(row, name) != value}
        for name in before:
            setattr(row, name, values[name])
        if before:
            self._journal.changed.append((row, before))
        return bool(before)

    def put(self, row: MirrorRow, before: MirrorRow | None) -> None:
        """A mirror row that takes the place of `before`."""
        self._rows[type(row)][_key(row)] = row
        self._journal.replaced.append((row, before))

    def remove(self, row: Base) -> None:
        del self._rows[type(row)][_key(row)]
        self._journal.removed.append(row)

    def queue(self, row: OutboxRow, *, since: datetime | None = None) -> None:
        """Something to tell the world; under a key that is taken it is not told again, unless it was overtaken.

        `since`: when the fact came to be. One that was over long before it was first heard of is told to nobody.
        """
        if row.key in self._told and self._told[row.key][1] != OVERTAKEN:
            return
        row.event_id = self.cause.event_id
        quiet = self.cause.quiet or (since and self.rules.history(self.cause.at - since))
        if quiet and row.kind in ("email", "callback"):
            row.state, row.reason = "suppressed", quiet
        else:
            row.state, row.reason = "new", None
        self._told[row.key] = (row.state, row.reason)
        self._journal.queued.append(row)

    def find(self, kind: str, object_type: str, object_id: str, detail: str, severity: str = "warning") -> None:
        """Note something that does not add up. Seen again, it counts up."""
        self._journal.findings.append(
            Finding(kind=kind, severity=severity, object_type=object_type, object_id=object_id, detail=detail)
        )

    @property
    def touched(self) -> bool:
        """Has anything been changed that is not written yet?"""
        return bool(self._journal or self._kept)

    def keep(self) -> None:
        """The event is applied: the next write() writes what it changed."""
        if self._journal:
            self._journal.audit = list(self._audit(self._journal))
            self._kept.append(self._journal)
            self._journal = _Journal()

    def undo(self) -> None:
        """Forget every change since the last keep()."""
        self._rewind(self._journal)
        self._journal = _Journal()

    def _rewind(self, journal: _Journal) -> None:
        for queued in journal.queued:
            self._told.pop(queued.key, None)  # asked again, the table decides
        for row in journal.added:
            self._rows[type(row)].pop(_key(row), None)
        for row, values in reversed(journal.changed):
            for name, value in values.items():
                setattr(row, name, value)
        for row in journal.removed:
            if row not in journal.added:
                self._rows[type(row)][_key(row)] = row
        for new, old in reversed(journal.replaced):
            if old is None:
                self._rows[type(new)].pop(_key(new), None)
            else:
                self._rows[type(new)][_key(new)] = old

    # ---- writing -------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write what was kept, with an audit entry of each event for each row that is not a mirror's.

        A row that several events changed is written once, as the last of them left it. What the database refuses is
        forgotten: then this world is as it was after the last write.

        Raises:
            Raced: a mirror row is not the one that was read.
        """
        self.keep()
        journals, self._kept = self._kept, []
        try:
            self._swap_mirrors(journals)
            self._write_rows(journals)
            run = self.session.connection().execute
            if queued := [_outbox_values(row) for journal in journals for row in journal.queued]:
                run(_QUEUE, queued)
            if found := [finding for journal in journals for finding in journal.findings]:
                findings.note(self.session, found)
            if audit := [entry for journal in journals for entry in journal.audit]:
                run(_AUDIT, audit)
        except BaseException:
            for journal in reversed(journals):
                self._rewind(journal)
            raise

    def _swap_mirrors(self, journals: Sequence[_Journal]) -> None:
        newest: dict[tuple[type[MirrorRow], str], tuple[MirrorRow, int]] = {}
        for new, old in _all(journals, "replaced"):
            _, read = newest.get((type(new), new.id), (None, old.version if old is not None else -1))
            newest[type(new), new.id] = (new, read)
        swaps: dict[type[MirrorRow], list[dict[str, Any]]] = defaultdict(list)
        for new, read in newest.values():
            swaps[type(new)].append(_values(new) | {"version_read": read})
        for model, rows in swaps.items():
            swapped = self.session.connection().execute(
                _swap(model), rows, execution_options={"preserve_rowcount": True}
            )
            if swapped.rowcount != len(rows):
                raise Raced(f"{len(rows) - swapped.rowcount} of {len(rows)} {model.__tablename__} changed under us")

    def _write_rows(self, journals: Sequence[_Journal]) -> None:
        added, removed, replaced = (_all(journals, what) for what in ("added", "removed", "replaced"))
        fresh = {id(row) for row in added} | {id(new) for new, _ in replaced}
        gone = {id(row) for row in removed} | {id(old) for _, old in replaced}
        steps: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for row in removed:
            if id(row) not in fresh:
                steps[_delete(type(row))].append(_bound_key(row))
        for row in added:
            if id(row) not in gone:
                steps[_upsert(type(row))].append(_values(row))
        changed: dict[int, tuple[Base, set[str]]] = {}
        for row, before in _all(journals, "changed"):
            if id(row) not in fresh and id(row) not in gone:
                changed.setdefault(id(row), (row, set()))[1].update(before)
        for row, names in changed.values():
            values = _bound_key(row) | {name: getattr(row, name) for name in names}
            steps[_update(type(row), tuple(sorted(names)))].append(values)
        for statement, rows in steps.items():
            self.session.connection().execute(statement, rows)

    def _audit(self, journal: _Journal) -> Iterator[dict[str, Any]]:
        told = {"actor": self.cause.actor, "event_id": self.cause.event_id}
        gone = {id(row) for row in journal.removed}
        fresh = {id(row) for row in journal.added}
        replaced = {id(row) for row, _ in journal.replaced}
        for row in journal.added:
            if id(row) not in gone and not isinstance(row, _LEDGERS):
                yield told | _named(row) | {"before": None, "after": _shown(row)}
        before: dict[int, tuple[Base, dict[str, Any]]] = {}
        for row, values in journal.changed:
            if id(row) not in fresh and id(row) not in gone and id(row) not in replaced:
                known = before.setdefault(id(row), (row, {}))[1]
                for name, value in values.items():
                    if name != "tie_at":  # the same snapshot seen later: nothing changed that needs explaining
                        known.setdefault(name, value)
        for row, values in before.values():
            if not values:
                continue
            after = {name: _plain(getattr(row, name)) for name in values}
            yield told | _named(row) | {"before": {n: _plain(v) for n, v in values.items()}, "after": after}
        for row in journal.removed:
            if id(row) not in fresh:
                yield told | _named(row) | {"before": _shown(row), "after": None}
        for queued in journal.queued:
            shown = {"state": queued.state, "reason": queued.reason}
            yield told | {"object_type": queued.kind, "object_id": queued.key, "before": None, "after": shown}

    # ---- loading -------------------------------------------------------------------------------------------------

    def load(self, wanted: Wanted, held: set[str]) -> None:
        """Read what these subjects can touch, with the locks of the customers they belong to.

        The subjects themselves are locked too: of one that is not here yet nobody knows whose it is, and an invoice and
        the subscription of another customer that it is for would not see each other come. `held` is locked already; it
        grows.

        Raises:
            Busy: another transaction holds one of them.
        """
        self._hold(wanted.names(), held)
        while True:
            self.read(wanted)
            owners = {
                owner
                for rows in self._rows.values()
                for row in rows.values()
                if (owner := row.id if isinstance(row, Customer) else getattr(row, "customer_id", None))
            }
            if owners <= held:
                return
            self._hold(owners, held)

    def _hold(self, names: set[str], held: set[str]) -> None:
        missing = names - held
        got = try_locks(self.session, missing)
        held |= got
        if got != missing:
            raise Busy(", ".join(sorted(missing - got)))

    def read(self, wanted: Wanted) -> None:
        """Read without a lock: for looking, not for changing. One SELECT a table; what a row names is read with it."""
        self._rows.clear()
        self._told.clear()
        self._take(Invoice, wanted.invoices, customers=wanted.customers, subscriptions=wanted.subscriptions)
        transactions = self._follow_payments(wanted)
        found = self.where(Invoice)
        invoice_ids = wanted.invoices | {invoice.id for invoice in found}
        self._take(Payment, transactions)
        self._take(Followup, invoice_ids)
        subscriptions = (
            wanted.subscriptions | wanted.contracts | {i.subscription_id for i in found if i.subscription_id}
        )
        self._take(Subscription, subscriptions, customers=wanted.customers)
        subscriptions |= {subscription.id for subscription in self.where(Subscription)}
        self._take(SubscriptionItem, subscriptions)
        self._take(Cancellation, subscriptions)
        customers = wanted.customers | wanted.owners | {i.customer_id for i in found if i.customer_id}
        customers |= {s.customer_id for s in self.where(Subscription) if s.customer_id}
        self._take(Customer, customers)
        self._take(CreditNote, wanted.credit_notes)
        self._take(PaymentSource, wanted.payment_sources)
        if about := invoice_ids | subscriptions | transactions | customers:
            told = self.session.connection().execute(_TOLD, {"ids": list(about)})
            self._told.update((key, (state, reason)) for key, state, reason in told)

    def _follow_payments(self, wanted: Wanted) -> set[str]:
        """Read what pays what, until nothing new is named; the ids of the transactions.

        A payment is made from every object that speaks of it: the transaction, the invoices that it names, those that
        list it, and those that it was recorded to pay.
        """
        read_transactions: set[str] = set()
        new_invoices = wanted.invoices | {invoice.id for invoice in self.where(Invoice)}
        read_invoices = set(new_invoices)
        while True:
            listed = {link["transaction_id"] for invoice in self.where(Invoice) for link in invoice.linked_payments}
            new = (wanted.transactions | listed) - read_transactions
            self._take(PaymentApplication, new, invoices=new_invoices)
            applications = self.where(PaymentApplication)
            new |= {each.transaction_id for each in applications} - read_transactions
            self._take(Transaction, new)
            read_transactions |= new
            named = {link["invoice_id"] for each in self.where(Transaction) for link in each.linked_invoices}
            new_invoices = (named | {each.invoice_id for each in applications}) - read_invoices
            if not new_invoices:
                return read_transactions
            self._take(Invoice, new_invoices)
            read_invoices |= new_invoices

    def _take(self, model: type[Base], ids: set[str], **others: set[str]) -> None:
        """Rows by their key, or by what else `_READ` asks of their table."""
        if not ids and not any(others.values()):
            return
        wanted = {name: list(values) for name, values in {"ids": ids, **others}.items()}
        for row in rows_of(model, self.session.connection().execute(_READ[model], wanted)):
            self._rows[model][_key(row)] = row


@dataclass(slots=True)
class Wanted:
    """Ids of what a batch is about, by kind.

    A customer brings its open invoices and live subscriptions, a subscription its open invoices, a transaction the
    invoices it paid. `owners` and `contracts` are customers and subscriptions that are only read, for what rules ask.
    """

    customers: set[str] = field(default_factory=set)
    subscriptions: set[str] = field(default_factory=set)
    invoices: set[str] = field(default_factory=set)
    transactions: set[str] = field(default_factory=set)
    credit_notes: set[str] = field(default_factory=set)
    payment_sources: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    contracts: set[str] = field(default_factory=set)

    def add(self, snapshot: Snapshot) -> None:
        cast(set[str], getattr(self, snapshot.kind + "s")).add(snapshot.id)
        fields = snapshot.fields
        match snapshot.kind:
            case "invoice":
                self.transactions.update(link["transaction_id"] for link in fields["linked_payments"])
            case "transaction":
                self.invoices.update(link["invoice_id"] for link in fields["linked_invoices"])
            case "credit_note":
                self.invoices.update(filter(None, [fields["invoice_id"]]))
                self.transactions.update(i for each in fields["linked_refunds"] if (i := each["transaction_id"]))
        if contract := fields.get("subscription_id"):
            self.contracts.add(contract)
        if owner := fields.get("customer_id"):
            self.owners.add(owner)

    def names(self) -> set[str]:
        """What is locked of these by name: all but customers, whose locks are theirs and those of all they have."""
        kinds = {
            "subscription": self.subscriptions | self.contracts,
            "invoice": self.invoices,
            "transaction": self.transactions,
            "credit_note": self.credit_notes,
            "payment_source": self.payment_sources,
        }
        return {f"{kind} {id}" for kind, ids in kinds.items() for id in ids}


def try_locks(session: Session, names: Iterable[str]) -> set[str]:
    """Try to lock these until the transaction ends; those that nobody else holds are locked and returned.

    A customer's name is its id; that of anything else is `kind id`.
    """
    wanted = sorted(names)
    if not wanted:
        return set()
    return {row.k for row in session.execute(_TRY_LOCK, {"names": wanted}) if row.locked}


_TRY_LOCK = text(
    "select k, pg_try_advisory_xact_lock(hashtextextended(k, 0)) as locked from unnest(cast(:names as text[])) as k"
)


# ---- statements, each built once -------------------------------------------------------------------------------------

_OWED = (Invoice.amount_due > 0) & ~Invoice.deleted
_LIVE = Subscription.status.not_in(("cancelled", "transferred"))


def _among(column: ColumnElement[Any] | InstrumentedAttribute[Any], name: str) -> ColumnElement[bool]:
    """One of these ids, as one parameter: however many they are, the statement is the same, and read once."""
    return column == any_(bindparam(name, [], ARRAY(Text)))


def columns_read(model: type[Base]) -> list[Column[Any]]:
    """What is read of a row: all but what is deferred."""
    return [_table(model).c[each.key] for each in model.__mapper__.column_attrs if not each.deferred]


def rows_of(model: type[Row], result: CursorResult[Any]) -> Iterator[Row]:
    """Rows of which no session keeps books, from a SELECT of `columns_read`.

    Nobody asks a session what changed in them: that, and statements that are built once, is a fifth of what applying an
    event costs.
    """
    names, new_instance = list(result.keys()), model.__mapper__.class_manager.new_instance
    for values in result:
        vars(row := new_instance()).update(zip(names, values, strict=True))
        yield row


def _reading(model: type[Base], *others: ColumnElement[bool]) -> Any:
    """Rows whose key (its first part) is one of `ids`, or that.

    A world reads a dozen tables: built anew, these statements would cost as much as what they bring.
    """
    key, *_ = _table(model).primary_key
    return select(*columns_read(model)).where(or_(_among(key, "ids"), *others))


_BY_KEY: tuple[type[Base], ...] = (*MIRRORS.values(), SubscriptionItem, Payment, Followup, Cancellation)
_READ = {model: _reading(model) for model in _BY_KEY} | {
    Invoice: _reading(
        Invoice,
        _OWED & _among(Invoice.customer_id, "customers"),
        _OWED & _among(Invoice.subscription_id, "subscriptions"),
    ),
    Subscription: _reading(Subscription, _LIVE & _among(Subscription.customer_id, "customers")),
    PaymentApplication: _reading(
        PaymentApplication,
        PaymentApplication.transaction_id.in_(
            select(PaymentApplication.transaction_id).where(_among(PaymentApplication.invoice_id, "invoices"))
        ),
    ),
}
_TOLD = select(OutboxRow.key, OutboxRow.state, OutboxRow.reason).where(_among(OutboxRow.object_id, "ids"))

_statements: dict[Any, Any] = {}
_LEDGERS = (SeatEntry, FollowupEntry)


def _values(row: Base) -> dict[str, Any]:
    of = vars(row).get
    return {name: of(name) for name in _columns(type(row))}


def _bound_key(row: Base) -> dict[str, Any]:
    return {f"key_{column.key}": getattr(row, column.key) for column in _table(type(row)).primary_key}


def _is_row(table: Table) -> ColumnElement[bool]:
    keys = list(table.primary_key)
    return tuple_(*keys) == tuple_(*(bindparam(f"key_{key.key}", type_=key.type) for key in keys))


def _insert(model: type[Base]) -> Any:
    table = _table(model)
    return insert(table).values({name: bindparam(name, type_=table.c[name].type) for name in _columns(model)})


def _upsert(model: type[Base]) -> Any:
    """Insert; under a key that is there, take its place. Ledgers, whose keys the database gives, are only inserted."""
    if model not in _statements:
        table, statement = _table(model), _insert(model)
        rest = {n: statement.excluded[n] for n in _columns(model) if not table.c[n].primary_key}
        if not any(key.identity is not None for key in table.primary_key):
            statement = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=rest)
        _statements[model] = statement
    return _statements[model]


def _swap(model: type[Base]) -> Any:
    """Compare and swap: only over the version that was read (-1: none). No row written: somebody was faster."""
    if ("swap", model) not in _statements:
        table, statement = _table(model), _insert(model)
        rest = {n: statement.excluded[n] for n in _columns(model) if n != "id"}
        unchanged = table.c.version == bindparam("version_read", type_=table.c.version.type)
        _statements["swap", model] = statement.on_conflict_do_update(index_elements=["id"], set_=rest, where=unchanged)
    return _statements["swap", model]


def _update(model: type[Base], names: Sequence[str]) -> Any:
    if (model, names) not in _statements:
        table = _table(model)
        new = {name: bindparam(name, type_=table.c[name].type) for name in names}
        _statements[model, names] = update(table).where(_is_row(table)).values(new)
    return _statements[model, names]


def _delete(model: type[Base]) -> Any:
    if ("delete", model) not in _statements:
        _statements["delete", model] = delete(_table(model)).where(_is_row(_table(model)))
    return _statements["delete", model]


_OUTBOX = (
    *("key", "queue", "kind", "name", "object_id", "customer_id", "recipient", "payload", "state", "reason"),
    "event_id",
)


def _outbox_values(row: OutboxRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _OUTBOX} | {"payload": row.payload or {}}


def asked_again() -> dict[str, Any]:
    """What makes a row that was overtaken a new one: its recipients are found, and its patience counts, from now."""
    blank = dict.fromkeys(("reason", "recipient", "reply", "ended_at", "lease_until"))
    return blank | {"state": "new", "attempts": 0, "due_at": func.now(), "waiting_since": func.now()}


def _queue_statement() -> Any:
    table = _table(OutboxRow)
    statement = insert(table).values({name: bindparam(name, type_=table.c[name].type) for name in _OUTBOX})
    again = (table.c.state == "suppressed") & (table.c.reason == OVERTAKEN) & (statement.excluded.state == "new")
    return statement.on_conflict_do_update(
        index_elements=["key"],
        set_=asked_again() | {name: statement.excluded[name] for name in ("payload", "recipient")},
        where=again,  # called for again after it was overtaken, and never sent
    )


_QUEUE = _queue_statement()
_AUDIT = insert(_table(AuditEntry)).values(
    {
        name: bindparam(name, type_=_table(AuditEntry).c[name].type)
        for name in ("actor", "event_id", "object_type", "object_id", "before", "after")
    }
)


# ---- how a row is shown in the audit ---------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _named(row: Base) -> dict[str, Any]:
    first, *rest = _key(row)
    return {"object_type": type(row).__tablename__, "object_id": ":".join(map(str, (first, *map(_plain, rest))))}


def _shown(row: Base) -> dict[str, Any]:
    return {name: _plain(value) for name, value in _values(row).items()}
