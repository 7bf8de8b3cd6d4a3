"""The contract with Chargebee, row by row: through WSGI, and through the server that production runs."""

from __future__ import annotations

import io
import json

import pytest

from tests.webhooks.calls import FIRST, PATH, SECOND, Call, an_event, basic, chunked, over_a_socket
from webhooks.body import LIMIT


def nested(levels: int) -> bytes:
    """An event whose brackets nest so deep, all in all, with brackets in strings that do not count."""
    inner = levels - 2
    value = '"[[[[[[\\"{{{{{{{{"' if not inner else "[" * inner + '"[[[[\\\\"' + "]" * inner
    return b'{"id":"ev_deep","content":{"x":%s}}' % value.encode()


def exactly(size: int) -> bytes:
    return an_event(padding="")[:-2] + b"x" * (size - len(an_event(padding=""))) + b'"}'


def with_value(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return b'{"id":"ev_v","content":{"x":' + raw + b"}}"


TAKEN = {
    "a JSON body": Call(),
    "the second pair, while passwords rotate": Call(authorization=SECOND),
    "the scheme in small letters": Call(authorization=FIRST.replace("Basic", "basic")),
    "the scheme in capitals, and two spaces": Call(authorization=FIRST.replace("Basic ", "BASIC  ")),
    "a charset of UTF-8": Call(content_type="application/json; charset=UTF-8"),
    "a content type in capitals": Call(content_type="Application/JSON"),
    "a body at the limit": Call(exactly(LIMIT)),
    "32 levels": Call(nested(32)),
    "an integer of 18 digits": Call(with_value("-999999999999999999")),
    "an unknown type": Call(an_event(event_type="something_new")),
    "another api_version": Call(an_event(api_version="v1")),
    "an empty object": Call(b"{}"),
    "text with NUL and half a surrogate pair": Call(with_value(r'"\u0000 \ud800 \udc00"')),
}
REFUSED = {
    405: {
        **{f"{method}": Call(b"", method) for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS")},
        "GET without credentials": Call(b"", "GET", authorization=None),
    },
    404: {"another path": Call(path="/webhooks/stripe"), "a slash at the end": Call(path=PATH + "/")},
    401: {
        "no credentials": Call(authorization=None),
        "empty credentials": Call(authorization=""),
        "a wrong password": Call(authorization=basic("chargebee:wrong")),
        "a wrong user": Call(authorization=basic("nobody:première:clé")),
        "the user of one pair and nothing": Call(authorization=basic("chargebee:")),
        "no colon": Call(authorization=basic("chargebee")),
        "an empty pair": Call(authorization=basic(":")),
        "another scheme": Call(authorization=FIRST.replace("Basic", "Bearer")),
        "no token": Call(authorization="Basic"),
        "no base64": Call(authorization="Basic ###"),
        "base64 with more behind it": Call(authorization=FIRST + "!"),
        "base64 cut short": Call(authorization=FIRST[:-3]),
        "the password in Latin-1": Call(authorization=basic("chargebee:première:clé".encode("latin-1"))),
        "bytes that are no UTF-8": Call(authorization=basic(b"\xff\xfe:\xff")),
        "letters beyond ASCII": Call(authorization="Basic é"),
        "both wrong: password before content type": Call(authorization=None, content_type="text/plain"),
        "a body too large: password first": Call(exactly(LIMIT + 1), authorization=None),
    },
    415: {
        "a form": Call(content_type="application/x-www-form-urlencoded"),
        "no content type": Call(content_type=None),
        "text": Call(content_type="text/plain"),
        "JSON of another kind": Call(content_type="application/problem+json"),
        "another charset": Call(content_type="application/json; charset=utf-16"),
        "compressed": Call(headers={"Content-Encoding": "gzip"}),
        "too large as well: type first": Call(exactly(LIMIT + 1), content_type="text/plain"),
    },
    413: {
        "one byte too many": Call(exactly(LIMIT + 1)),
        "two bytes too many": Call(exactly(LIMIT + 2)),
        "much too large, and no JSON": Call(b"[" * (3 * LIMIT)),
    },
    400: {
        "nothing": Call(b""),
        "blanks": Call(b"  \n"),
        "no JSON": Call(b"event"),
        "cut short": Call(an_event()[:-1]),
        "more behind it": Call(an_event() + b"x"),
        "two events": Call(an_event() + an_event()),
        "a list": Call(b"[" + an_event() + b"]"),
        "a text": Call(b'"event"'),
        "null": Call(b"null"),
        "a number": Call(b"1"),
        "NaN": Call(with_value("NaN")),
        "Infinity": Call(with_value("Infinity")),
        "-Infinity": Call(with_value("-Infinity")),
        "a number beyond floats": Call(with_value("1e999")),
        "an integer of 19 digits": Call(with_value("1000000000000000000")),
        "an integer of 5000 digits": Call(with_value("9" * 5000)),
        "a member twice": Call(b'{"id":"ev_a","id":"ev_b"}'),
        "a member twice, deep inside": Call(with_value('[{"a":1,"a":1}]')),
        "a member twice, written in two ways": Call(with_value(r'{"a":1,"\u0061":2}')),
        "33 levels": Call(nested(33)),
        "100000 levels": Call(b"[" * 100_000),
        "100000 levels that close": Call(b"[" * 100_000 + b"]" * 100_000),
        "quotes and backslashes without end": Call(b"[" * 40 + b'"\\' * 200_000),
        "Latin-1": Call(with_value('"é"'.encode("latin-1"))),
        "UTF-16": Call(an_event().decode().encode("utf-16")),
        "UTF-8 with a byte order mark": Call(b"\xef\xbb\xbf" + an_event()),
        "a surrogate in UTF-8": Call(with_value(b'"\xed\xa0\x80"')),
        "an overlong slash": Call(with_value(b'"\xc0\xaf"')),
        "a control character in a text": Call(with_value(b'"\x01"')),
        "single quotes": Call(b"{'id': 'ev_1'}"),
    },
}
ROWS = {200: TAKEN} | REFUSED


def is_as_promised(name, answer, status, call):
    assert answer.status == status, (name, answer)
    assert answer.headers["x-content-type-options"] == "nosniff", name
    assert answer.headers["cache-control"] == "no-store", name
    if status == 200:
        assert answer.json == {"status": "stored"}
    elif call.method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json
        assert problem["status"] == status and problem["title"] and len(problem["detail"]) > 10
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert ("allow" in answer.headers) == (status == 405)


def raw_bodies(db):
    return [bytes(raw) for (raw,) in db.execute("select raw from inbox_events order by seq")]


@pytest.mark.parametrize("status", ROWS)
def test_every_row_of_the_contract(send, db, status):
    for name, call in ROWS[status].items():
        is_as_promised(name, send(call), status, call)
        assert raw_bodies(db) == ([call.body] if status == 200 else []), name
        db.execute("truncate inbox_events")


def test_every_row_of_the_contract_over_the_wire(port, db):
    for status, rows in ROWS.items():
        for name, call in rows.items():
            is_as_promised(name, over_a_socket(port, call), status, call)
            assert raw_bodies(db) == ([call.body] if status == 200 else []), name
            db.execute("truncate inbox_events")


def test_a_body_in_chunks_is_taken_up_to_the_limit_and_never_cut(port, db):
    for size, status in ((LIMIT, 200), (LIMIT + 1, 413), (LIMIT + 2, 413), (2 * LIMIT, 413)):
        body = exactly(size)
        assert over_a_socket(port, Call(chunks=chunked(body))).status == status
        assert raw_bodies(db) == ([body] if status == 200 else [])
        db.execute("truncate inbox_events")


def test_blanks_after_the_limit_are_not_cut_off_and_the_rest_accepted(port, db):
    body = an_event() + b" " * LIMIT
    assert over_a_socket(port, Call(chunks=chunked(body))).status == 413
    assert over_a_socket(port, Call(body)).status == 413
    assert raw_bodies(db) == []


@pytest.mark.long
def test_a_connection_that_is_cut_leaves_no_event(port, db):
    event = an_event()
    blanks = event + b" " * 100  # what is cut off would not be missed by a parser
    for call in (
        Call(event, length=str(len(event) + 1)),
        Call(blanks, length=str(len(blanks) + 50)),
        # In chunks, nothing but the object itself tells that all has come. It ends with its last brace.
        Call(chunks=chunked(event, 50)[:1]),
        Call(chunks=chunked(event[:-1])[:-1]),
    ):
        answer = over_a_socket(port, call, cut=True)
        assert answer is None or answer.status == 400
    # The same server, afterwards:
    assert over_a_socket(port, Call(an_event(id="ev_after"))).status == 200
    assert raw_bodies(db) == [an_event(id="ev_after")]


def test_a_content_length_that_is_no_number_is_refused(send, db):
    for length in ("abc", "-1", "+5", "1_0", "5,5", "٣"):
        assert send(Call(length=length)).status == 400, length
    assert raw_bodies(db) == []


def test_a_content_length_beyond_the_body_is_refused(send, db):
    body = an_event() + b"  "
    assert send(Call(body, length=str(len(body) + 1))).status == 400
    assert raw_bodies(db) == []


def test_the_body_is_not_read_before_the_caller_has_shown_credentials(client, db):
    class Unreadable(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, _buffer):
            raise AssertionError("the body was read")

    stream = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": "10"}
    headers = {"Content-Type": "application/json"}
    for authorization in ("", basic("chargebee:wrong")):
        given = headers | {"Authorization": authorization}
        response = client.post(PATH, headers=given, environ_overrides=stream)
        assert response.status_code == 401
    given = headers | {"Authorization": FIRST, "Content-Type": "text/plain"}
    assert client.post(PATH, headers=given, environ_overrides=stream).status_code == 415
    # The stream would have told:
    given = headers | {"Authorization": FIRST}
    assert client.post(PATH, headers=given, environ_overrides=stream).status_code == 503


# allowed, proxies of ours, who connects, X-Forwarded-For, answer
CALLERS = [
    ("203.0.113.0/24", 0, "203.0.113.7", None, 200),
    ("203.0.113.0/24", 0, "198.51.100.1", None, 403),
    ("203.0.113.0/24", 0, "198.51.100.1", "203.0.113.7", 403),  # a header that nobody vouches for
    ("203.0.113.0/24", 0, "::ffff:203.0.113.7", None, 200),
    ("2001:db8::/32", 0, "2001:db8::1", None, 200),
    ("203.0.113.0/24", 1, "10.0.0.1", "203.0.113.7", 200),
    ("203.0.113.0/24", 1, "10.0.0.1", "198.51.100.1", 403),
    ("203.0.113.0/24", 1, "10.0.0.1", "203.0.113.7, 198.51.100.1", 403),  # the first was written by the caller
    ("203.0.113.0/24", 2, "10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.2", 200),
    ("203.0.113.0/24", 2, "10.0.0.1", "203.0.113.7", 403),  # came past one of the two
    ("203.0.113.0/24", 1, "203.0.113.7", None, 403),
    ("203.0.113.0/24", 1, "10.0.0.1", "203.0.113.7:4711", 200),
    ("2001:db8::/32", 1, "10.0.0.1", '"[2001:db8::1]:4711"', 200),
    ("203.0.113.0/24", 1, "10.0.0.1", "unknown", 403),
]


def test_only_listed_addresses_may_call(make_client, environ):
    for allowed, proxies, peer, forwarded_for, status in CALLERS:
        client = make_client(environ | {"WEBHOOK_ALLOWED_ADDRESSES": allowed, "TRUSTED_PROXIES": str(proxies)})
        headers = {"Authorization": FIRST} | ({"X-Forwarded-For": forwarded_for} if forwarded_for else {})
        request = {"data": an_event(), "content_type": "application/json", "headers": headers}
        response = client.post(PATH, **request, environ_base={"REMOTE_ADDR": peer})
        assert response.status_code == status, (peer, forwarded_for)


def test_an_address_that_may_not_call_does_not_learn_whether_it_guessed_the_password(make_client, environ):
    client = make_client(environ | {"WEBHOOK_ALLOWED_ADDRESSES": "203.0.113.7"})
    answers = {client.post(PATH, headers={"Authorization": guess}).data for guess in (FIRST, basic("a:b"))}
    assert len(answers) == 1


@pytest.mark.long
def test_the_server_tells_the_callers_address(serve):
    assert over_a_socket(serve(WEBHOOK_ALLOWED_ADDRESSES="127.0.0.1"), Call()).status == 200
    assert over_a_socket(serve(WEBHOOK_ALLOWED_ADDRESSES="203.0.113.7"), Call()).status == 403


def test_a_refusal_repeats_nothing_of_what_was_sent(send):
    for call in (
        Call(b'{"secret-a": NaN, "x": "secret-b"}'),
        Call(b"secret-c"),
        Call(authorization=basic("chargebee:secret-d")),
    ):
        assert b"secret" not in json.dumps(send(call).json).encode()


@pytest.mark.parametrize("spelled", [{"path": "/" + PATH}, {"method": "post"}])
def test_a_call_that_is_spelled_in_another_way_is_taken_or_refused_but_never_a_fault(client, db, spelled):
    environ = {"REQUEST_METHOD": spelled.get("method", "POST"), "PATH_INFO": spelled.get("path", PATH)}
    headers = {"Authorization": FIRST, "Content-Type": "application/json"}
    answer = client.post(PATH, data=an_event(), headers=headers, environ_overrides=environ)
    assert answer.status_code < 500
    assert db.execute("select count(*) from inbox_events").fetchone() == (int(answer.status_code == 200),)
