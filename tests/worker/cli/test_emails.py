"""Mail from the command line: what was said, what a person decides about it, and how each kind looks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emails import kinds
from emails.render import HERE
from tests.builders import a_customer, a_subscription, an_event, an_invoice

KEY = "invoice:F-1:0"


@pytest.fixture
def mailed(quittance):
    """A system from which the mail of one paid invoice has left."""
    quittance.take(an_event(a_customer(), a_subscription(), an_invoice(total=6784, paid=6784)))
    return quittance


def states(quittance):
    return dict(quittance.rows("select key, state from outbox where kind = 'email' order by id"))


def test_a_mail_is_shown_by_its_key_or_its_number(mailed, read, run):
    shown = read("emails", "show", KEY)["email"]
    assert read("emails", "show", str(shown["id"]))["email"] == shown
    assert (shown["state"], shown["recipient"], shown["locale"]) == ("sent", "marie@test1234.example", "fr_CA")
    assert "67,84" in shown["text"] and "said" not in shown
    assert [entry["after"]["state"] for entry in shown["history"]] == ["new", "sent"]
    told = run("emails", "show", KEY).stdout
    assert "marie@test1234.example" in told and "Bonjour Marie" in told
    assert all(len(line) <= 80 for line in told.partition("Text")[0].splitlines())


@pytest.mark.parametrize("named", ["invoice:F-2:0", "999", "9" * 30, "x\x1b[31m"])
def test_a_mail_that_is_not_there_is_a_problem(mailed, run, named):
    told = run("emails", "show", named, code=1).stderr
    assert "no mail has the number or the key" in told and "emails list" in told and "\x1b" not in told


def test_a_mail_is_sent_again_as_one_of_its_own(mailed, run, read):
    run("emails", "resend", KEY, "--yes")
    mailed.drain()
    assert states(mailed) == {KEY: "sent", f"{KEY}+1": "sent"}
    first, again = mailed.mails()
    assert first["Message-ID"] != again["Message-ID"] and again["To"] == first["To"]
    run("emails", "resend", f"{KEY}+1", "--to", "luc@test1234.example", "--yes")
    mailed.drain()
    assert states(mailed) == {KEY: "sent", f"{KEY}+1": "sent", f"{KEY}+2": "sent"}
    assert mailed.mails()[-1]["To"] == "luc@test1234.example"
    history = read("emails", "show", f"{KEY}+2")["email"]["history"]
    assert history[0]["after"] == {"state": "new", "again": f"{KEY}+1", "to_another": True}
    assert history[0]["actor"] != "chargebee"


def test_it_asks_before_it_sends_again(mailed, run):
    told = run("emails", "resend", KEY, code=1, answer="n\n")
    assert f"Send {KEY} again to marie@test1234.example?" in told.stderr
    assert states(mailed) == {KEY: "sent"}


def test_a_held_mail_that_is_sent_again_is_decided_and_one_that_arrived_is_sent(mailed, run, read):
    mailed.run("update outbox set state = 'held', reason = 'who knows'")
    assert "it would arrive twice" in run("emails", "resend", KEY, "--yes").stderr
    assert states(mailed) == {KEY: "suppressed", f"{KEY}+1": "new"}
    assert read("emails", "show", KEY)["email"]["reason"] == f"sent again as {KEY}+1"

    mailed.run("update outbox set state = 'held' where key = :key", key=KEY)
    run("emails", "mark-sent", KEY, "--yes")
    assert states(mailed)[KEY] == "sent"
    assert "not held" in run("emails", "mark-sent", KEY, "--yes", code=1).stderr


def test_what_has_not_left_is_not_sent_again(mailed, run):
    mailed.run("update outbox set state = 'new'")
    assert "it leaves by itself" in run("emails", "resend", KEY, "--yes", code=1).stderr
    mailed.run("update outbox set state = 'suppressed', recipient = null")
    assert "was never for anybody" in run("emails", "resend", KEY, "--yes", code=1).stderr
    assert states(mailed) == {KEY: "suppressed"}


def test_a_mail_whose_fact_no_longer_holds_is_not_sent_again(mailed, run):
    mailed.take(an_event(an_invoice(2, total=6784, paid=6784, status="voided")))
    run("emails", "resend", KEY, "--yes")
    mailed.drain()
    assert states(mailed)[f"{KEY}+1"] == "suppressed"


def test_links_are_closed_by_mail_or_by_customer(mailed, run, read):
    run("emails", "revoke", KEY, "--yes")
    assert read("emails", "show", KEY)["email"]["links_revoked_at"]
    assert "The links of 0 mails are closed." in run("emails", "revoke", "--customer", "cust_1", "--yes").stdout
    assert "Name mails, or a --customer" in run("emails", "revoke", code=2).stderr


def test_every_kind_is_listed(run, read):
    assert [row["name"] for row in read("emails", "kinds")["kinds"]] == [kind.name for kind in kinds.ALL]
    told = run("emails", "kinds").stdout
    assert all(kind.name in told for kind in kinds.ALL) and all(len(line) <= 80 for line in told.splitlines())


def test_previews_are_written_as_pages(run, tmp_path: Path):
    told = run("emails", "preview", "--out", str(tmp_path / "out")).stdout
    assert "index.html" in told and (tmp_path / "out" / "invoice.due.fr_CA.html").exists()
    (tmp_path / "file").write_text("")
    run("emails", "preview", "--out", str(tmp_path / "file"), code=2)


def test_a_test_mail_is_marked(run, tmp_path: Path):
    run("emails", "send-test", "invoice", "--to", "me@example.com", "--sample", "due", "--locale", "en_CA")
    (file,) = (tmp_path / "mail").glob("*.eml")
    assert "To: me@example.com" in file.read_text() and "[Test] Your invoice" in file.read_text()
    wrong_sample = run("emails", "send-test", "invoice", "--to", "a@b.example", "--sample", "x", code=2)
    assert "There is no sample 'x'; there is " in wrong_sample.stderr
    assert "There is no kind 'invoyce'" in run("emails", "send-test", "invoyce", "--to", "a@b.example", code=2).stderr
    two = run("emails", "send-test", "invoice", "--to", "a@b.example, c@d.example", code=1)
    assert "nothing was sent" in two.stderr


def test_own_templates_are_checked(run, read, tmp_path: Path):
    assert "Name a FOLDER" in run("emails", "lint", code=2).stderr
    own = tmp_path / "own" / "invoice"
    shutil.copytree(HERE / "templates" / "invoice", own)
    assert run("emails", "lint", str(own.parent)).stdout == "Nothing is wrong.\n"
    (own / "subject.txt").write_text("\n{{ mail.numbr }}")
    told = run("emails", "lint", EMAIL_TEMPLATE_DIR=str(own.parent), code=1).stdout
    assert "subject.txt:2: mail.numbr is not known" in told and "write mail.number" in told


def test_an_address_that_takes_mail_again_is_cleared_by_its_number(mailed, run):
    from sqlalchemy.orm import Session

    from tasks.bounces import mark_dead

    with Session(mailed.engine) as session, session.begin():
        mark_dead(session, "marie@test1234.example", customer_id="cust_1", reason="550 gone", reported_by="ses")
    assert "clear-address 1" in mailed.rows("select detail from findings")[0]
    run("emails", "clear-address", "1", "--yes")
    assert mailed.rows("select count(*) from dead_addresses") == [0]
    assert "findings list" in run("emails", "clear-address", "1", "--yes", code=1).stderr
