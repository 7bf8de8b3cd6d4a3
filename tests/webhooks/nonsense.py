"""Calls that no honest sender makes: real bodies and headers of the simulator's, bent in every way we could think of.

All comes from dice, so that a seed has the same calls again.
"""

from __future__ import annotations

import copy
import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from simulator import Body, life
from tests.flow.lives import END
from tests.webhooks.calls import FIRST, PATH, SECOND, basic

RELAY = basic("relay:a-third-password")
MAIL_PATH = "/webhooks/mail"

# Values that a type, a column, a date or an index cannot hold, and those at the edge of what it can.
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 2**31, 2**53 + 1, 10**17, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 1.5, -0.0, 1e300,
    253_402_300_799, 253_402_300_800, -62_135_596_800, 4_102_444_800_000, "", " ", "0", "12", "1.50", "NaN", "null",
    "\x00", "a\x00b", "\ud800", "\udc00\ud800", "\u2028", "é", "🧾", "cbdemo_1", "read:1", "'; drop table x; --", "%s",
    "{}", "x" * 300, "x" * 3000, "\n", "v1", "v2", "success", "cancelled", "active", "off", [], {}, [[]], [{}], [None],
    {"id": None}, {"id": []}, {"id": "x", "object": "customer"}, ["x"], {"": ""}, {"\x00": "\x00"}, {"\ud800": 1},
)  # fmt: skip
_TEXTS = (
    b"", b" ", b"{", b"}", b"{}", b"[]", b"null", b"0", b'""', b"NaN", b'{"a":NaN}', b'{"a":-Infinity}', b"{}{}",
    b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\x00", b'{"id":"\xed\xa0\x80"}', b'{"id":"\xc0\x80"}', b"[" * 5000,
    b'{"a":' * 40 + b"1" + b"}" * 40, b'{"a":"' + b"\\" * 4001 + b'"}', b'{"a":' + b"9" * 4000 + b"}",
    b'{"a":1e' + b"9" * 300 + b"}", b'{"id":"a","id":"b"}', b'{"content":{"customer":{"id":"a","id":"b"}}}', b"a=b",
    b'{"id":"ev_x","content":' + b"[" * 30 + b"]" * 30 + b"}", b'{"a":"\t"}', b"'{}'", b"{/**/}", b'{"a":1,}',
)  # fmt: skip
_AUTHORIZATIONS = (
    None, "", "Basic", "Basic ", "basic Og==", "Bearer x", FIRST.lower(), FIRST + "=", FIRST + " x", f" {FIRST}\t",
    FIRST.replace("Basic ", "Basic  "), FIRST.replace("Basic", "BASIC"), SECOND, basic(b"chargebee"), basic(b":"),
    basic(b"\xff\xfe:\x00"), basic("chargebee:première:clé "), basic("é:é"), "Basic \xe9", "Basic " + "A" * 20_000,
    "Digest " + FIRST, RELAY, f"{FIRST}, {FIRST}", "\x00",
)  # fmt: skip
_TYPES = (
    None, "", "application/json; charset=utf-8", "application/json;charset=UTF8", "application/json; charset=utf-16",
    "APPLICATION/JSON", "application/json; charset", "application/json; ; ;=", 'application/json; charset="utf-8',
    "application/json; charset*=utf-8''utf-8", "application/json; charset*0=ut; charset*1=f-8", "text/plain",
    "multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "\xff", "a/b/c",
    "application/json, x", "application/json; x=" + "y" * 9000, "application/json;charset*=%ff''%ff",
    "application/json\x00",
)  # fmt: skip
_LENGTHS = (
    "",
    "-1",
    "0",
    "1",
    "+5",
    "5 ",
    "0x10",
    "1_000",
    "９",
    "1e3",
    "99999999999999999999",
    "1048577",
    "NaN",
    "\x00",
)
_METHODS = (
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PATCH",
    "post",
    "",
    "P" * 3000,
    "PO ST",
    "\xe9",
)
_PATHS = (
    "", "/", PATH + "/", "/" + PATH, PATH + "\x00", "/webhooks/chargebee/..", "/WEBHOOKS/chargebee", "/webhooks",
    "/healthz", "/readyz", "/static/x", "/\xff\xfe", "/" + "x" * 20_000, "*", "http://x/webhooks/chargebee", MAIL_PATH,
)  # fmt: skip
_HEADERS: dict[str, tuple[str, ...]] = {
    "HTTP_HOST": ("", "x:y", "[::1", "\xff", "a b", "x" * 5000, "localhost:99999999", "é"),
    "HTTP_CONTENT_ENCODING": ("gzip", "identity", "IDENTITY", "", "br, gzip", "\x00"),
    "HTTP_TRANSFER_ENCODING": ("chunked", "gzip, chunked", "identity", "CHUNKED", "\x0bchunked"),
    "HTTP_X_FORWARDED_FOR": ("", ",", "1.2.3.4", "[::1]:1", "x" * 5000, "::ffff:1.2.3.4, \xff"),
    "HTTP_EXPECT": ("100-continue", "200-ok"),
    "HTTP_RANGE": ("bytes=0-1", "bytes=-"),
    "HTTP_COOKIE": ("a=b", "=" * 9000, "\xff=\xff"),
    "HTTP_ACCEPT": ("*/*", "application/problem+json;q=x", "\xff"),
    "HTTP_ACCEPT_ENCODING": ("gzip;q=-1",),
    "HTTP_IF_MATCH": ('"x', "*"),
    "HTTP_IF_MODIFIED_SINCE": ("x", "Thu, 32 Foo 0000 99:99:99 GMT"),
    "HTTP_UPGRADE": ("websocket",),
    "HTTP_X_HTTP_METHOD_OVERRIDE": ("GET",),
    "QUERY_STRING": ("a=b", "%", "%ff=%00", "x" * 9000, "\xff", "_method=PUT"),
    "SCRIPT_NAME": ("/x", "\xff", "/webhooks"),
    "SERVER_NAME": ("", "\xff"),
    "SERVER_PORT": ("", "x", "-1"),
    "SERVER_PROTOCOL": ("HTTP/0.9", "HTTP/2", ""),
    "REMOTE_ADDR": ("", "x", "::1", "unix:"),
    "wsgi.url_scheme": ("https", "", "ftp"),
}
_MISSING = (
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "REMOTE_ADDR",
    "QUERY_STRING",
    "SCRIPT_NAME",
    "SERVER_PROTOCOL",
    "HTTP_HOST",
)


class Broken(io.RawIOBase):
    """A body whose connection ends before it does."""

    def __init__(self, raw: bytes, how: type[Exception]) -> None:
        self._raw, self._how = io.BytesIO(raw), how

    def read(self, size: int | None = -1) -> bytes:
        if part := self._raw.read(min(size or 64, 64) if size and size > 0 else 64):
            return part
        raise self._how("the connection was cut")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


@dataclass
class Call:
    body: bytes
    environ: dict[str, Any]
    missing: set[str] = field(default_factory=set)
    cut: type[Exception] | None = None

    @property
    def whole(self) -> bytes:
        """What of the body belongs to this call: the rest would be the next one's."""
        length = self.environ.get("CONTENT_LENGTH", "")
        return self.body[: int(length)] if length.isdecimal() and "CONTENT_LENGTH" not in self.missing else self.body

    def as_environ(self) -> dict[str, Any]:
        whole = {
            "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": PATH, "QUERY_STRING": "",
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(self.body)),
            "HTTP_AUTHORIZATION": FIRST, "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
            "wsgi.input": Broken(self.body, self.cut) if self.cut else io.BytesIO(self.body),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        return {name: value for name, value in (whole | self.environ).items() if name not in self.missing}


def a_call(dice: random.Random) -> Call:
    """One call: mostly a bent body with headers as they should be, sometimes bent headers, sometimes both."""
    to_mail = dice.random() < 0.15
    if to_mail:
        call = Call(_a_report(dice), {"PATH_INFO": MAIL_PATH, "HTTP_AUTHORIZATION": RELAY})
    else:
        call = Call(_a_body(dice), {})
    if dice.random() < 0.35:
        for _ in range(dice.randint(1, 3)):
            dice.choice(_BENDS)(dice, call)
    return call


# ---- bodies ----------------------------------------------------------------------------------------------------------


@cache
def _real() -> tuple[Body, ...]:
    return tuple(event for seed in range(12) for event in life(seed, END).events)


def _a_body(dice: random.Random) -> bytes:
    if dice.random() < 0.08:
        return dice.choice(_TEXTS)
    event = copy.deepcopy(dice.choice(_real()))
    if dice.random() < 0.8:
        event["id"] = f"ev_{dice.randrange(400)}"  # some come again, with another body
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3, 8))):
        dice.choice(_TREE_BENDS)(dice, event)
    raw = json.dumps(event, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    return _bent_bytes(dice, raw) if dice.random() < 0.25 else raw


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        keys = list(each) if isinstance(each, dict) else range(len(each)) if isinstance(each, list) else ()
        for key in keys:
            found.append((each, key))
            waiting.append(each[key])
    return found


def _place(dice: random.Random, tree: Any) -> tuple[Any, Any]:
    """Any place; in half of the cases one of the envelope or right below an object."""
    found = _places(tree)
    near = [each for each in found if each[0] is tree or "resource_version" in each[0]]
    return dice.choice(near if near and dice.random() < 0.5 else found or [(tree, "id")])


def _replace(dice: random.Random, tree: Body) -> None:
    where, key = _place(dice, tree)
    where[key] = copy.deepcopy(dice.choice(_ODD))


def _nudge(dice: random.Random, tree: Body) -> None:
    numbers = [(where, key) for where, key in _places(tree) if type(where[key]) is int]
    if numbers:
        where, key = dice.choice(numbers)
        where[key] = dice.choice((-where[key], where[key] + 1, where[key] * 10**9, float(where[key]), str(where[key])))


def _remove(dice: random.Random, tree: Body) -> None:
    where, key = _place(dice, tree)
    if isinstance(where, list) or key in where:
        del where[key]


def _graft(dice: random.Random, tree: Body) -> None:
    where, key = _place(dice, tree)
    source, name = _place(dice, dice.choice(_real()))
    where[key] = copy.deepcopy(source[name])


def _repeat(dice: random.Random, tree: Body) -> None:
    """Objects under their plural name, some twice, some not quite the same."""
    content = tree.get("content")
    if isinstance(content, dict) and content:
        kind = dice.choice(sorted(content, key=str))
        twin = copy.deepcopy(content[kind])
        if isinstance(twin, dict):
            twin["resource_version"] = dice.choice((twin.get("resource_version"), 0, None, 2**62))
        content[f"{kind}s"] = [content[kind], twin] * dice.randint(1, 3)


def _rename(dice: random.Random, tree: Body) -> None:
    where, key = _place(dice, tree)
    if isinstance(where, dict) and key in where:
        where[dice.choice(("id", "content", "customer", "invoice", "object", str(key).upper(), f"{key}\x00"))] = (
            where.pop(key)
        )


def _bury(dice: random.Random, tree: Body) -> None:
    where, key = _place(dice, tree)
    if isinstance(where, dict) and key not in where:
        return
    for _ in range(dice.choice((1, 5, 27, 40))):
        where[key] = dice.choice(([where[key]], {"x": where[key]}))


_TREE_BENDS: tuple[Callable[[random.Random, Body], None], ...] = (
    _replace, _replace, _replace, _nudge, _remove, _graft, _repeat, _rename, _bury,
)  # fmt: skip


def _bent_bytes(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(len(raw) + 1)
    number = re.search(rb":\s*\d+", raw[at:])
    match dice.randrange(9):
        case 0:
            return raw[:at]
        case 1:
            return (
                raw[:at]
                + dice.choice((b"\xff", b"\xed\xa0\x80", b"\x00", b'"', b"\\u", b"\\ud800", b"{", b"]"))
                + raw[at:]
            )
        case 2:
            return b'{"id":"twice",' + raw[1:]
        case 3 if number:
            odd = dice.choice((b":NaN", b":Infinity", b":1e999", b":" + b"9" * 19, b":0.1", b":1E5", b":-0", b":01"))
            return raw[:at] + raw[at:].replace(number[0], odd, 1)
        case 4:
            return raw.decode("utf-8", "replace").encode(dice.choice(("utf-16", "utf-32", "utf-8-sig")))
        case 5:
            return raw + dice.choice((b"\n", b"\x00", b"{}", b" " * 1000, raw))
        case 6:
            return raw[:at] + bytes(dice.randrange(256) for _ in range(dice.randint(1, 20))) + raw[at + 5 :]
        case 7 if dice.random() < 0.05:
            return raw[:-1] + b',"more":"' + b"x" * dice.choice((1_000_000, 1_048_576, 1_100_000)) + b'"}'
        case _:
            return dice.choice((b"\r\n ", b"\t")) + raw


_POSTMARK = {
    "RecordType": "Bounce",
    "ID": 1,
    "Type": "HardBounce",
    "Email": "a@b.example",
    "Details": "x",
    "Inactive": True,
}
_SES = {
    "notificationType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bouncedRecipients": [{"emailAddress": "a@b.example", "diagnosticCode": "smtp; 550 x"}],
    },
}
_CONFIRM = {
    "Type": "SubscriptionConfirmation",
    "TopicArn": "arn:aws:sns:us-east-1:1:x",
    "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=x",
}


def _a_report(dice: random.Random) -> bytes:
    report: Body = copy.deepcopy(dice.choice((_POSTMARK, _SES, _CONFIRM)))
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        dice.choice(_TREE_BENDS)(dice, report)
    raw = json.dumps(report, ensure_ascii=dice.random() < 0.7).encode("utf-8", "surrogatepass")
    if dice.random() < 0.2:
        raw = json.dumps({"Type": "Notification", "Message": raw.decode("utf-8", "replace")}).encode()
    return _bent_bytes(dice, raw) if dice.random() < 0.2 else raw


# ---- what is around them ---------------------------------------------------------------------------------------------


def _authorization(dice: random.Random, call: Call) -> None:
    given = dice.choice(_AUTHORIZATIONS)
    if given is None:
        call.missing.add("HTTP_AUTHORIZATION")
    else:
        call.environ["HTTP_AUTHORIZATION"] = given


def _type(dice: random.Random, call: Call) -> None:
    given = dice.choice(_TYPES)
    if given is None:
        call.missing.add("CONTENT_TYPE")
    else:
        call.environ["CONTENT_TYPE"] = given


def _length(dice: random.Random, call: Call) -> None:
    wrong = (str(len(call.body) - 1), str(len(call.body) + 1))
    call.environ["CONTENT_LENGTH"] = dice.choice((*_LENGTHS, *wrong))


def _way(dice: random.Random, call: Call) -> None:
    if dice.random() < 0.5:
        call.environ["REQUEST_METHOD"] = dice.choice(_METHODS)
    else:
        call.environ["PATH_INFO"] = dice.choice(_PATHS)


def _header(dice: random.Random, call: Call) -> None:
    name = dice.choice(sorted(_HEADERS))
    call.environ[name] = dice.choice(_HEADERS[name])


def _absent(dice: random.Random, call: Call) -> None:
    call.missing.add(dice.choice(_MISSING))


def _chunked(dice: random.Random, call: Call) -> None:
    """A body without a length, as a server hands it over that has read the chunks."""
    call.missing.add("CONTENT_LENGTH")
    call.environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


def _cut(dice: random.Random, call: Call) -> None:
    call.cut = dice.choice((OSError, ConnectionResetError, TimeoutError))


_BENDS: tuple[Callable[[random.Random, Call], None], ...] = (
    _authorization, _authorization, _type, _type, _length, _length, _way, _header, _header, _absent, _chunked, _cut,
)  # fmt: skip
