"""Sample reminders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from ..contexts import OpenInvoice, ReminderContext
from .merchant import cad


def _reminder(days_late: int, **more: object) -> ReminderContext:
    values: dict[str, object] = {
        "number": "F-10428",
        "balance": cad(301009),
        "due_on": dt.date(2021, 2, 10),
        "days_late": days_late,
        "first_name": "Marie",
        "company": "Société Test1234",
        "offline_method": "bank_transfer",
    }
    return ReminderContext(**(values | more))  # type: ignore[arg-type]


def _others(days_late: int) -> tuple[OpenInvoice, ...]:
    """What else is open on the day on which the invoice of the reminder is that late."""
    today = dt.date(2021, 2, 10) + dt.timedelta(days=days_late)
    owed = (("F-10377", 624000, dt.date(2021, 1, 13)), ("F-10460", 6784, dt.date(2021, 3, 31)))
    return tuple(
        OpenInvoice(number=number, balance=cad(minor), due_on=due_on, days_late=(today - due_on).days)
        for number, minor, due_on in owed
    )


DUE_SOON: Mapping[str, ReminderContext] = {
    "by_wire": _reminder(-7),
    "with_others": _reminder(-7, offline_method="check", others=_others(-7)[1:]),
}
REMINDER_1: Mapping[str, ReminderContext] = {"3_days": _reminder(3), "1_day": _reminder(1, first_name=None)}
REMINDER_2: Mapping[str, ReminderContext] = {"15_days": _reminder(15), "with_others": _reminder(15, others=_others(15))}
REMINDER_3: Mapping[str, ReminderContext] = {
    "30_days": _reminder(30, pay_by=dt.date(2021, 3, 22)),
    "with_a_suspension": _reminder(30, pay_by=dt.date(2021, 3, 22), suspension_on=dt.date(2021, 3, 29)),
    "nothing_known": _reminder(30, offline_method=None),
}
FINAL_NOTICE: Mapping[str, ReminderContext] = {
    "with_others": _reminder(45, pay_by=dt.date(2021, 4, 6), suspension_on=dt.date(2021, 4, 7), others=_others(45)),
    "one_invoice": _reminder(45),
}
