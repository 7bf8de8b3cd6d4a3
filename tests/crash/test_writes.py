"""A worker killed or frozen while Chargebee has done what it asked and not yet answered: it is done once."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from simulator import Site
from simulator.fixtures import ChargebeeApi
from tests.builders import Quittance
from tests.conftest import eventually
from tests.crash.stack import Stack, kill
from tests.tasks.writing import STATE, STORIES, Asking, Story, a_site, it_was_done_once

pytestmark = [pytest.mark.long, pytest.mark.timeout(150)]


@pytest.fixture
def chargebee_site() -> Site:
    return a_site()


@pytest.fixture
def api(chargebee_api: ChargebeeApi) -> dict[str, str]:
    return {
        "CHARGEBEE_SITE": chargebee_api.site_name,
        "CHARGEBEE_API_KEY": chargebee_api.key,
        "CHARGEBEE_API_URL": chargebee_api.url,
    }


@pytest.fixture
def system(stack: Stack, api: dict[str, str], chargebee_site: Site, tmp_path: Path) -> Quittance:
    quittance = Quittance(stack.db_url, tmp_path, **api)
    quittance.move_clock(chargebee_site.now)
    quittance.take(*chargebee_site.events)
    return quittance


@pytest.mark.parametrize("way", ("killed", "frozen"))
@pytest.mark.parametrize("name", ("a payment", "more seats of one that ends", "a payment taken back"))
def test_what_was_done_and_not_answered_is_not_done_again(
    name: str, way: str, stack: Stack, api: dict[str, str], system: Quittance, chargebee_site: Site,
    chargebee_api: ChargebeeApi,
) -> None:  # fmt: skip
    story: Story = STORIES[name]
    story.before(chargebee_site)
    asking = Asking(system, chargebee_site)
    asking.intend(story.ask(asking))
    fault = chargebee_api.faults.plan("timeout", when="after", path=f"POST .*/{story.calls[0]}")
    worker = stack.worker("unlucky", **api)
    stack.ring("provider")
    eventually(lambda: fault.struck)
    assert stack.rows("select state from outbox where payload ? 'write'") == ["sending"]
    if way == "killed":
        kill(worker)
    else:
        os.killpg(worker.pid, signal.SIGSTOP)
    stack.rows("update outbox set lease_until = now() where state = 'sending'")  # the two minutes go by here
    another = stack.worker("another", **api)
    stack.ring("provider")
    eventually(lambda: system.rows(STATE) == [("sent", None)])
    it_was_done_once(story, system, chargebee_site)

    if way == "frozen":
        kill(another)
        chargebee_api.faults.clear()  # its answer comes as it wakes
        os.killpg(worker.pid, signal.SIGCONT)
        eventually(lambda: "the lease went to another worker" in stack.said("unlucky"))
        it_was_done_once(story, system, chargebee_site)
    system.close()
