"""Lists: their filters, their order, and pages whose offset holds while rows are added.

A page ends at a row, and its offset names that row by what the list is sorted by and by its place among all that were
ever made. The next page begins after it, whatever was added meanwhile.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..state import Body
from ..terms import instant_of, seconds
from .errors import wrong
from .params import MOST, Reader, choice, flag, number, required, text, timestamp

Test = Callable[[Any], bool]  # whether the value of a field, None where it is missing, is wanted
Row = tuple[Any, int]  # what the list is sorted by, and the row's place among all ever made


@dataclass(frozen=True, slots=True)
class Filter:
    """What one field may be asked: the operators, and how their values are read."""

    operators: tuple[str, ...]
    reader: Reader


def said(longest: int) -> Reader:
    """A text that is there: nobody asks for objects whose name begins with nothing."""
    return required(text(longest))


def plain(reader: Reader) -> Filter:
    """A field that is asked for by its name alone: it must be equal."""
    return Filter(("",), reader)


def words(*also: str) -> Filter:
    return Filter(("is", "is_not", "starts_with", "in", "not_in", *also), said(250))


def names(*also: str) -> Filter:
    """Words of which no lists are asked for."""
    return Filter(("is", "is_not", "starts_with", *also), said(250))


def codes() -> Filter:
    """One of so many values that they are not listed here: any is taken."""
    return Filter(("is", "is_not", "in", "not_in"), said(100))


def one_of(*values: str, also: Sequence[str] = ()) -> Filter:
    return Filter(("is", "is_not", "in", "not_in", *also), choice(*values))


def numbers(*also: str) -> Filter:
    return Filter(("is", "is_not", "lt", "lte", "gt", "gte", "between", *also), number(-MOST))


def times(*also: str) -> Filter:
    return Filter(("after", "before", "on", "between", *also), timestamp)


def flags() -> Filter:
    return Filter(("is",), flag)


PRESENT = "is_present"


@dataclass(frozen=True, slots=True)
class Query:
    """What a list is asked for."""

    tests: Mapping[str, Sequence[Test]]
    equal: Mapping[str, Any]  # of the tests, those that an index could answer: field -> the one value wanted
    sort_by: str
    newest_first: bool
    limit: int
    last: Row | None
    include_deleted: bool

    def wants(self, body: Any, value: Callable[[Any, str], Any] = dict.get) -> bool:
        """Whether every test holds; where a field has several values, of one of them at least."""
        for field, tests in self.tests.items():
            found = value(body, field)
            values = found if isinstance(found, list) else [found]
            if not all(any(test(one) for one in values) for test in tests):
                return False
        return True

    def is_beyond(self, row: Row) -> bool:
        """Whether a row belongs to this page or a later one."""
        return self.last is None or (row < self.last if self.newest_first else row > self.last)


def query(
    wire: Iterable[tuple[str, str]],
    filters: Mapping[str, Filter],
    *,
    order: str,
    sortable: Sequence[str],
    zone: ZoneInfo,
    deletable: bool = True,
) -> Query:
    """Read a list's parameters. It is sorted by `order`, newest first, unless asked for one of `sortable`."""
    tests: dict[str, list[Test]] = {}
    equal: Body = {}
    asked: Body = {"sort_by": order, "newest_first": True, "limit": 10, "last": None, "include_deleted": False}
    for name, given in wire:
        field, _, operator = name.removesuffix("]").partition("[")
        if name == "limit":
            asked["limit"] = number(1, 100)(name, given)
        elif name == "offset":
            asked["last"] = _offset(given)
        elif name == "include_deleted" and deletable:
            asked["include_deleted"] = flag(name, given)
        elif name in ("sort_by[asc]", "sort_by[desc]") and sortable:
            asked["sort_by"] = choice(*sortable)(name, given)
            asked["newest_first"] = operator == "desc"
        elif field in filters and operator in filters[field].operators and name in (field, f"{field}[{operator}]"):
            tests.setdefault(field, []).append(_test(name, operator, filters[field].reader, given, zone))
            if operator in ("", "is"):
                equal[field] = filters[field].reader(name, given)
        else:
            raise wrong(name[:100], "is no filter of this list, or one that this site does not know")
    return Query(tests, equal, **asked)


def page(query: Query, rows: Iterable[tuple[int, Body]], show: Callable[[Body], Body]) -> Body:
    """One page of the rows that are wanted; each comes with its place among all ever made."""
    found = [((body.get(query.sort_by, 0), place), body) for place, body in rows]
    if query.last is not None and found and type(query.last[0]) is not type(found[0][0][0]):
        raise wrong("offset", "is not one that this list gave")
    found = [(row, body) for row, body in found if query.is_beyond(row)]
    found.sort(key=lambda entry: entry[0], reverse=query.newest_first)
    return cut(query, found[: query.limit + 1], show)


def cut(query: Query, found: Sequence[tuple[Row, Any]], show: Callable[[Any], Body]) -> Body:
    """A page of these rows in order, of which there is one more than the limit where another page follows."""
    answer: Body = {"list": [show(body) for _, body in found[: query.limit]]}
    if len(found) > query.limit:
        value, place = found[query.limit - 1][0]
        answer["next_offset"] = json.dumps([value, str(place)], separators=(",", ":"))
    return answer


def _offset(given: str) -> Row:
    try:
        value, place = json.loads(given)
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeError
        return value, number()("offset", place)
    except (TypeError, ValueError, RecursionError):
        raise wrong("offset", "is not one that this site gave") from None


def _test(name: str, operator: str, reader: Reader, given: str, zone: ZoneInfo) -> Test:
    if operator == PRESENT:
        present = flag(name, given)
        return lambda value: (value is not None) is present
    if operator in ("in", "not_in"):
        wanted = {reader(name, item) for item in _items(name, given)}
        return (lambda value: value in wanted) if operator == "in" else (lambda value: value not in wanted)
    if operator == "between":
        bounds = [reader(name, item) for item in _items(name, given)]
        if len(bounds) != 2:
            raise wrong(name, "between takes two values")
        return lambda value: value is not None and bounds[0] <= value <= bounds[1]
    return _comparison(operator, reader(name, given), zone)


def _comparison(operator: str, wanted: Any, zone: ZoneInfo) -> Test:
    if operator in ("", "is"):
        return lambda value: bool(value == wanted)
    if operator == "is_not":
        return lambda value: bool(value != wanted)
    if operator == "starts_with":
        return lambda value: value is not None and str(value).startswith(wanted)
    if operator == "on":
        first, last = _day(wanted, zone)
        return lambda value: value is not None and first <= value < last
    if operator in ("after", "gt"):
        return lambda value: value is not None and value > wanted
    if operator in ("before", "lt"):
        return lambda value: value is not None and value < wanted
    if operator == "gte":
        return lambda value: value is not None and value >= wanted
    return lambda value: value is not None and value <= wanted


def _day(timestamp: int, zone: ZoneInfo) -> tuple[int, int]:
    """The first second of the day, on the site's calendar, that an instant falls on, and the first of the next day."""
    midnight = instant_of(timestamp).astimezone(zone).replace(hour=0, minute=0, second=0, tzinfo=None)
    return tuple(seconds((midnight + timedelta(days=days)).replace(tzinfo=zone)) for days in (0, 1))  # type: ignore[return-value]


def _items(name: str, given: str) -> list[str]:
    """A list of values: JSON, or the way the Python client writes it, ['a', 'b']."""
    try:
        value = ast.literal_eval(given)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
        raise wrong(name, "is not a list")
    return [str(item) for item in value]
