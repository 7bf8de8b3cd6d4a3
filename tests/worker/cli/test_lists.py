"""What is to be chased, what ends, what was told, what does not add up."""

from __future__ import annotations

from datetime import datetime

import pytest

from billing.followups import bucket_of
from simulator import story
from tests.builders import Quittance, a_customer, a_subscription, an_event, an_invoice


def test_open_followups_are_listed_with_how_late_they_are(live, read, run):
    live("cancel")  # 15 March; the invoice was due on 11 February, Montréal's date
    (followup,) = read("followups", "list")["followups"]
    assert followup["invoice_id"] == "F-10431"
    assert (followup["days_late"], followup["bucket"]) == (32, "31-60")
    assert followup["balance"] == {"minor": 172463, "currency": "CAD", "display": "1\u00a0724,63\u00a0$"}
    told = run("followups", "list").stdout
    assert "Atelier Nord" in told and followup["company"] == "Atelier Nord"
    assert "F-10431" in told and "31-60" in told and "F-10428" not in told


@pytest.mark.long
def test_closed_followups_are_listed_when_asked_for_and_are_not_late(live, read):
    live("cancel")
    found = {row["invoice_id"]: row for row in read("followups", "list", "--all")["followups"]}
    assert set(found) == {"F-10431", "F-10428"}
    assert (found["F-10428"]["state"], found["F-10428"]["days_late"], found["F-10428"]["bucket"]) == (
        "paid",
        None,
        None,
    )


