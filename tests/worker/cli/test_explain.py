"""`quittance explain` as it is read at night: an id in, its story out, in eighty columns or as one document."""

from __future__ import annotations

import pytest

from simulator import story
from tests.builders import a_customer, a_subscription, an_event, an_invoice


@pytest.fixture
def lived(quittance):
    quittance.take(an_event(a_customer(auto_collection="off"), a_subscription(seats=3), an_invoice(total=301009)))
    quittance.take(event := an_event(a_subscription(2, seats=7), type="subscription_changed"))
    return event


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_an_id_alone_is_enough(lived, run):
    told = lines(run("explain", "F-1").stdout)
    assert told[1] == "Invoice F-1 now"
    assert "its case is open: collection is off, as its customer says, and 3 010,09 $ is owed" in " ".join(told)
    assert told[-1] == "Times are America/Toronto's."
    assert lines(run("explain", "invoice", "F-1").stdout) == told


@pytest.mark.parametrize("id", ["cust_1", "sub_1", "F-1"])
def test_a_story_fits_eighty_columns_and_shows_no_address(lived, run, id):
    for arguments in ((id,), (id, "--json")):
        told = run("explain", *arguments).stdout
        assert "m***@t***" in told and "@test1234" not in told
    assert max(map(len, run("explain", id).stdout.splitlines())) <= 80


def test_the_document_has_typed_facts_with_what_they_are_about(lived, read):
    told = read("explain", "sub_1")
    assert (told["kind"], told["id"], told["left_out"]) == ("subscription", "sub_1", {"facts": 0, "more": False})
    assert told["now"][0] == "7 seats: 7 of licence-CAD-monthly; it is active"
    fact = next(each for each in told["timeline"] if each["text"].startswith("seats 3 -> 7"))
    assert fact.pop("at").endswith("Z")
    assert fact == {
        "kind": "change",
        "text": "seats 3 -> 7 of licence-CAD-monthly",
        "object": {"type": "subscription", "id": "sub_1"},
        "event_id": lived["id"],
        "details": {"before": 3, "after": 7, "item_price_id": "licence-CAD-monthly"},
    }
    assert {each["kind"] for each in told["timeline"]} == {"event", "change", "decision", "mail"}


def test_a_long_story_is_cut_and_says_so(lived, run, read):
    result = run("explain", "sub_1", "--limit", "2")
    assert "Only the newest 2 of" in result.stderr and "seats_changed" in result.stdout
    assert len(read("explain", "sub_1", "--limit", "2")["timeline"]) == 2
    assert read("explain", "sub_1", "--limit", "2")["left_out"]["facts"] > 2
    assert "Nothing is written down of that time" in run("explain", "sub_1", "--since", "2999-01-01").stdout


def test_an_id_of_two_things_is_asked_back(quittance, run):
    quittance.take(an_event(a_customer(id="same"), a_subscription(id="same", customer_id="same")))
    told = run("explain", "same", code=1).stderr
    assert "quittance explain customer same or quittance explain subscription same" in told
    assert "Subscription same now" in run("explain", "subscription", "same").stdout


def test_an_id_of_something_else_leads_on(lived, run):
    mail = run("explain", "invoice:F-1:0", code=1).stderr
    assert "is a mail about F-1; its story: quittance explain ev_" in mail and "or quittance explain F-1" in mail
    address = run("explain", "Marie@test1234.example", code=1).stderr
    assert address == "Error: M***@t*** is an address; its story: quittance explain cust_1\n"
    assert "no customer, subscription, invoice or event" in run("explain", "nobody@nowhere.example", code=1).stderr
    assert "no customer, subscription, invoice or event F-2 is known" in run("explain", "F-2", code=1).stderr
    assert "no customer F-1 is known" in run("explain", "customer", "F-1", code=1).stderr


@pytest.mark.parametrize("words", [(), ("nothing", "F-1"), ("invoice", "F-1", "F-2")])
def test_other_words_are_wrong_usage(run, words):
    assert "Usage" in run("explain", *words, code=2).stderr


@pytest.mark.long
def test_a_years_story_is_told_whole(live, run, quittance):
    live([step.name for step in story.steps()][-1])
    told = " ".join(lines(run("explain", story.TEST1234_SEATS).stdout))
    for fact in (
        "decision case F-10428 opened: collection is off and 3 010,09 $ is owed, to be paid by bank transfer",
        "seats 1 -> 5 of boreal-cloud-CAD-Yearly",
        "cancellation_removed about boreal-cloud-test1234 queued: it goes on after all",
        "decision boreal-cloud-test1234 has ended on 2022-01-08 09:30",
        "mail cancelled about boreal-cloud-test1234 sent to m***@t***",
    ):
        assert fact in told
    for (id,) in [(id,) for id in quittance.rows("select id from inbox_events")]:
        run("explain", "event", id)
