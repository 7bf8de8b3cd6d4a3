"""Every benchmark runs, with so little to do that its figures mean nothing; and compares what can be compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from bench import (
    apply,
    burst,
    events,
    growth,
    latency,
    mail,
    memory,
    receive,
    slow_clients,
    start,
    tables,
    webhooks,
    workers,
)
from bench.__main__ import BENCHMARKS, main
from bench.stack import Stack, running
from emails import kinds

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as stack:
        yield stack


def test_without_a_name_the_benchmarks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n    {name} " in listed for name in BENCHMARKS)


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recieve"]) == 2
    said = capsys.readouterr().err
    assert "'recieve'" in said
    assert all(name in said for name in BENCHMARKS)


@pytest.mark.long
def test_receive_measures_both_sides(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--reps 1 --requests 200 --connections 2 --patience 0".split()
    samples = receive.measure(stack, receive.parse(options))
    for side in ("minimal", "quittance"):
        (sample,) = samples[side]
        assert sample.rate > 0
        assert sample.cpu > 0
    assert "requests: quittance / minimal = " in capsys.readouterr().out


@pytest.mark.long
def test_a_burst_is_measured_until_all_is_applied(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--mixed"]):
        options = ["--peer", "none", "--events", "60", "--reps", "1", "--patience", "0", *more]
        (sample,) = burst.measure(stack, burst.parse(options))["quittance"]
        assert sample.answered >= sample.applied > 0
    assert "events/s until all are applied" in capsys.readouterr().out


@pytest.mark.long
def test_growth_asks_each_question_of_both(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    found = growth.measure(stack, growth.parse(["--share", "0.002", "--times", "1"]))
    assert all(little > 0 and much > 0 for little, much in found.values())
    assert "follow-up list" in found
    assert "much / little" in capsys.readouterr().out


@pytest.mark.long
def test_latency_is_seen_from_answer_to_commit(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    (sample,) = latency.measure(stack, latency.parse("--reps 1 --events 100 --seconds 1 --patience 0".split()))
    assert min(sample.answer) > 0
    assert min(sample.applied) > 0
    assert "p50 until applied / p50 of the answer = " in capsys.readouterr().out


@pytest.mark.long
def test_start_measures_both_sides(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    samples = start.measure(stack, start.parse("--reps 1 --patience 0".split()))
    assert all(samples[side][0].seconds > 0 for side in start.SIDES)
    assert "start: quittance / minimal = " in capsys.readouterr().out


@pytest.mark.long
def test_memory_is_seen_after_every_tenth_of_the_events(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    samples = memory.measure(stack, memory.parse("--events 100 --connections 2".split()))
    assert [sample.events for sample in samples] == list(range(10, 101, 10))
    assert all(0 < sample.greatest < sample.all for sample in samples)
    assert "in 100,000 events" in capsys.readouterr().out


@pytest.mark.long
def test_both_sides_of_apply_write_equal_rows(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    samples = apply.measure(stack, apply.parse("--reps 1 --events 120 --processes 1 --patience 0".split()))
    for side in apply.SIDES:
        (sample,) = samples[side]
        assert sample.differing == {}, side
        assert sample.rate > 0
    assert "Both sides left equal rows in every table" in capsys.readouterr().out


@pytest.mark.long
def test_apply_runs_in_two_processes(stack: Stack) -> None:
    samples = apply.measure(stack, apply.parse("--reps 1 --events 140 --processes 2 --patience 0".split()))
    assert [len(samples[side]) for side in apply.SIDES] == [1, 1]


@pytest.mark.long
@pytest.mark.parametrize("sides", [(workers.ONE, workers.TWO), (workers.SINGLES, workers.BATCHES)])
def test_a_real_worker_applies_in_each_of_its_shapes(stack: Stack, sides: tuple[workers.Side, workers.Side]) -> None:
    samples = workers.measure(stack, workers.parse("--reps 1 --events 400 --patience 0".split()), *sides)
    assert all(sample.rate > 0 for side in sides for sample in samples[side])


def test_rows_that_differ_are_counted_by_table() -> None:
    one = {"payments": Counter([("a", 1), ("b", 2)]), "customers": Counter([("c",)])}
    other = {"payments": Counter([("a", 1), ("b", 3)]), "customers": Counter([("c",)])}
    assert tables.differences(one, other) == {"payments": 2}


def test_histories_share_no_object_and_keep_their_order() -> None:
    told = events.many(300)
    assert len({each.id for each in told}) == 300
    owner: dict[tuple[str, str], int] = {}
    last: dict[int, int] = {}
    for each in told:
        body = json.loads(each.raw)
        assert body["id"] == each.id
        assert body["occurred_at"] >= last.get(each.history, 0)
        last[each.history] = body["occurred_at"]
        for kind, found in body["content"].items():
            for object in found if isinstance(found, list) else [found]:
                assert owner.setdefault((kind.rstrip("s"), object["id"]), each.history) == each.history


@pytest.mark.long
def test_webhooks_are_sent_and_measured(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--reps 1 --events 50 --connections 2 --patience 0".split()
    (sample,) = webhooks.measure(webhooks.parse(options))
    assert sample.rate > 0  # its processor time is counted in hundredths of a second, and may well be none
    assert "events/s, p50" in capsys.readouterr().out


@pytest.mark.long
def test_slow_clients_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    slow_clients.main("--slow 2 --mode headers --seconds 2".split())
    assert "headers     2 slow" in capsys.readouterr().out


@pytest.mark.long
def test_mail_measures_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    mail.main(["--repeat", "1", "--mails", "4", "--patience", "0"])
    said = capsys.readouterr().out
    assert "one mail of an invoice: " in said and "css-inline alone: " in said
    assert all(f"\n  {kind.name} " in said for kind in kinds.ALL)
