"""What a call may be given: read strictly, and refused with the parameter's name."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from simulator import WrongValue
from simulator.api.params import (
    CUSTOM_FIELDS,
    Table,
    choice,
    email,
    flag,
    json_object,
    number,
    read,
    required,
    text,
    timestamp,
)

TABLE: Table = {
    "notes": text(5),
    "kind": choice("plan", "addon"),
    "prorate": flag,
    "at": timestamp,
    "email": email,
    "meta_data": json_object,
    "ids[]": text(3),
    "transaction[method]": required(choice("check", "cash")),
    "transaction[amount]": number(1, 500),
    "items[price_id][]": required(text(9)),
    "items[quantity][]": number(1),
    **CUSTOM_FIELDS,
}


def parsed(wire: str) -> dict[str, object]:
    return read(TABLE, parse_qsl(wire, keep_blank_values=True))


def test_columns_become_rows_and_groups_become_dicts() -> None:
    assert parsed(
        "transaction[method]=check&transaction[amount]=500&prorate=false&ids[0]=a&ids[1]=b&cf_branch=Nord"
        "&items[price_id][0]=plan&items[quantity][0]=3&items[price_id][1]=addon&meta_data={%22a%22:1}"
    ) == {
        "transaction": {"method": "check", "amount": 500},
        "prorate": False,
        "ids": ["a", "b"],
        "cf_branch": "Nord",
        "items": [{"price_id": "plan", "quantity": 3}, {"price_id": "addon"}],
        "meta_data": {"a": 1},
    }


def test_an_empty_text_clears_a_field() -> None:
    given = parsed("transaction[method]=check&notes=&email=")
    assert given == {"transaction": {"method": "check"}, "notes": None, "email": None}


@pytest.mark.parametrize(
    ("wire", "param"),
    [
        ("notes=123456", "notes"),
        ("kind=charge", "kind"),
        ("prorate=yes", "prorate"),
        ("prorate=True", "prorate"),
        ("at=", "at"),
        ("prorate=", "prorate"),
        ("at=-1", "at"),
        ("at=1e9", "at"),
        ("at=1_000", "at"),
        ("at=٣", "at"),
        ("at=99999999999999999999999", "at"),
        ("at=4102444800", "at"),
        ("email=marie", "email"),
        ("meta_data=[1]", "meta_data"),
        ("meta_data=" + "[" * 5000, "meta_data"),
        ("transaction[amount]=0", "transaction[amount]"),
        ("transaction[amount]=501", "transaction[amount]"),
        ("transaction[amount]=4.5", "transaction[amount]"),
        ("items[quantity][0]=x", "items[quantity][0]"),
        ("items[quantity][7]=3", "items[price_id][7]"),  # a row without what every row must have
        ("transaction[method]=", "transaction[method]"),
        ("transaction=check", "transaction"),
        ("transaction[method][0]=check", "transaction[method][0]"),
        ("notes[a]=b", "notes[a]"),
        ("ids=a", "ids"),
        ("ids[99999]=a", "ids[99999]"),
        ("ids[]=a", "ids[]"),
        ("nothing=1", "nothing"),
        ("cf_branch[a]=b", "cf_branch[a]"),
        ("=1", ""),
        ("a]b[=1", "a]b["),
    ],
)
def test_what_a_call_may_not_be_given_is_refused_by_its_name(wire: str, param: str) -> None:
    given = wire if "transaction[method]" in wire else f"transaction[method]=check&{wire}"
    with pytest.raises(WrongValue) as refused:
        parsed(given)
    assert (refused.value.param, refused.value.status, refused.value.code) == (param, 400, "param_wrong_value")


def test_what_must_be_given_is_asked_for() -> None:
    with pytest.raises(WrongValue, match=r"transaction\[method\] : cannot be blank"):
        parsed("notes=1")
