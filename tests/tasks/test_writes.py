"""Writes to Chargebee: what is asked for is refused, or is done; and what was not decided on is not done."""

from __future__ import annotations

import pytest

from simulator import Site
from tests.builders import Quittance
from tests.tasks.writing import STORIES, Asking, Story, a_site, it_was_done_once


@pytest.fixture
def chargebee_site() -> Site:
    return a_site()


@pytest.fixture
def quittance(with_api: Quittance, site: Site) -> Quittance:
    with_api.move_clock(site.now)
    with_api.take(*site.events)
    return with_api


@pytest.fixture
def asking(quittance: Quittance, site: Site) -> Asking:
    return Asking(quittance, site)


@pytest.fixture(params=STORIES)
def story(request: pytest.FixtureRequest, quittance: Quittance, site: Site) -> Story:
    found = STORIES[request.param]
    found.before(site)
    return found


def test_what_is_asked_for_is_done(story: Story, asking: Asking, quittance: Quittance, site: Site) -> None:
    before = len(site.events)
    assert asking.do(story.ask(asking)) == [("sent", None)]
    it_was_done_once(story, quittance, site)
    made = quittance.rows(
        "select jsonb_array_elements(payload -> 'calls') ->> 'action' from outbox where payload ? 'calls'"
    )
    assert tuple(made) == story.calls
    mirrored = [
        quittance.rows(f"select snapshot from {kind}s where id = :id", id=id) for kind, id in touched(site, before)
    ]
    assert mirrored == [[site.current(kind, id)] for kind, id in touched(site, before)]  # although no webhook came


def touched(site: Site, before: int) -> list[tuple[str, str]]:
    kinds = ("subscription", "invoice", "transaction")
    found = {
        (kind, each["content"][kind]["id"])
        for each in site.events[before:]
        for kind in kinds
        if kind in each["content"]
    }
    return sorted(found)
