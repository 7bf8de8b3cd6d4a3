"""What the logs look like, and what never gets into them."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass

import pytest
import structlog

from worker import log


@dataclass
class Environment:
    env: str = "production"
    secret_key: str = "a key for tests"


@pytest.fixture
def stream(logs_as_before: None) -> io.StringIO:
    stream = io.StringIO()
    log.configure(Environment(), stream=stream)
    return stream


def records(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_of_json_with_its_fields(stream):
    structlog.get_logger("tasks.seats").info("seats changed", subscription="sub_1", before=5, after=8)
    (record,) = records(stream)
    assert record.pop("at").endswith("Z")
    assert record == {
        "event": "seats changed",
        "level": "info",
        "logger": "tasks.seats",
        "subscription": "sub_1",
        "before": 5,
        "after": 8,
    }


def test_other_libraries_records_go_the_same_way(stream):
    logging.getLogger("celery.worker").warning("task %s\nfailed", "t1")
    (record,) = records(stream)
    assert (record["event"], record["level"], record["logger"]) == ("task t1\nfailed", "warning", "celery.worker")


def test_a_traceback_stays_on_the_line(stream):
    try:
        raise ValueError("refused\ntwice")
    except ValueError:
        structlog.get_logger("x").exception("surprised")
    (record,) = records(stream)
    assert "ValueError: refused" in str(record["exception"])


def test_the_event_is_bound_to_everything_written_about_it(stream):
    with log.about_event("ev_1"):
        structlog.get_logger("x").info("merged")
        logging.getLogger("y").info("derived")
    structlog.get_logger("x").info("idle")
    assert [record.get("event_id") for record in records(stream)] == ["ev_1", "ev_1", None]


def test_what_should_not_be_logged_is_not(stream):
    structlog.get_logger("x").info(
        "mail sent to jean.tremblay@boreal.example",
        body="secret text",
        authorization="Basic dXNlcjpwYXNzd29yZA==",
        headers={"Authorization": "Basic x"},
        params={"first_name": "Jean"},
        recipients=["marie@boreal.example"],
        broker="redis://:hunter2@localhost/0",
    )
    try:
        raise RuntimeError("cannot send to jean.tremblay@boreal.example with Basic dXNlcjpwYXNzd29yZA==")
    except RuntimeError:
        logging.getLogger("y").exception("failed")
    text = stream.getvalue()
    for secret in ("tremblay", "Jean", "marie", "hunter2", "dXNlcjpw", "secret text"):
        assert secret not in text


def test_addresses_are_masked_so_that_equal_ones_can_be_followed(stream):
    shown = log.masked("jean@x.example")
    assert shown.startswith("j***@x***#") and "jean" not in shown
    assert log.masked(" Jean@X.example ").partition("#")[2] == shown.partition("#")[2]
    assert log.masked("jeanne@x.example") != shown
    log.configure(Environment(secret_key="another key"), stream=stream)
    assert log.masked("jean@x.example") != shown


def test_development_reads_like_text(stream):
    log.configure(Environment(env="development"), stream=stream)
    structlog.get_logger("x").info("seats changed", before=5)
    assert "seats changed" in stream.getvalue() and "before=5" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_in_development_a_traceback_shows_no_variables_and_no_addresses(stream):
    log.configure(Environment(env="development"), stream=stream)
    name = "Jeanne Tremblay"
    try:
        raise ValueError(f"no mail goes to {name[:6].lower()}@boreal.example")
    except ValueError:
        structlog.get_logger("x").exception("surprised")
    assert "ValueError: no mail goes to j***@b***#" in stream.getvalue()
    assert "Jeanne" not in stream.getvalue() and "jeanne" not in stream.getvalue()
