"""The make-believe Chargebee from the command line: what it sends where, and what it refuses to."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator

import httpx
import pytest

from local.children import free_port
from simulator import story
from tests.conftest import eventually
from tests.simulator.receiver import PASSWORD, USER, Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def simulate(run, receiver, monkeypatch):
    """Run a verb of `simulate` with the receiver as its target."""
    monkeypatch.setenv("SIMULATE_WEBHOOK_CREDENTIALS", f"{USER}:{PASSWORD}")

    def go(verb, *arguments, **more):
        return run("simulate", verb, *arguments, "--webhook", receiver.url, **more)

    return go


def test_a_story_is_told_step_by_step_to_the_receiver(simulate, receiver):
    told = simulate("story", "year").stdout
    site = story.a_site()
    for step in story.steps():
        step.play(site)
    assert sorted(receiver.ids) == sorted(event["id"] for event in site.events)
    assert " 1. 2021-01-04  Société Test1234 buys one monthly seat" in told
    assert "12. 2022-01-07" in told


def test_a_story_as_json_counts_what_each_step_sent(simulate, receiver):
    told = json.loads(simulate("story", "card", "--json").stdout)
    assert [step["name"] for step in told["steps"]] == ["buy", "new-card", "declined", "paid", "renewed"]
    assert sum(step["accepted"] for step in told["steps"]) == len(receiver.bodies)
    assert told["lost"] == 0


def test_what_is_delayed_still_comes_when_the_story_is_over(simulate, receiver):
    simulate("story", "card")
    plain = set(receiver.ids)
    receiver.bodies.clear()
    told = json.loads(simulate("story", "card", "--chaos", "delay=1,cut=0.5", "--json").stdout)
    assert set(receiver.ids) == plain and told["chaos"]["delay"] == len(plain)


def test_an_unknown_story_is_wrong_usage_that_lists_the_known_ones(simulate):
    assert "'yaer' is not one of 'year', 'card'" in simulate("story", "yaer", code=2).stderr


def test_a_story_ends_at_once_where_nobody_listens_or_the_password_is_wrong(run, simulate, receiver):
    told = run("simulate", "story", "year", "--webhook", "http://127.0.0.1:1/", code=1).stderr
    assert "the receiver took nothing" in told and "refused" in told
    told = simulate("story", "year", code=1, SIMULATE_WEBHOOK_CREDENTIALS="chargebee:wrong").stderr
    assert "401 wrong password" in told and "chargebee:wrong" not in told


def test_a_load_sends_so_many_events_and_says_what_came_of_them(simulate, receiver):
    arguments = "--customers 3 --events 60 --rate 5000 --json".split()
    told = json.loads(simulate("load", *arguments).stdout)
    assert (told["events"], told["sent"], told["accepted"], told["lost"]) == (60, 60, 60, 0)
    assert told["answers"] == {"200": 60} and told["p99"] >= told["p50"] > 0
    assert len(set(receiver.ids)) == 60


def test_a_load_under_chaos_says_what_chaos_did_and_names_what_it_lost(simulate, receiver):
    arguments = "--customers 3 --events 60 --rate 5000 --chaos drop=0.2,duplicate=0.3,cut=0.2,burst=0.02 --json".split()
    told = json.loads(simulate("load", *arguments).stdout)
    assert told["chaos"]["drop"] == len(told["dropped"]) > 0
    assert len(set(receiver.ids)) == 60 - len(told["dropped"]) and not set(told["dropped"]) & set(receiver.ids)
    assert told["retried"] == told["unanswered"] == told["chaos"]["cut"] > 0


def test_the_same_seed_sends_the_same_bytes_and_another_does_not(simulate, receiver):
    sent = []
    for seed in ("5", "5", "6"):
        receiver.bodies.clear()
        simulate("load", *f"--customers 2 --events 30 --rate 5000 --connections 1 --seed {seed}".split())
        sent.append(list(receiver.bodies))
    assert sent[0] == sent[1] != sent[2]


def test_a_summary_fits_a_terminal(simulate, receiver):
    receiver.answers = [503] * 5
    told = simulate("load", *"--customers 2 --events 30 --rate 5000 --chaos duplicate=0.5".split()).stdout
    assert "events        30" in told and "refused       5" in told
    assert "Answers" in told and "503" in told and "What chaos did" in told
    assert max(map(len, told.splitlines())) <= 80


def test_a_receiver_that_refuses_to_the_end_is_a_problem(simulate, receiver):
    receiver.answers = [500] * 1000
    told = simulate("load", *"--customers 1 --events 10 --rate 5000 --patience 0 --json".split(), code=1)
    assert json.loads(told.stdout)["lost"] == 10
    assert "10 events failed eight times" in told.stderr


@pytest.mark.parametrize("verb", [["story", "year"], ["load"], ["serve"]])
@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://billing.example.com/hooks", "billing.example.com is not this machine"),
        ("http://10.0.0.7/hooks", "say so with --target-is-mine"),
        ("http://chargebee:geheim@127.0.0.1/hooks", "a password has no place in an address"),
        ("ftp://127.0.0.1/hooks", "no address of a receiver"),
        ("127.0.0.1:8000", "no address of a receiver"),
    ],
)
def test_a_target_that_is_not_allowed_is_wrong_usage(run, verb, url, why):
    told = run("simulate", *verb, "--webhook", url, code=2)
    assert why in " ".join(told.stderr.split()) and told.stdout == ""


def test_a_target_that_is_vouched_for_is_tried(run):
    told = run("simulate", "story", "year", "--webhook", "http://nowhere.invalid/", "--target-is-mine", code=1)
    assert "the receiver took nothing" in told.stderr


@pytest.mark.parametrize("chaos", ["dorp=0.1", "drop=2"])
def test_chaos_that_is_none_is_wrong_usage(simulate, chaos):
    assert simulate("load", "--chaos", chaos, code=2).stdout == ""


def test_without_credentials_it_says_which_setting_is_missing(simulate):
    nothing = {"SIMULATE_WEBHOOK_CREDENTIALS": "", "WEBHOOK_CREDENTIALS": ""}
    assert "set SIMULATE_WEBHOOK_CREDENTIALS to user:password" in simulate("load", code=1, **nothing).stderr
    nothing["SIMULATE_WEBHOOK_CREDENTIALS"] = "without-a-colon"
    assert "SIMULATE_WEBHOOK_CREDENTIALS" in simulate("load", code=1, **nothing).stderr


def test_credentials_may_come_from_a_file_and_are_those_of_the_receiver_otherwise(simulate, receiver, tmp_path):
    file = tmp_path / "credentials"
    file.write_text(f"{USER}:{PASSWORD}\n")
    arguments = "--customers 1 --events 3 --rate 5000".split()
    simulate("load", *arguments, SIMULATE_WEBHOOK_CREDENTIALS="", SIMULATE_WEBHOOK_CREDENTIALS_FILE=str(file))
    simulate("load", *arguments, SIMULATE_WEBHOOK_CREDENTIALS="", WEBHOOK_CREDENTIALS=f"{USER}:{PASSWORD},a:b")
    assert len(receiver.bodies) == 6


def test_what_can_go_wrong_is_listed(run, read):
    assert "duplicate" in run("simulate", "chaos").stdout
    assert set(read("simulate", "chaos")["chaos"]) >= {"duplicate", "reorder", "delay", "drop", "cut"}


@pytest.mark.long
def test_a_served_site_answers_sends_and_ends_cleanly(start, receiver, tmp_path):
    port = free_port()
    process = start(
        *f"worker.cli simulate serve --port {port} --clock frozen --at 2021-01-04T14:00:00Z".split(),
        *("--webhook", receiver.url),
        name="serve",
        SIMULATE_WEBHOOK_CREDENTIALS=f"{USER}:{PASSWORD}",
        SIMULATE_API_KEY="test_served",
    )
    log = tmp_path / "serve.log"
    eventually(lambda: "Ctrl-C ends it" in log.read_text() or process.poll() is not None)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v2", auth=("test_served", ""), trust_env=False) as client:
        made = client.post("/customers", data={"id": "marie", "company": "Test1234", "email": "marie@test1234.example"})
        assert made.status_code == 200, made.text
        assert made.json()["customer"]["created_at"] == 1609768800
    page = httpx.get(f"http://127.0.0.1:{port}/_sim/customers", trust_env=False)
    assert page.status_code == 200 and "Test1234" in page.text
    eventually(lambda: "customer_created" in [event["event_type"] for event in receiver.events])
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    told = log.read_text()
    assert "the one in SIMULATE_API_KEY" in told and "test_served" not in told and PASSWORD not in told
    assert "1 webhook sent, 1 accepted" in told


def test_a_port_that_is_taken_is_a_problem(run, receiver):
    told = run("simulate", "serve", "--port", str(receiver.server_port), code=1).stderr
    assert f"port {receiver.server_port} cannot be listened on" in told


def test_without_reportlab_it_says_what_to_install(run, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "reportlab"]:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    for name in ("simulator.http", "simulator.pdf"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert "pip install 'quittance[simulator]'" in run("simulate", "serve", "--port", "0", code=1).stderr
