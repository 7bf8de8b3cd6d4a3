"""What operators hear by mail: a cause that needs a person, once a day for as long as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from billing.terms import date_in
from emails import kinds
from emails.contexts import OpsAlertContext
from models import clock
from models.session import transaction

from .mails import overtaken, recipient_of, send
from .outbox import Delivery, Outcome, queue_email
from .registry import delivers
from .world import OVERTAKEN, Cause, Rules, World

KIND = kinds.ops_alert.name
STUCK = timedelta(minutes=15)  # due for so long, nobody works a queue off
_FRESH = timedelta(days=2)  # what failed before was told then, and may be left as it is

Alert = Literal["parked_events", "failed_deliveries", "held_mail", "stuck_queue", "silence", "finding"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a person must look at now. `cause` is told once a day."""

    cause: str
    alert: Alert
    command: str
    count: int = 1
    minutes: int | None = None
    queue: str | None = None


# Each asks a partial index, so no answer takes longer as history grows.
_COUNTS: tuple[tuple[Alert, str, str], ...] = (
    (
        "parked_events",
        "quittance events list --status parked",
        "select count(*) from inbox_events where status = 'parked'",
    ),
    (
        "failed_deliveries",
        "quittance outbox list --state failed",
        "select count(*) from outbox"
        " where state = 'failed' and name <> 'ops_alert' and ended_at > business_now() - :fresh",
    ),
    ("held_mail", "quittance emails list --state held", "select count(*) from outbox where state = 'held'"),
    (
        "finding",
        "quittance findings list",
        "select count(*) from findings"
        " where severity = 'error' and last_seen_at > business_now() - :fresh and kind <> 'delivery_failed'"
        " and (acknowledged_until is null or acknowledged_until <= business_now())",
    ),
)
_STUCK = text("""
    select queue, count(*) as rows, extract(epoch from now() - min(due_at))::bigint / 60 as minutes from (
      select 'events' as queue, due_at from inbox_events
      where status = 'pending' and starts = 0 and due_at < now() - :stuck
      union all
      select 'events', due_at from inbox_events where status = 'pending' and starts > 0 and due_at < now() - :stuck
      union all
      select queue, due_at from outbox where state = 'new' and due_at < now() - :stuck
      union all
      select queue, lease_until from outbox where state = 'sending' and lease_until < now() - :stuck
    ) as late group by queue order by queue
""")
# Among the newest rows, however many there are: where none of them is a webhook's, none came since the oldest of them.
_LAST_WEBHOOK = text("""
    select coalesce(max(received_at) filter (where origin = 'webhook'), min(received_at))
    from (select origin, received_at from inbox_events order by seq desc limit 500) as newest
""")


def troubles(session: Session, silence: timedelta) -> Iterator[Trouble]:
    """Everything that needs a person now. `silence`: so long without a webhook is trouble; 0: never."""
    for alert, command, question in _COUNTS:
        if count := session.scalar(text(question), {"fresh": _FRESH}):
            yield Trouble(alert, alert, command, count)
    for row in session.execute(_STUCK, {"stuck": STUCK}):
        yield Trouble(f"stuck_queue.{row.queue}", "stuck_queue", "quittance doctor", row.rows, row.minutes, row.queue)
    last = session.scalar(_LAST_WEBHOOK)
    if silence and last and (quiet := clock.now(session) - last) > silence:
        yield Trouble("silence", "silence", "quittance doctor", minutes=int(quiet.total_seconds() // 60))


def raise_alerts(engine: Engine, rules: Rules, silence: timedelta) -> int:
    """Queue one mail for each cause that was not told today; how many."""
    with transaction(engine) as session:
        now = clock.now(session)
        today = date_in(rules.zone, now).isoformat()
        found = {f"{KIND}:{trouble.cause}:{today}": trouble for trouble in troubles(session, silence)}
        told = text("select key from outbox where key = any(:keys) and reason is distinct from :overtaken")
        known = set(session.scalars(told, {"keys": list(found), "overtaken": OVERTAKEN}))
        world = World(session, rules)
        world.cause = Cause("clock", None, now, None)
        for key in found.keys() - known:
            queue_email(world, KIND, found[key].cause, None, revision=today)
        world.write()
        return len(found.keys() - known)


@delivers("email", KIND)
def deliver_alert(delivery: Delivery) -> Outcome:
    """Say what is wrong and which command shows it, if it still is."""
    with transaction(delivery.engine) as session:
        now = troubles(session, delivery.couriers.webhook_silence)
        trouble = next((each for each in now if each.cause == delivery.row.object_id), None)
    if trouble is None:
        return overtaken("it is over")
    reader = recipient_of(delivery, None, kinds.ops_alert)
    context = OpsAlertContext(
        alert=trouble.alert,
        command=trouble.command,
        count=trouble.count,
        minutes=trouble.minutes,
        queue=trouble.queue,
    )
    return send(delivery, kinds.ops_alert, context, None, reader)
