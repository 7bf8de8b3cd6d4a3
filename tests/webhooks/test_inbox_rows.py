"""What of an event becomes its inbox row, whatever its members are."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.conftest import eventually
from tests.webhooks.calls import Call, an_event
from webhooks import body


def row_of(db, id="ev_1"):
    names = "raw, digest, event_type, occurred_at, api_version, customer_ids, origin, status, starts"
    (row,) = db.execute(f"select {names} from inbox_events where id = %s", [id]).fetchall()
    return dict(zip(names.split(", "), row, strict=True))


def findings(db):
    return db.execute(
        "select kind, severity, object_type, object_id, times, last_seen_at > first_seen_at from findings"
    ).fetchall()


def test_an_event_is_stored_byte_for_byte_and_the_workers_are_rung(send, db, client, broker_url, key_prefix):
    import redis

    raw = b'{ "id":"ev_1",\n"event_type":"payment_succeeded","occurred_at":1780000000,"api_version":"v2",' + (
        '"content":{"customer":{"id":"c1","company":"Société \\u0000"}}} \n'.encode()
    )
    assert send(Call(raw)).json == {"status": "stored"}
    row = row_of(db)
    assert bytes(row["raw"]) == raw
    assert row["event_type"] == "payment_succeeded"
    assert row["occurred_at"] == datetime.fromtimestamp(1_780_000_000, UTC)
    assert (row["api_version"], row["customer_ids"]) == ("v2", ["c1"])
    assert (row["origin"], row["status"], row["starts"]) == ("webhook", "pending", 0)
    with redis.Redis.from_url(broker_url) as broker:
        message = json.loads(eventually(lambda: broker.lpop(f"{key_prefix}events")))
    assert message["headers"]["task"] == "tasks.apply_pending"


def test_the_same_event_again_is_a_duplicate_and_changes_nothing(send, db):
    send(Call())
    before = row_of(db)
    assert send(Call()).json == {"status": "duplicate"}
    assert row_of(db) == before
    assert findings(db) == []


def test_what_changes_from_one_delivery_to_the_next_makes_no_other_body(send, db):
    send(Call(an_event(webhook_status="scheduled", webhooks=[{"id": "wh", "webhook_status": "scheduled"}])))
    again = json.loads(an_event(webhook_status="re_scheduled", webhook_failure_reason="timeout"))
    turned = json.dumps(dict(reversed(again.items())), indent=2).encode()
    assert send(Call(turned)).json == {"status": "duplicate"}
    assert findings(db) == []


@pytest.mark.parametrize(
    "change",
    [
        {"content": {"invoice": {"id": "inv_1", "customer_id": "cust_2"}}},
        {"event_type": "invoice_generated"},
        {"occurred_at": 1_780_000_001},
        {"api_version": None},
    ],
)
def test_one_id_with_two_bodies_is_a_finding_and_the_first_body_stays(send, db, change):
    send(Call())
    for times in (1, 2, 3):
        answer = send(Call(an_event(**change)))
        assert (answer.status, answer.json) == (200, {"status": "duplicate"})
        assert findings(db) == [("same_id_other_body", "warning", "event", "ev_1", times, times > 1)]
    assert bytes(row_of(db)["raw"]) == an_event()


def test_an_id_that_is_none_is_replaced_by_the_digest(send, db):
    for id in (None, 7, True, "", {"a": 1}, ["ev_1"], "x" * 101, "ev\n1", "ev\u0000", "\ud800", "ev\u2028", 1.5):
        raw = an_event(id=id, content={"this": repr(id)})
        assert send(Call(raw)).json == {"status": "stored"}, id
        assert bytes(row_of(db, "sha256:" + body.read(raw).digest)["raw"]) == raw
        assert send(Call(raw)).json == {"status": "duplicate"}, id


def test_an_id_of_1_to_100_printable_characters_is_kept(send, db):
    for id in ("e", "x" * 100, "événement 1", "sha256:of-their-own", "'; drop table inbox_events --"):
        send(Call(an_event(id=id)))
        assert row_of(db, id)["status"] == "pending"


@pytest.mark.parametrize(
    "occurred_at, stored",
    [
        (946_684_800, datetime(2000, 1, 1, tzinfo=UTC)),
        (4_102_444_800, datetime(2100, 1, 1, tzinfo=UTC)),
        (946_684_799, None),
        (4_133_980_800, None),
        (0, None),
        (-1, None),
        (10**17, None),
        (1_780_000_000.0, None),
        ("1780000000", None),
        (True, None),
        ([], None),
        (None, None),
    ],
)
def test_an_instant_outside_2000_to_2100_is_left_out(occurred_at, stored):
    assert body.read(an_event(occurred_at=occurred_at)).occurred_at == stored


def test_a_type_or_version_that_is_no_printable_text_is_left_out(send, db):
    for value in (None, 1, False, "", {}, "a\u0000", "\udfff", "v2\r\n", "x" * 101):
        assert send(Call(an_event(event_type=value, api_version=value))).json == {"status": "stored"}, value
        assert (row_of(db)["event_type"], row_of(db)["api_version"]) == (None, None)
        db.execute("truncate inbox_events")


@pytest.mark.parametrize(
    "content, ids",
    [
        ({"customer": {"id": "c2"}, "subscription": {"id": "s", "customer_id": "c1"}}, ["c1", "c2"]),
        ({"invoice": {"customer_id": "c1"}, "transaction": {"customer_id": "c1"}}, ["c1"]),
        ({"subscriptions": [{"customer_id": "c3"}, {"customer_id": "c1"}, 7, None]}, ["c1", "c3"]),
        ({"credit_notes": [{"customer_id": "c1"}], "customers": [{"id": "c9"}]}, ["c1", "c9"]),
        ({"something_new": {"customer_id": "c1"}}, ["c1"]),
        ({"invoice": {"id": "not_a_customer"}}, []),
        ({"customer": {"id": 7, "customer_id": ["c1"]}}, []),
        ({"customer": {"id": ""}, "invoice": {"customer_id": "x" * 101}}, []),
        ({"customer": {"id": "a\u0000b\ud800"}}, ["a\ufffdb\ufffd"]),
        ({"customer": "c1"}, []),
        ("c1", []),
        ([{"customer": {"id": "c1"}}], []),
        (None, []),
    ],
)
def test_the_customers_of_an_event_are_those_of_every_object_in_it(content, ids):
    assert body.read(an_event(content=content)).customer_ids == ids


def test_the_customers_of_an_event_are_stored_with_it(send, db):
    send(Call(an_event(content={"customer": {"id": "a\u0000b\ud800"}, "invoices": [{"customer_id": 'a,"{}\\'}]})))
    assert row_of(db)["customer_ids"] == ['a,"{}\\', "a\ufffdb\ufffd"]


def test_half_a_surrogate_pair_anywhere_is_stored_as_received(send, db):
    raw = rb'{"id":"ev_1","content":{"\ud800\u0000":"\udc00"},"event_type":"\ud83d\ude00"}'
    assert send(Call(raw)).json == {"status": "stored"}
    assert bytes(row_of(db)["raw"]) == raw
    assert row_of(db)["event_type"] == "\U0001f600"
