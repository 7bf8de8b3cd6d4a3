"""Events as they came in, and doing them again through the same door."""

from __future__ import annotations

import json

import pytest
import redis

from tests.builders import a_customer, a_link, a_subscription, an_event, an_invoice


@pytest.fixture
def three(quittance):
    """One event that was applied, one that was ignored, one that is parked; in this order."""
    applied = an_event(a_customer(), a_subscription(seats=3), an_invoice(total=6784, paid=6784), type="first")
    ignored = an_event(a_customer(), a_subscription(seats=3), type="second")
    parked = an_event(a_customer(), a_subscription(2, subscription_items=None), type="third")
    for event in (applied, ignored, parked):
        quittance.take(event)
    assert [quittance.ending(event)[0] for event in (applied, ignored, parked)] == ["applied", "ignored", "parked"]
    return applied, ignored, parked


def test_the_list_has_the_newest_first_and_can_be_narrowed(three, read):
    applied, ignored, parked = (event["id"] for event in three)
    assert [row["id"] for row in read("events", "list")["events"]] == [parked, ignored, applied]
    assert [row["id"] for row in read("events", "list", "--status", "parked")["events"]] == [parked]
    assert [row["id"] for row in read("events", "list", "--type", "second")["events"]] == [ignored]
    assert read("events", "list", "--type", "second", "--status", "parked")["events"] == []


def test_an_id_that_is_very_long_does_not_ruin_the_table(three, quittance, run, read):
    long = "sha256:" + "0123456789abcdef" * 4
    quittance.run(f"update inbox_events set id = '{long}', event_type = 'invoice_generated' where status = 'ignored'")
    result = run("events", "list", "--status", "ignored")
    title, line, *_ = result.stdout.splitlines()
    assert title.split() == ["STATUS", "RECEIVED", "(UTC)", "TYPE", "EVENT"]
    assert line.split()[3:] == ["invoice_generated", "sha256:0123456789ab..89abcdef"]
    assert "--json has them whole" in result.stderr
    assert read("events", "list", "--status", "ignored")["events"][0]["id"] == long
    assert run("events", "list", "--status", "applied").stderr.count("whole") == 0
    assert "sha256:0123456789ab..89abcdef" in run("show", "customer", "cust_1").stdout


def test_a_list_that_is_cut_says_so_beside_the_document(three, run):
    result = run("events", "list", "--limit", "2", "--json")
    assert len(json.loads(result.stdout)["events"]) == 2
    assert "newest 2" in result.stderr
    assert run("events", "list", "--limit", "3", "--json").stderr == ""


def test_a_parked_event_is_listed_with_its_reason(three, run, quittance):
    told = " ".join(run("events", "list", "--status", "parked").stdout.split())
    assert quittance.ending(three[2])[1] in told


def test_an_event_is_shown_with_its_body(three, read, run):
    shown = read("events", "show", three[0]["id"])
    assert shown["body"] == three[0]
    assert (shown["event"]["status"], shown["event"]["customer_ids"]) == ("applied", ["cust_1"])
    assert '"subscription_items"' in run("events", "show", three[0]["id"]).stdout


def test_the_body_of_an_event_may_be_gone(three, quittance, read, run):
    quittance.run(f"update inbox_events set raw = null where id = '{three[0]['id']}'")
    assert read("events", "show", three[0]["id"])["body"] is None
    assert "not kept" in run("events", "show", three[0]["id"]).stdout


def test_what_a_terminal_would_obey_is_not_printed(quittance, run, read):
    event = an_event(a_customer(company="\x1b[2J\x9b31mBoréal"))
    quittance.take(event)
    for arguments in (("events", "show", event["id"]), ("show", "customer", "cust_1")):
        assert "\x1b" not in run(*arguments).stdout and "\x9b" not in run(*arguments).stdout
        assert "\x9b" not in run(*arguments, "--json").stdout
    assert read("events", "show", event["id"])["body"] == event


def test_an_unknown_event_is_said_to_be_unknown(run):
    assert "no event ev_0 has come in" in run("events", "show", "ev_0", code=1).stderr


