"""Writes to Chargebee: what is asked for is refused, or is done; and what was not decided on is not done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention
from gateway.client import Pace
from models.session import transaction
from simulator import Site
from simulator.fixtures import ChargebeeApi
from simulator.pricing import MONTHLY, STORAGE
from tasks import requests
from tasks.alerts import troubles
from tasks.explain import explain
from tasks.wording import Words
from tests.builders import Quittance
from tests.tasks.writing import (
    STATE,
    Asking,
    Story,
    ends_with_its_term,
    gateway_of,
    it_was_done_once,
    owed,
    paid,
    payments,
    scheduled,
    seats,
    subscription,
)

pytestmark = pytest.mark.long  # a quick one of each verb is in tests/worker/cli/test_writes.py


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


# ---- what is refused when it is asked for ----------------------------------------------------------------------------


def refused(asked: Callable[[], object]) -> str:
    with pytest.raises(NeedsAttention) as caught:
        asked()
    return str(caught.value)


def test_a_person_is_told_in_one_sentence_what_will_happen(asking: Asking, site: Site) -> None:
    assert asking.seats(8).says == (
        "Subscription boreal of customer marie goes from 5 to 8 seats now; the rest of the term is billed at once, "
        "prorated."
    )
    assert asking.seats(2).says == (
        "Subscription boreal of customer marie goes from 5 to 2 seats at its renewal on 2021-02-11."
    )
    assert asking.seats(2, when="now").says.endswith("2 seats now; the rest is credited, prorated.")
    assert asking.schedule().says.endswith("ends on 2021-02-11, the end of its term; nothing is credited.")
    assert asking.schedule(on=date(2021, 3, 31)).says.endswith(
        "ends on 2021-03-31, with that day; nothing is credited."
    )
    assert asking.payment("100.00").says == (
        "Cheque 001482 of 100.00 CAD, received on 2021-01-11, is recorded on invoice "
        f"{owed(site)['id']} of customer marie: 239.18 CAD is left to pay."
    )
    assert "1.00 CAD too much stays as excess payment" in asking.payment("340.18").says
    scheduled(site)
    assert asking.seats(8).says.endswith(
        "The edit removes its cancellation for 2021-02-11, which is scheduled again at once."
    )
    assert asking.withdraw().says.endswith("goes on: its cancellation for 2021-02-11 is withdrawn.")


def test_what_cannot_be_is_refused_before_anything_is_written(asking: Asking, quittance: Quittance, site: Site) -> None:
    assert "has 5 seats already" in refused(lambda: asking.seats(5, when="now"))
    assert "nothing to withdraw" in refused(asking.withdraw)
    assert "is not to end; it is not ended before that" in refused(asking.run)
    assert "2021-01-10 has passed" in refused(lambda: asking.schedule(on=date(2021, 1, 10)))
    assert "is to come" in refused(lambda: asking.payment(received_on=date(2021, 1, 12)))
    assert "12,345 has more decimals than CAD" in refused(lambda: asking.payment("12,345"))
    assert "gives no seats" in refused(lambda: asking.seats(8, price="soutien"))
    paid(site)
    assert "is recorded on invoice" in refused(asking.payment)
    scheduled(site)
    assert "to end on 2021-02-11 already" in refused(asking.schedule)
    assert "there is no renewal to wait for" in refused(lambda: asking.seats(2))
    assert "is not ended before that" in refused(asking.run)
    site.advance(days=30, hours=1)
    assert "ends within 25 hours" in refused(lambda: asking.seats(8))
    site.advance(days=2)
    assert "is cancelled; only a live one" in refused(lambda: asking.seats(8))
    assert quittance.rows(STATE) == []


def test_a_change_that_is_scheduled_is_not_lost_to_an_edit(asking: Asking, site: Site) -> None:
    site.change_seats("boreal", 3, end_of_term=True)
    assert "an edit would remove it" in refused(lambda: asking.seats(8))
    assert "has 3 seats then already" in refused(lambda: asking.seats(3))
    assert asking.do(asking.seats(2)) == [("sent", None)]
    assert site.scheduled_version("boreal")["subscription_items"][0]["quantity"] == 2


def test_where_two_items_give_seats_a_person_says_which(asking: Asking, quittance: Quittance, site: Site) -> None:
    site.update_items("boreal", [{"item_price_id": STORAGE.id, "quantity": 3}])
    asking.rules = replace(asking.rules, seat_item_prices=frozenset({"stockage-*"}))
    assert f"--item {MONTHLY.id} | {STORAGE.id}" in refused(lambda: asking.seats(10))
    assert asking.do(asking.seats(10, price=STORAGE.id)) == [("sent", None)]
    sold = {each["item_price_id"]: each["quantity"] for each in subscription(site)["subscription_items"]}
    assert sold == {MONTHLY.id: 5, STORAGE.id: 5}
    assert "other items give 5 seats" in refused(lambda: asking.seats(5, price=STORAGE.id))


def test_of_one_object_only_one_write_is_under_way(asking: Asking) -> None:
    more, fewer = asking.seats(8), asking.seats(2)
    key = asking.intend(more)
    assert f"{key} is under way" in refused(lambda: asking.intend(fewer))
    asking.intend(asking.payment())  # another object


def test_the_intent_says_who_asked_and_what_was_seen(asking: Asking, quittance: Quittance) -> None:
    key = asking.intend(asking.seats(8))
    ((actor, before, after),) = quittance.rows(
        "select actor, before, after from audit_entries where object_id = 'boreal' and object_type = 'subscription'"
    )
    assert actor == "clerk" and before["quantity"] == 5 and after["intent"] == key
    assert len(key) < 100


# ---- what changed meanwhile ------------------------------------------------------------------------------------------


class Meanwhile(Pace):
    """Somebody does something at the site as the system is about to make its nth call."""

    def __init__(self, call: int, does: Callable[[], object]) -> None:
        self.left, self.does = call, does

    def before_call(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.does()

    def asked_to_wait(self, seconds: float | None) -> None: ...


def test_a_payment_is_not_recorded_on_an_invoice_that_owes_something_else_by_now(
    asking: Asking, quittance: Quittance, site: Site
) -> None:
    asking.intend(asking.payment())
    site.record_payment(owed(site)["id"], amount=33_918, reference="another")
    quittance.drain()
    ((state, reason),) = quittance.rows(STATE)
    assert state == "failed"
    assert "it was posted with 33918 due (minor units), it is paid with 0" in reason
    assert payments(site) == [(33_918, "another")]
    assert quittance.rows("select kind, severity from findings") == [("delivery_failed", "error")]


def test_the_same_payment_that_a_clerk_recorded_in_chargebee_meanwhile_is_that_payment(
    asking: Asking, quittance: Quittance, site: Site
) -> None:
    asking.intend(asking.payment())
    paid(site)
    quittance.drain()
    assert quittance.rows(STATE) == [("sent", "it was so already")]
    assert payments(site) == [(10_000, "001482")]


def test_a_payment_that_was_recorded_and_taken_off_meanwhile_is_not_recorded_again(
    asking: Asking, quittance: Quittance, site: Site, chargebee_api: ChargebeeApi
) -> None:
    asking.intend(asking.payment())
    chargebee_api.faults.plan("cut", when="after", path="record_payment")
    quittance.drain()
    site.delete_offline_transaction(site.find("transaction")[0]["id"])
    quittance.hurry()
    ((state, reason),) = quittance.rows(STATE)
    assert state == "failed" and "taken off since; it is not recorded again" in reason
    assert payments(site) == []
    assert asking.do(asking.payment())[-1] == ("sent", None)  # unless a person asks anew
    assert payments(site) == [(10_000, "001482")]


def test_a_subscription_that_somebody_changed_meanwhile_is_left_alone(
    asking: Asking, quittance: Quittance, site: Site
) -> None:
    asking.intend(asking.seats(8))
    site.change_seats("boreal", 6)
    quittance.drain()
    ((state, reason),) = quittance.rows(STATE)
    assert state == "failed"
    assert "it was active, 5 of" in reason and "it is active, 6 of" in reason
    assert seats(site) == 6


def test_an_end_that_an_edit_removed_and_that_cannot_be_scheduled_again_is_told(
    asking: Asking, quittance: Quittance, site: Site
) -> None:
    scheduled(site)
    asking.intend(asking.seats(8))
    # read, edit, and as it reads again somebody else has edited
    pace = Meanwhile(3, lambda: site.change_seats("boreal", 9))
    quittance.couriers = replace(quittance.couriers, gateway=gateway_of(quittance, pace))
    quittance.drain()
    ((state, reason),) = quittance.rows(STATE)
    assert state == "failed" and "was changed meanwhile" in reason
    assert "Chargebee has no end of it any more; schedule it again" in reason
    assert reason.endswith("quittance cancellations schedule boreal --at-term-end")
    assert quittance.rows("select detail from findings") == [reason]


def test_a_bounced_payment_whose_money_pays_another_invoice_before_it_is_deleted_is_told(
    asking: Asking, quittance: Quittance, site: Site
) -> None:
    paid(site)
    (payment,) = site.find("transaction")
    other = site.charge_invoice("marie", [], charges=[{"amount": 10_000, "description": "Formation"}])
    asking.intend(asking.take_back(payment["id"]))
    pace = Meanwhile(4, lambda: site.apply_payments(other["id"]))  # two reads, taken off, and now it is read again
    quittance.couriers = replace(quittance.couriers, gateway=gateway_of(quittance, pace))
    quittance.drain()
    ((state, reason),) = quittance.rows(STATE)
    assert state == "failed"
    assert f"on {other['id']}" in reason and "could pay another invoice; delete it in Chargebee" in reason
    assert payments(site) == [(10_000, "001482")]


def test_what_chargebee_refuses_is_told_in_its_words_and_asked_again_when_released(
    asking: Asking, quittance: Quittance, site: Site
) -> None:
    request = asking.schedule(reason="x" * 101)
    assert asking.do(request)[0][0] == "failed"
    ((_, reason),) = quittance.rows(STATE)
    assert "400 param_wrong_value" in reason and "cancel_reason_code" in reason
    quittance.run("update outbox set state = 'new', due_at = now() where state = 'failed'")
    quittance.drain()
    keys = quittance.rows(
        "select jsonb_array_elements(payload -> 'calls') ->> 'key' from outbox where payload ? 'calls'"
    )
    assert len(set(keys)) == 2  # an answer that is kept under the first would be given again


def test_a_call_that_fails_for_a_day_is_given_up_and_operators_hear_of_it(
    asking: Asking, quittance: Quittance, site: Site, chargebee_api: ChargebeeApi
) -> None:
    scheduled(site)
    asking.intend(asking.seats(8))
    chargebee_api.faults.plan("internal_error", path="cancel_for_items", times=None)
    quittance.drain()
    ((state, reason),) = quittance.rows(STATE)
    assert state == "new" and "Chargebee has no end of it any more" in reason
    quittance.run("update outbox set waiting_since = now() - interval '25 hours'")
    quittance.hurry()
    ((state, reason),) = quittance.rows(STATE)
    assert state == "failed" and reason.startswith("given up after a day: ")
    assert "Chargebee has no end of it any more" in reason
    with transaction(quittance.engine) as session:
        assert "failed_deliveries" in [each.alert for each in troubles(session, timedelta(0))]


# ---- ends ------------------------------------------------------------------------------------------------------------


def test_a_cancellation_with_a_day_is_for_chargebee_to_carry_out_with_the_last_second_of_it(
    asking: Asking, quittance: Quittance, site: Site
) -> None:
    assert asking.do(asking.schedule(on=date(2021, 3, 31), reason="moved")) == [("sent", None)]
    at = datetime(2021, 4, 1, 3, 59, 59, tzinfo=UTC)
    assert subscription(site)["cancelled_at"] == at.timestamp()
    assert quittance.rows("select state, effective_at, effective_on, executed_by, reason from cancellations") == [
        ("scheduled", at, date(2021, 3, 31), "chargebee", "moved")
    ]
    assert asking.do(asking.schedule(on=date(2021, 2, 11)))[-1] == ("sent", None)
    assert ends_with_its_term(site)  # the day on which the term ends is its end
    assert quittance.rows("select state from cancellations order by effective_at") == ["scheduled", "withdrawn"]


def test_an_end_that_chargebee_did_not_carry_out_is_carried_out_here_when_somebody_asks(
    asking: Asking, quittance: Quittance, site: Site
) -> None:
    scheduled(site)
    quittance.take(*site.events)
    end = datetime.fromtimestamp(subscription(site)["cancelled_at"], UTC)
    quittance.move_clock(end + timedelta(hours=2))  # the site's clock does not go along: nothing happens there
    request = requests.run_cancellation(asking.gateway, asking.rules, end + timedelta(hours=2), "boreal")
    assert asking.do(request) == [("sent", None)]
    quittance.hurry()
    assert subscription(site)["status"] == "cancelled"
    assert quittance.rows("select state, executed_by, confirmed from cancellations") == [("run", "worker", True)]
    assert quittance.rows("select seats from subscriptions") == [0]
    assert len([mail for mail in quittance.mails() if "est annulé" in str(mail["Subject"])]) == 1


def test_an_end_that_was_withdrawn_before_it_is_run_here_is_not_run(
    asking: Asking, quittance: Quittance, site: Site
) -> None:
    scheduled(site)
    end = datetime.fromtimestamp(subscription(site)["cancelled_at"], UTC)
    asking.intend(requests.run_cancellation(asking.gateway, asking.rules, end, "boreal"))
    site.remove_scheduled_cancellation("boreal")
    quittance.move_clock(end)
    quittance.drain()
    ((state, reason),) = quittance.rows(STATE)
    assert state == "failed" and "is not to be ended any more" in reason
    assert subscription(site)["status"] == "active"


def test_a_write_is_explained_by_who_asked_for_it(quittance: Quittance, asking: Asking) -> None:
    asking.intend(asking.seats(9))
    quittance.drain()
    with Session(quittance.engine) as session:
        facts = explain(session, Words("en_CA", "America/Toronto"), "subscription", "boreal").facts
    told = [fact.text for fact in facts]
    asked = next(n for n, text in enumerate(told) if text.startswith("clerk asked for set_seats: Subscription boreal"))
    assert "seats 5 -> 9 of boreal-cloud-CAD-Monthly" in told[asked:]
    assert "call set_seats about boreal sent" in told[asked:]
