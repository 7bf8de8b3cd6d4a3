"""The make-believe Chargebee of `./dev run`: our clock follows its own, and a restart goes on where it was left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from local.children import free_port
from local.site import LocalSite
from models.session import engine_for
from simulator import story
from simulator.journal import Strayed
from simulator.server import serving
from simulator.simulation import NotNow
from tests.builders import Quittance, settings_for
from webhooks.app import create_app

KEY = "test_local"
ORDER = {
    "customer": "new", "company": "Verger du Lac", "email": "ana@verger.example", "place": "QC", "language": "fr-CA",
    "plan": "boreal-cloud-CAD-Yearly", "seats": "5", "way": "bank_transfer",
}  # fmt: skip


class Opened:
    """A site that is open, as a browser and the worker see it."""

    def __init__(self, local: LocalSite, url: str) -> None:
        self.local = local
        self.url = url
        self._http = httpx.Client(trust_env=False, follow_redirects=True)

    def do(self, deed: str, **form: str) -> str:
        answer = self._http.post(f"{self.url}/_sim/do/{deed}", data=form)
        assert answer.status_code == 200, answer.text
        return answer.text

    def page(self, path: str) -> str:
        return self._http.get(f"{self.url}/_sim/{path}").text

    def call(self, path: str, **form: str) -> httpx.Response:
        return self._http.post(f"{self.url}/api/v2/{path}", data=form, auth=(KEY, ""))


Open = Callable[..., "contextmanager[Opened]"]


@pytest.fixture
def receiver(quittance: Quittance) -> Iterator[str]:
    """The receiver of webhooks, on a port of its own."""
    app = create_app(quittance.settings)
    with serving(app) as url:
        yield f"{url}/webhooks/chargebee"
    app.extensions["doorbell"].close()
    app.extensions["store"].close()


@pytest.fixture
def open_site(quittance: Quittance, receiver: str, db_url: str, tmp_path: Path) -> Open:
    """Open the site as a start of the stack does; the journal and the database stay from one start to the next."""

    @contextmanager
    def opened(*, story_wanted: bool = False) -> Iterator[Opened]:
        settings = settings_for(
            db_url, tmp_path / "mail", CHARGEBEE_SITE="boreal-test", CHARGEBEE_API_KEY=KEY,
            CHARGEBEE_API_URL=f"http://127.0.0.1:{free_port()}",
        )  # fmt: skip
        local = LocalSite(quittance.engine, settings, receiver, tmp_path / "site.journal", story_wanted=story_wanted)
        local.bring_back()
        with local.open() as url:
            yield Opened(local, url)

    return opened


def business_now(quittance: Quittance) -> datetime:
    (now,) = quittance.rows("select business_now()")
    assert isinstance(now, datetime)
    return now.astimezone(UTC)


def test_without_the_story_it_is_an_empty_site_of_today_with_a_catalogue(open_site: Open) -> None:
    with open_site() as opened:
        assert not opened.local.site.ids("customer")
        assert opened.local.site.find("item_price", status="active")
        assert abs((datetime.now(UTC) - opened.local.site.now).total_seconds()) < 60


def test_what_a_person_orders_becomes_seats_and_a_case_to_follow_up(open_site: Open, quittance: Quittance) -> None:
    with open_site() as opened:
        opened.do("order", **ORDER)
        quittance.drain()
        assert quittance.rows("select seats from subscriptions") == [5]
        (invoice,) = opened.local.site.ids("invoice")
        assert quittance.rows("select invoice_id, balance from followups where open") == [(invoice, 379418)]
        opened.do(f"wire-arrives/{invoice}", amount="3 794,18", reference="VIR 1")
        quittance.drain()
        assert quittance.rows("select count(*) from followups where open") == [0]


def test_a_database_that_is_away_makes_the_clock_wait(db_url: str, receiver: str, tmp_path: Path) -> None:
    settings = settings_for(db_url, tmp_path / "mail", CHARGEBEE_SITE="boreal-test", CHARGEBEE_API_KEY=KEY)
    nowhere = engine_for(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none", application="test")
    local = LocalSite(nowhere, settings, receiver, tmp_path / "site.journal", story_wanted=False)
    with pytest.raises(NotNow, match="the database does not answer"):
        local.simulation.advance(days=1)


def test_our_clock_is_moved_before_the_webhooks_of_an_instant_leave(open_site: Open, quittance: Quittance) -> None:
    with open_site() as opened:
        opened.do("order", **ORDER)
        opened.do("one-month")
        opened.do("one-month")
        assert abs((business_now(quittance) - opened.local.site.now).total_seconds()) < 3
        late = """
            select max(extract(epoch from received_at) - extract(epoch from occurred_at)) from inbox_events
        """
        assert quittance.rows(late)[0] < 5  # each event came at its own time, although two months went by at once
        assert len(quittance.rows("select distinct received_at::date from inbox_events")) > 1


def test_the_page_of_an_event_says_what_became_of_it(open_site: Open, quittance: Quittance) -> None:
    with open_site() as opened:
        opened.do("order", **ORDER)
        quittance.drain()
        (event,) = quittance.rows("select id from inbox_events where event_type = 'subscription_created'")
        page = opened.page(f"events/{event}")
        assert "inbox: applied" in page
        assert "email: invoice about" in page


def test_a_restart_goes_on_where_the_site_was_left(open_site: Open, quittance: Quittance) -> None:
    with open_site() as opened:
        opened.do("order", **ORDER)
        (customer,) = opened.local.site.ids("customer")
        assert opened.call(f"customers/{customer}", first_name="Ana").status_code == 200
        opened.do("one-day")
        opened.do("add-endpoint", url="http://127.0.0.1:9/nobody")
        before, now = opened.local.site.dump(), opened.local.site.now
        endpoints = len(opened.local.simulation.endpoints)
    received = quittance.rows("select count(*) from inbox_events")
    with open_site() as opened:
        assert opened.local.deeds == 3
        assert (opened.local.site.now, len(opened.local.simulation.endpoints)) == (now, endpoints)
        assert stripped(opened.local.site.dump()) == stripped(before)
        assert opened.local.simulation.deliveries.counts["attempts"] == 0
        assert "Arrivé" in opened.page("events")
        assert abs((business_now(quittance) - now).total_seconds()) < 3
        opened.do("one-day")
    assert quittance.rows("select count(*) from inbox_events") == received


def test_a_portal_session_lives_on_after_a_restart(open_site: Open) -> None:
    with open_site() as opened:
        opened.do("order", **ORDER)
        (customer,) = opened.local.site.ids("customer")
        session = opened.call("portal_sessions", **{"customer[id]": customer}).json()["portal_session"]
    with open_site() as opened:
        (again,) = opened.local.site.find("portal_session")
        assert again["token"] == session["token"]
        assert again["access_url"] == f"{opened.url}/_sim/portal/{session['token']}"
        assert "Verger du Lac" in opened.page(f"portal/{session['token']}")


@pytest.mark.long
def test_a_clock_that_was_stopped_stays_so_at_the_next_start(open_site: Open) -> None:
    with open_site() as opened:
        opened.local.let_the_clock_run()
        assert opened.local.simulation.clock_mode == "real"
        opened.do("run-clock", mode="frozen", factor="1")
    with open_site() as opened:
        opened.local.let_the_clock_run()
        assert opened.local.simulation.clock_mode == "frozen"
        opened.do("run-clock", mode="real", factor="60")
    with open_site() as opened:
        opened.local.let_the_clock_run()
        assert (opened.local.simulation.clock_mode, opened.local.simulation.factor) == ("real", 60)


def test_a_deed_that_cannot_be_done_again_is_said(open_site: Open, tmp_path: Path) -> None:
    with open_site() as opened:
        opened.do("order", **ORDER)
    (journal,) = tmp_path.rglob("*.journal")
    journal.write_text(journal.read_text().replace('"seats": ["5"]', '"seats": ["cinq"]'))
    with pytest.raises(Strayed, match="order, which cannot be done any more"), open_site():
        pass


def stripped(dump: bytes) -> bytes:
    """A dump without how deliveries stand, which is another thing after a restart."""
    return re.sub(rb'"webhooks": \[[^\]]*\]', b"", dump)


def test_what_the_receiver_never_got_is_sent_at_the_next_start(open_site: Open, quittance: Quittance) -> None:
    with open_site() as opened:
        opened.do("order", **ORDER)
        made = len(opened.local.site.event_records)
    assert quittance.run("delete from inbox_events where event_type like 'invoice_%'") == 1
    with open_site() as opened:
        opened.local.simulation.send_due()
        assert opened.local.simulation.deliveries.counts["attempts"] == 1
    assert quittance.rows("select count(*) from inbox_events") == [made]


def test_what_no_address_was_to_get_is_not_sent_later(open_site: Open, quittance: Quittance) -> None:
    with open_site() as opened:
        opened.do("switch-endpoint", endpoint="whv2_quittance")
        opened.do("order", **ORDER)
        opened.do("switch-endpoint", endpoint="whv2_quittance")
    with open_site() as opened:
        assert opened.local.simulation.endpoints[0].enabled
        opened.local.simulation.send_due()
    assert quittance.rows("select count(*) from inbox_events") == [0]


def test_what_was_lost_on_purpose_stays_lost(open_site: Open, quittance: Quittance) -> None:
    with open_site() as opened:
        opened.do("set-chaos", drop="100")
        opened.do("order", **ORDER)
    with open_site() as opened:
        opened.local.simulation.send_due()
    assert quittance.rows("select count(*) from inbox_events") == [0]


def test_a_journal_begun_without_the_story_is_not_joined_by_it(open_site: Open) -> None:
    with open_site() as opened:
        opened.do("order", **ORDER)
    with open_site(story_wanted=True) as opened:
        assert not opened.local.is_story
        assert opened.local.deeds == 1


@pytest.mark.long
def test_a_story_half_told_goes_on_at_the_next_step(open_site: Open, quittance: Quittance) -> None:
    with open_site(story_wanted=True) as opened:
        for step in story.steps()[:3]:
            opened.local.play(step)
            quittance.drain()
        first = opened.local.site.dump()
    with open_site(story_wanted=True) as opened:
        assert opened.local.story_told == [step.name for step in story.steps()[:3]]
        assert stripped(opened.local.site.dump()) == stripped(first)
        opened.local.play(story.steps()[3])
        quittance.drain()
    wanted = story.steps()[3].consequences
    assert dict(quittance.rows("select id, seats from subscriptions")) == dict(wanted.seats)
    assert dict(quittance.rows("select invoice_id, balance from followups where open")) == dict(wanted.owed)