@pytest.mark.parametrize(
    "days, bucket",
    [
        (0, "0-30"),
        (30, "0-30"),
        (31, "31-60"),
        (60, "31-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "over 90"),
        (None, "no date"),
    ],
)
def test_ageing_has_four_buckets(days, bucket):
    assert bucket_of(days) == bucket


@pytest.mark.long
def test_a_cancellation_is_due_from_its_instant_on(live, quittance, read, run):
    live("cancel")
    (cancellation,) = read("cancellations", "list")["cancellations"]
    assert (cancellation["subscription_id"], cancellation["state"]) == (story.TEST1234_SEATS, "scheduled")
    assert cancellation["effective_at"] == "2022-01-08T14:30:00Z"
    assert read("cancellations", "list", "--due")["cancellations"] == []
    assert run("cancellations", "list", "--due").stdout == "None is due.\n"

    run("clock", "move-to", "2022-01-08T14:30:00Z")
    assert len(read("cancellations", "list", "--due")["cancellations"]) == 1
    quittance.drain()
    assert read("cancellations", "list", "--due")["cancellations"] == []
    assert [row["state"] for row in read("cancellations", "list")["cancellations"]] == ["run"]


def test_mail_is_listed_by_its_state(quittance, read, run):
    quittance.take(an_event(a_customer(), a_subscription(), an_invoice(total=6784, paid=6784)))
    (mail,) = read("emails", "list")["emails"]
    assert (mail["key"], mail["state"], mail["recipient"]) == ("invoice:F-1:0", "sent", "marie@test1234.example")
    assert read("emails", "list", "--state", "sent")["emails"] == [mail]
    assert read("emails", "list", "--state", "held")["emails"] == []
    assert "to marie@test1234.example" in run("emails", "list").stdout
    assert "text" not in mail and "payload" not in mail


def test_findings_are_listed(quittance, read, run):
    event = an_event(a_customer())
    quittance.take(event, {**event, "event_type": "another"})
    (finding,) = read("findings", "list")["findings"]
    assert (finding["kind"], finding["object_id"], finding["times"]) == ("same_id_other_body", event["id"], 1)
    assert "same_id_other_body" in run("findings", "list").stdout


def test_derivations_are_listed_in_their_order(read, run):
    lines = read("derivations")["derivations"]
    names = [line["name"] for line in lines["subscription"]]
    assert names == sorted(names, key=lambda name: name.split(".")[1])  # modules in the order of their names
    assert "tasks.seats.bring_seats_in_line" in names
    assert all(line["does"].endswith(".") for each in lines.values() for line in each)
    assert "seats.bring_seats_in_line" in run("derivations").stdout


def test_deliveries_are_listed_beside_the_derivations(read, run):
    found = read("derivations")["deliveries"]
    assert found["email cancelled"]["name"] == "tasks.cancellations.deliver_cancelled_mail"
    assert found["callback"]["name"] == "tasks.callbacks.call_back"
    told = run("derivations").stdout
    assert "email cancelled " in told and "cancellations.deliver_cancelled_mail" in told
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize(
    "text, says",
    [
        ("import sys\n\nimport nothing_of_this_name\n", "line 3, cannot be imported: ModuleNotFoundError: No module"),
        ("x = 1\ndef broken(:\n", "line 2, cannot be imported: SyntaxError: "),
        (
            "from tasks.registry import delivers\n\n\n@delivers('callback')\ndef again(delivery): ...\n",
            "line 4, cannot be imported: ValueError: callback is delivered by call_back already",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_by_its_line(run, a_module, text, says):
    a_module(text)
    result = run("derivations", code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: tasks/zz_new.py, ") and len(result.stderr.splitlines()) == 1
    assert says in result.stderr


# ---- the outbox ------------------------------------------------------------------------------------------------------


@pytest.fixture
def quiet(db_url, tmp_path):
    """An installation that was told of something long ago, and so told nobody."""
    quittance = Quittance(db_url, tmp_path, EFFECTS_HORIZON="1 day")
    quittance.take(an_event(a_customer(), a_subscription(), an_invoice(total=6784, paid=6784)))
    assert quittance.rows("select state from outbox") == ["suppressed"] and quittance.mails() == []
    yield quittance
    quittance.close()


def test_the_outbox_lists_what_has_not_been_delivered(quiet, read):
    assert read("outbox", "list")["outbox"] == []
    (row,) = read("outbox", "list", "--state", "suppressed")["outbox"]
    assert row["key"] == "invoice:F-1:0" and row["reason"].startswith("history")
    quiet.run("update outbox set state = 'held'")
    assert [row["key"] for row in read("outbox", "list")["outbox"]] == ["invoice:F-1:0"]


def test_what_is_released_is_delivered_and_the_audit_says_who(quiet, run, monkeypatch):
    monkeypatch.setenv("LOGNAME", "marie")
    quiet.run("update outbox set attempts = 7, lease_token = 3")
    asked = run("outbox", "release", "invoice:F-1:0", answer="y\n")
    assert asked.stdout.strip() == "1 released."
    assert "invoice:F-1:0 is suppressed (history" in asked.stderr
    assert quiet.rows("select state, reason, attempts, lease_token, ended_at from outbox") == [
        ("new", None, 0, 4, None)
    ]
    quiet.drain()
    assert len(quiet.mails()) == 1
    entries = "select actor, object_type, object_id, before ->> 'state' from audit_entries where actor = 'marie'"
    assert quiet.rows(entries) == [("marie", "email", "invoice:F-1:0", "suppressed")]


def test_nothing_is_released_without_a_yes(quiet, run):
    run("outbox", "release", "invoice:F-1:0", answer="n\n", code=1)
    run("outbox", "release", "invoice:F-1:0", code=1)  # nobody there to answer
    assert quiet.rows("select state from outbox") == ["suppressed"]
    run("outbox", "release", "invoice:F-1:0", "--yes")
    assert quiet.rows("select state from outbox") == ["new"]


def test_what_was_sent_or_is_unknown_is_not_released_nor_anything_beside_it(quiet, run):
    assert "has the key x" in run("outbox", "release", "invoice:F-1:0", "x", "--yes", code=1).stderr
    assert quiet.rows("select state from outbox") == ["suppressed"]
    quiet.run("update outbox set state = 'sent'")
    assert "invoice:F-1:0 is sent" in run("outbox", "release", "invoice:F-1:0", "--yes", code=1).stderr


# ---- work ------------------------------------------------------------------------------------------------------------


def test_drain_works_off_everything_that_is_due(quittance, run, read):
    quittance.post(an_event(a_customer(), a_subscription(), an_invoice(total=6784, paid=6784)))
    assert read("drain") == {"events": 1, "cancellations": 0, "deliveries": 1}
    assert len(quittance.mails()) == 1
    assert run("drain").stdout == "0 events applied, 0 due cancellations looked at, 0 deliveries attempted.\n"


def test_mail_on_the_console_stays_out_of_the_document(quittance, run, read):
    quittance.post(an_event(a_customer(), a_subscription(), an_invoice(total=6784, paid=6784)))
    assert read("drain", MAIL_URL="console:")["deliveries"] == 1


def test_the_clock_moves_in_development_only(quittance, run):
    assert "2030-05-01T12:00:00" in run("clock", "move-to", "2030-05-01T12:00:00").stdout
    assert quittance.rows("select business_now() between '2030-05-01 12:00Z' and '2030-05-01 13:00Z'") == [True]
    run("clock", "move-to", "tomorrow", code=2)
    production = {"QUITTANCE_ENV": "production"}
    assert "development only" in run("clock", "move-to", "2031-01-01", code=1, **production).stderr
    assert quittance.rows("select extract(year from business_now())::int") == [2030]
    run("clock", "reset", **production)
    assert quittance.rows("select business_now() = now()") == [True]


def test_a_finding_that_was_acknowledged_is_listed_again_when_its_time_is_over(quittance, read, run):
    event = an_event(a_customer())
    quittance.take(event, {**event, "event_type": "another"})
    (finding,) = read("findings", "list")["findings"]
    assert "1 finding acknowledged until" in run("findings", "acknowledge", str(finding["id"]), "--days", "10").stdout
    assert read("findings", "list")["findings"] == []
    (kept,) = read("findings", "list", "--all")["findings"]
    assert kept["acknowledged_until"] > kept["last_seen_at"]
    quittance.move_clock(datetime.fromisoformat(kept["acknowledged_until"]))
    assert read("findings", "list")["findings"] == [kept]
    ((before, after),) = quittance.rows("select before, after from audit_entries where object_type = 'finding'")
    assert before == {"acknowledged_until": None}
    assert after == {"acknowledged_until": kept["acknowledged_until"], "detail": kept["detail"]}


def test_of_findings_one_of_which_is_not_there_none_is_acknowledged(quittance, read, run):
    event = an_event(a_customer())
    quittance.take(event, {**event, "event_type": "another"})
    (finding,) = read("findings", "list")["findings"]
    told = run("findings", "acknowledge", str(finding["id"]), "4711", code=1).stderr
    assert "no finding has the id 4711" in told and "None was acknowledged" in told
    assert read("findings", "list")["findings"] == [finding]
