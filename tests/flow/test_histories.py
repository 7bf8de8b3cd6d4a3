"""Whatever the order: generated histories, delivered three times and shuffled, end in the provider's own state."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from simulator import history
from tests.builders import Quittance
from tests.flow import truth

SEEDS = [*range(1, 3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 25))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_ends_in_the_providers_state(db_url: str, tmp_path: Path, seed: int) -> None:
    site = history(seed, stale=True)
    bodies = list(site.events) * 3
    random.Random(f"{seed} deliveries").shuffle(bodies)
    quittance = Quittance(db_url, tmp_path)
    ask = quittance.rows
    try:
        quittance.move_clock(site.now)
        quittance.take(*bodies)
        assert ask("select id, reason from inbox_events where status in ('pending', 'parked')") == []
        assert truth.differences(truth.state_of(site), truth.state_here(ask)) == []
        assert truth.ledgers_that_do_not_add_up(ask) == []
        quittance.hurry()  # receipts that waited for an invoice mail
        assert truth.differences(truth.mails_called_for(site), truth.mails_sent(ask)) == []
        mails = quittance.mails()
        assert not [id for id, times in Counter(mail["Message-ID"] for mail in mails).items() if times > 1]
        accepted = {mail["Message-ID"]: mail["To"] for mail in mails}
        sent = ask("select message_id, recipient from outbox where name = 'invoice' and state = 'sent'")
        assert [accepted[id] for id, _ in sent] == [recipient for _, recipient in sent]
    finally:
        quittance.close()
