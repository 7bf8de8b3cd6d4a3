"""What we tell the merchant's own people: the finance team, and who keeps the machinery running."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from billing.money import Money

from .invoices import OfflineMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class FinanceNewCaseContext:
    """An invoice that will be paid by cheque or wire: somebody of finance contacts the customer by `contact_by`."""

    customer: str
    number: str
    balance: Money
    contact_by: dt.date
    method: OfflineMethod | None = None
    due_on: dt.date | None = None
    contact: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What is owed within a span of days past due; `first_day` None: not due yet; `last_day` None: without end."""

    amount: Money
    first_day: int | None = None
    last_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestCase:
    """One of the cases that a digest names."""

    customer: str
    number: str
    balance: Money
    days_late: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinanceDigestContext:
    """What finance has to do on a day. `receivable` has one amount a currency, the greatest first; `top` five cases."""

    on: dt.date
    to_do: int
    receivable: tuple[Money, ...]
    matches: int = 0
    promises_due: int = 0
    promises_broken: int = 0
    returned: int = 0
    ageing: tuple[Bucket, ...] = ()
    top: tuple[DigestCase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsAlertContext:
    """Something technical that a person must look at, and the command that shows it or mends it.

    `count` is how many (events, deliveries, mails); for a queue that is stuck and for silence, `minutes` says since
    when. `queue` names the one that is stuck. `detail` is what was logged, shown as it is.
    """

    alert: Literal["parked_events", "failed_deliveries", "held_mail", "stuck_queue", "silence", "finding"]
    command: str
    count: int = 1
    minutes: int | None = None
    queue: str | None = None
    detail: tuple[str, ...] = ()
