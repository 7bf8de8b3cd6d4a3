"""Benchmarks say what they found and compare what can be compared. `./dev bench all --quick` runs every one of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import apply, events, tables
from bench.__main__ import BENCHMARKS, ROWS, main
from bench.results import Judged, Result, chart, finish, table
from bench.stack import Stack, running

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
def test_both_sides_of_apply_write_equal_rows(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    samples = apply.measure(stack, apply.parse("--reps 1 --events 120 --processes 1 --patience 0".split()))
    for side in apply.SIDES:
        (sample,) = samples[side]
        assert sample.differing == {}, side
        assert sample.rate > 0
    assert "Both sides left equal rows in every table" in capsys.readouterr().out


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


# ---- figures and charts ----------------------------------------------------------------------------------------------


RESULT = Result(
    "start",
    "From <start> to its first answer",
    "seconds",
    {"minimal": [0.4, 0.5, 0.9], "quittance": [1.0]},
    [Judged("start: quittance / minimal", [1.9, 2.5, 2.1], at_most=2), Judged("CPU", [3.0])],
)


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        (Judged("events", [0.9, 1.2, 1.3], at_least=1.2), "events = 1.20 [0.90 - 1.30], wanted ≥ 1.2"),
        (Judged("events", [0.9, 1.1, 1.3], at_least=1.2), "events = 1.10 [0.90 - 1.30], wanted ≥ 1.2: NOT REACHED"),
        (Judged("MB", [51.24], at_most=60, digits=1), "MB = 51.2, wanted ≤ 60"),
        (Judged("MB", [61.0], at_most=60, digits=1), "MB = 61.0, wanted ≤ 60: NOT REACHED"),
        (Judged("MB", [61.0]), "MB = 61.00"),
    ],
)
def test_a_median_is_held_against_what_is_wanted(judged: Judged, said: str) -> None:
    assert str(judged) == said


def test_a_chart_has_a_bar_as_long_as_each_median_and_says_what_is_judged() -> None:
    drawn = ElementTree.fromstring(chart(RESULT))
    svg = "{http://www.w3.org/2000/svg}"
    minimal, quittance = (
        float(bar.attrib["width"]) for bar in drawn.iter(f"{svg}rect") if bar.attrib["class"].startswith("bar")
    )
    assert quittance == pytest.approx(2 * minimal)
    texts = [text.text for text in drawn.iter(f"{svg}text")]
    assert {"From <start> to its first answer", "seconds", "minimal", "0.50", "CPU = 3.00"} <= set(texts)


def test_what_is_found_is_drawn_into_a_folder_and_put_in_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finish([RESULT], tmp_path / "charts") == [RESULT]
    assert "wanted ≤ 2: NOT REACHED" in capsys.readouterr().out
    assert (tmp_path / "charts" / "start.svg").read_text() == chart(RESULT)
    assert table([RESULT]).splitlines()[2:] == [
        "| start | start: quittance / minimal | **2.10 [1.90 - 2.50]** | ≤ 2 |",
        "| start | CPU | 3.00 |  |",
    ]


def test_all_of_them_are_run_and_one_that_cannot_measure_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {name for name, _, _ in ROWS} == set(BENCHMARKS)
    monkeypatch.setattr(
        "bench.__main__.ROWS", [("mail", "--mails none", None), ("webhooks", "--events 1 --reps 1 --patience 0", None)]
    )
    monkeypatch.setitem(BENCHMARKS, "mail", ("tests.bench.broken", "cannot measure"))
    assert main(["all"]) == 1
    said = capsys.readouterr()
    assert said.err.endswith("Not measured: mail --mails none.\n")
    assert "| webhooks | webhooks a second | " in said.out
