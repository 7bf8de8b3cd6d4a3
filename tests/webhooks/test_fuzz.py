"""Whatever is sent: no answer of 500 or more while the database is up, and a 200 exactly where there is a row."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhooks.calls import FIRST, PATH, SECOND, Call, through_wsgi

FUZZ = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Text as JSON may carry it, half surrogate pairs and NUL included.
texts = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(["ev_1", "v2", "c1", "\x00"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(["id", "customer_id"]) | texts, values, max_size=4)
contents = st.dictionaries(
    st.sampled_from(["customer", "invoice", "subscriptions"]) | texts, objects | st.lists(objects, max_size=3) | values
)
events = st.fixed_dictionaries(
    {},
    optional={
        "id": texts | values,
        "event_type": texts | values,
        "occurred_at": st.integers() | values,
        "api_version": texts | values,
        "content": contents | values,
        "webhook_status": texts,
    },
)
well_formed = st.builds(lambda value, ascii: json.dumps(value, ensure_ascii=ascii), events | values, st.booleans()).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@st.composite
def broken(draw):
    raw = bytearray(draw(well_formed))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.sampled_from([b"{", b"[", b'"', b"\\u"])
        )
    return bytes(raw)


bodies = well_formed | broken() | st.binary(max_size=200)
latin = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40)
authorizations = st.sampled_from([FIRST, FIRST, FIRST, SECOND, None, "Basic", "basic Og=="]) | latin
types = st.sampled_from(["application/json"] * 4 + ["application/json; charset=x", "text/json", None]) | latin
headers = st.dictionaries(
    st.sampled_from(["X-Forwarded-For", "Content-Encoding", "Accept", "Expect", "X-Request-Id"]), latin, max_size=2
)
lengths = st.none() | st.none() | st.none() | st.integers(-1, 300).map(str) | latin


def holds(db, client, call):
    """Send it, and see that the answer and the table agree."""
    before = db.execute("select count(*) from inbox_events").fetchone()[0]
    answer = through_wsgi(client, call)
    assert answer.status < 500, (call, answer)
    after = db.execute("select count(*) from inbox_events").fetchone()[0]
    said = answer.json.get("status") if answer.status == 200 else None
    assert after - before == (said == "stored"), (call, answer)
    if answer.status == 200:
        assert said in ("stored", "duplicate")
        assert call.authorization in (FIRST, SECOND) and isinstance(json.loads(call.body), dict)
        assert after > 0


@pytest.mark.long
@FUZZ
@given(bodies)
def test_any_body(client, db, raw):
    holds(db, client, Call(raw))


@pytest.mark.long
@FUZZ
@given(st.builds(Call, bodies, st.sampled_from(["POST", "POST", "PUT"]), st.just(PATH), authorizations, types, headers))
def test_any_headers(client, db, call):
    holds(db, client, call)


@pytest.mark.long
@FUZZ
@given(st.builds(Call, well_formed, length=lengths))
def test_any_length(client, db, call):
    answer = through_wsgi(client, call)
    assert answer.status < 500


@pytest.mark.long
@FUZZ
@given(events, st.integers(0, 3))
def test_whatever_an_event_holds_it_is_stored_once(client, db, event, changed):
    raw = json.dumps(event | {"webhooks": [changed]}, ensure_ascii=True).encode()
    first, second = (through_wsgi(client, Call(raw)) for _ in range(2))
    if first.status == 200:
        assert second.json == {"status": "duplicate"}
        found = db.execute("select raw from inbox_events where raw = %s", [raw]).fetchall()
        assert found or first.json == {"status": "duplicate"}
    else:
        assert (first.status, second.status) == (400, 400)