def test_a_parked_event_is_applied_once_its_cause_is_gone(quittance, run):
    event = an_event(a_customer(), a_subscription(seats=3))
    assert quittance.post(event).status_code == 200
    quittance.run("update inbox_events set status = 'parked', starts = 5, due_at = now() + interval '1 hour'")
    assert quittance.drain()["events"] == 0

    replayed = run("events", "replay", event["id"])
    assert replayed.stdout == "1 event to be applied again.\n"
    assert replayed.stderr == f"What comes of it: quittance explain event {event['id']}\n"
    assert quittance.rows("select status, starts, reason, due_at <= now() from inbox_events") == [
        ("pending", 0, None, True)
    ]
    quittance.drain()
    assert quittance.rows("select seats from subscriptions") == [3]


def test_a_parked_event_that_can_never_be_applied_is_set_aside_with_a_reason(three, quittance, run, read, monkeypatch):
    monkeypatch.setenv("LOGNAME", "josée")
    parked = three[2]["id"]
    assert run("events", "ignore", parked, "--reason", " sent by the old site ").stdout == "1 event set aside.\n"
    assert quittance.ending(three[2]) == ("ignored", "set aside by josée: sent by the old site")
    assert read("events", "list", "--status", "parked")["events"] == []
    told = run("explain", "event", parked).stdout
    assert f"josée set {parked} aside: sent by the old site" in " ".join(told.split())
    run("events", "replay", parked)
    quittance.drain()
    assert quittance.ending(three[2])[0] == "parked"


def test_only_what_is_parked_is_set_aside_and_with_a_reason(three, quittance, run):
    applied, _, parked = (event["id"] for event in three)
    result = run("events", "ignore", parked, applied, "nobody", "--reason", "old", code=1)
    assert f"no event nobody has come in; {applied} is applied. Nothing was set aside." in " ".join(
        result.stderr.split()
    )
    assert quittance.ending(three[2])[0] == "parked"
    for reason in ([], ["--reason", " "]):
        run("events", "ignore", parked, *reason, code=2)


def test_what_was_applied_is_not_done_twice(three, quittance, run):
    before = quittance.rows("select key, state from outbox order by key"), len(quittance.mails())
    run("events", "replay", three[0]["id"], three[1]["id"])
    assert quittance.drain()["events"] == 2
    assert (quittance.rows("select key, state from outbox order by key"), len(quittance.mails())) == before
    assert quittance.rows("select seats from subscriptions") == [3]


def test_parked_events_are_replayed_all_at_once_and_each_once(three, quittance, run):
    another = an_event(
        a_customer(id="cust_2"), a_subscription(id="sub_2", customer_id="cust_2", subscription_items=None)
    )
    quittance.take(another)
    assert run("events", "replay", "--parked").stdout == "2 events to be applied again.\n"
    pending = quittance.rows("select id from inbox_events where status = 'pending' order by seq")
    assert pending == [three[2]["id"], another["id"]]
    quittance.drain()
    assert quittance.ending(another)[0] == "parked"


def test_nothing_parked_is_nothing_to_replay(run):
    assert run("events", "replay", "--parked").stdout == "0 events to be applied again.\n"


def test_one_that_cannot_be_replayed_stops_them_all(three, quittance, run):
    result = run("events", "replay", three[0]["id"], "ev_0", code=1)
    assert "no event ev_0 has come in" in result.stderr and "Nothing was replayed" in result.stderr
    quittance.run(f"update inbox_events set raw = null where id = '{three[2]['id']}'")
    assert "not kept any more" in run("events", "replay", three[2]["id"], code=1).stderr
    assert quittance.rows("select count(*) from inbox_events where status = 'pending'") == [0]


def test_an_event_that_is_pending_is_left_alone(quittance, run):
    event = an_event(a_customer())
    quittance.post(event)
    quittance.run("update inbox_events set starts = 2")
    result = run("events", "replay", event["id"])
    assert result.stdout == "0 events to be applied again.\n" and "pending already" in result.stderr
    assert quittance.rows("select starts from inbox_events") == [2]


def test_the_audit_says_who_replayed_what(three, quittance, run, monkeypatch):
    monkeypatch.setenv("LOGNAME", "marie")
    run("events", "replay", three[2]["id"])
    assert quittance.rows(
        "select actor, object_id, before ->> 'status' from audit_entries where object_type = 'event'"
    ) == [("marie", three[2]["id"], "parked")]


