"""How fast mail goes to one domain: no more than so many a minute, whatever the number of workers.

Big mail providers refuse, and then distrust, a sender who knocks too often. The last minute's turns of a domain are
kept in its row, so all workers count the same; whoever comes too early gets a turn in the line, and asks again then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from models import MailPace
from models.session import transaction

MINUTE = timedelta(minutes=1)


def take_turn(engine: Engine, address: str, most: int) -> datetime | None:
    """Take a turn to write to this address; None: go ahead, else when to ask again.

    `most` is how many mails a minute one domain gets, 0 for no limit. Real time, by the database's clock.
    """
    if most <= 0:
        return None
    domain = address.rpartition("@")[2].casefold()
    with transaction(engine) as session:
        now = func.clock_timestamp()
        session.execute(insert(MailPace).values(domain=domain, taken_at=[], next_at=now).on_conflict_do_nothing())
        pace = session.get_one(MailPace, domain, with_for_update=True)
        moment: datetime = session.execute(
            select(func.clock_timestamp())
        ).scalar_one()  # once we have the row, not before
        taken = [at for at in pace.taken_at if at > moment - MINUTE]
        if len(taken) < most:
            pace.taken_at = [*taken, moment]
            return None
        turn = max(pace.next_at, taken[-most] + MINUTE)
        pace.next_at = turn + MINUTE / most
        return turn
