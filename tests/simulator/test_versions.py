"""How versions are kept: packed, and read back as they were."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulator import Site
from simulator.versions import Body, Versions


def large(number: int) -> Body:
    return {"id": f"F-{number}", "lines": [{"amount": number * line, "name": f"Licence {line}"} for line in range(60)]}


def test_what_is_kept_is_read_back_as_it_was_large_or_small() -> None:
    versions = Versions()
    bodies = [large(number) for number in range(40)] + [{"id": "small", "paid": True, "rate": 9.975, "none": None}]
    numbers = [versions.add(("invoice", body["id"]), versions.pack(body)) for body in bodies]
    assert [versions.read(number) for number in numbers] == bodies
    assert [list(versions.read(number)) for number in numbers] == [list(body) for body in bodies]  # fields in order


def test_an_old_version_of_a_large_object_is_read_back_as_it_was_too_and_takes_less() -> None:
    versions = Versions()
    for number in range(40):
        versions.add(("invoice", "F-1"), versions.pack(large(number)))
    assert versions["invoice", "F-1"] == [large(number) for number in range(40)]
    sizes = [len(versions._packed[number]) for number in versions.numbers(("invoice", "F-1"))]
    assert max(sizes[8:-1]) < min(sizes[:8]) / 4 and sizes[-1] >= min(sizes[:8])


def test_versions_of_an_object_stand_in_order_and_objects_in_the_order_they_were_made() -> None:
    versions = Versions()
    for id, place in (("b", 1), ("a", 2), ("b", 3)):
        versions.add(("customer", id), versions.pack({"place": place}))
    assert versions["customer", "b"] == [{"place": 1}, {"place": 3}]
    assert list(versions) == [("customer", "b"), ("customer", "a")] and len(versions) == 2
    assert ("customer", "c") not in versions
    with pytest.raises(KeyError):
        versions["customer", "c"]


def test_an_action_that_makes_something_json_does_not_know_leaves_no_trace(site: Site) -> None:
    before = site.dump()
    with pytest.raises(ValueError), site._action():
        site._make("customer", "alex", {"company": "Atelier Nord"})
        site._edit("customer", "marie")["since"] = datetime(2021, 1, 4, tzinfo=UTC)
    assert site.dump() == before