def test_a_replay_rings(three, run, broker_url, key_prefix):
    run("events", "replay", three[2]["id"], BROKER_URL=broker_url, BROKER_KEY_PREFIX=key_prefix)
    with redis.Redis.from_url(broker_url) as broker:
        assert broker.llen(f"{key_prefix}events") == 1
        broker.delete(f"{key_prefix}events")


@pytest.mark.parametrize("arguments", [(), ("ev_1", "--parked"), ("ev_1", "--type", "first"), ("--dry-run",)])
def test_a_replay_of_nothing_or_of_both_is_wrong_usage(run, arguments):
    assert "Usage" in run("events", "replay", *arguments, code=2).stderr


def test_events_are_chosen_by_type_instant_and_status_together(three, quittance, run):
    assert run("events", "replay", "--type", "first", "--parked").stdout == "0 events to be applied again.\n"
    assert run("events", "replay", "--type", "third", "--parked").stdout == "1 event to be applied again.\n"
    result = run("events", "replay", "--since", "2021-01-01")
    assert result.stdout == "2 events to be applied again.\n" and "1 event left alone: pending" in result.stderr


def test_many_events_are_asked_for(quittance, run):
    for number in range(51):
        quittance.post(an_event(a_customer(id=f"cust_{number}")))
    quittance.run("update inbox_events set status = 'parked'")
    declined = run("events", "replay", "--parked", code=1)
    assert "Apply 51 events again?" in declined.stderr and "--dry-run" in declined.stderr
    assert quittance.rows("select count(*) from inbox_events where status = 'pending'") == [0]
    assert run("events", "replay", "--parked", "--yes").stdout == "51 events to be applied again.\n"


def test_a_dry_run_says_rows_money_seats_and_mail(quittance, run, read):
    quittance.take(an_event(a_customer(auto_collection="off"), a_subscription(seats=3), an_invoice(total=301009)))
    invoice = an_invoice(2, total=301009, paid=10000, linked_payments=[a_link(applied=10000)])
    event = an_event(a_customer(2, auto_collection="off", email="new@test1234.example"), a_subscription(2, 7), invoice)
    quittance.post(event)
    quittance.run("update inbox_events set status = 'parked' where status = 'pending'")

    result = run("events", "replay", "--parked", "--dry-run")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "1 event would end applied" and lines[-1] == "Nothing was written."
    for line in (
        "subscriptions sub_1",
        "seats: 3 -> 7",
        "amount_due: 3\u00a0010,09\u00a0$ -> 2\u00a0910,09\u00a0$".replace("\u00a0", " "),
        "email: m***@t*** -> n***@t***",
        "seats 3 7 +4",
        "mail seats_changed about sub_1 to n***@t***",
        "not again: invoice:F-1:0, it is sent already",
    ):
        assert line in lines, result.stdout
    assert "@test1234" not in result.stdout and max(map(len, result.stdout.splitlines())) <= 80
    assert quittance.ending(event)[0] == "parked"

    told = read("events", "replay", event["id"], "--dry-run")
    assert told["events"]["would_end"] == {"applied": 1}
    (owed, *_) = told["money"]
    assert (owed["what"], owed["difference"]["minor"], owed["difference"]["currency"]) == (
        "owed on invoices",
        -10000,
        "CAD",
    )
    assert {row["table"]: row["after"] for row in told["rows"]}["customers"]["email"] == "n***@t***"
    assert [each["to"] for each in told["deliveries"] if each["name"] == "seats_changed"] == [["n***@t***"]]


def test_a_dry_run_of_much_shows_a_part_and_counts_the_rest(quittance, run):
    for number in range(9):
        quittance.post(an_event(a_customer(id=f"cust_{number}")))
    quittance.run("update inbox_events set status = 'parked', raw = case when seq > 1 then raw end")
    result = run("events", "replay", "--parked", "--dry-run", "--limit", "3")
    assert "and 5 events more" in result.stdout and "and 5 rows more (in all: customers 8)" in result.stdout
    assert "1 event left alone: bodies are emptied after 90 days" in result.stderr


def test_a_dry_run_of_nothing_says_so(run):
    assert "No such events" in run("events", "replay", "--parked", "--dry-run").stdout
