"""The stories, lived by the whole system in one process: what they say must follow is what follows."""

from __future__ import annotations

from collections import Counter

import pytest

from simulator import story
from tests.builders import Quittance


@pytest.mark.parametrize("name", list(story.STORIES))
def test_what_a_story_says_must_follow_follows(name: str, quittance: Quittance) -> None:
    site, sent = story.a_site(), 0
    mails: Counter[tuple[str, str]] = Counter()
    for step in story.STORIES[name].steps:
        step.play(site)
        quittance.move_clock(step.at)
        quittance.take(*site.events[sent:])
        sent = len(site.events)
        said = step.consequences
        mails.update((mail.kind, mail.about) for mail in said.mails)
        assert dict(quittance.rows("select id, seats from subscriptions")) == dict(said.seats), step.name
        assert dict(quittance.rows("select invoice_id, balance from followups where open")) == dict(said.owed), (
            step.name
        )
        assert dict(
            quittance.rows("select invoice_id, sum(applied)::bigint from payment_applications group by 1")
        ) == dict(said.paid), step.name
        assert {
            (id, at, state)
            for id, at, state in quittance.rows("select subscription_id, effective_at, state from cancellations")
        } == {(each.subscription_id, each.effective_at, each.state) for each in said.cancellations}, step.name
        sent_mails = quittance.rows("""
            select name, coalesce(payload->>'invoice', object_id), count(distinct split_part(key, ':', 3)) from outbox
            where kind = 'email' and state = 'sent' group by 1, 2
        """)
        assert {(kind, about): count for kind, about, count in sent_mails} == mails, step.name
