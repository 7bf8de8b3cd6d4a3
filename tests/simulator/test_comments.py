"""What a clerk notes about an object."""

from __future__ import annotations

import pytest

from simulator import Refused, Site, WrongValue
from simulator.pricing import MONTHLY


def test_a_comment_is_kept_under_its_object_and_no_event_tells_of_it(site: Site) -> None:
    place = len(site.events)
    comment = site.add_comment("customer", "marie", "A appelé.", added_by="luc@boreal.example")
    assert (comment["entity_type"], comment["entity_id"], comment["type"]) == ("customer", "marie", "user")
    assert site.find("comment", entity_id="marie") == [comment]
    assert site.events[place:] == []
    site.delete_comment(comment["id"])
    assert site.find("comment", entity_id="marie") == []


def test_a_payment_recorded_with_a_comment_leaves_one_on_the_invoice(site: Site) -> None:
    site.change_customer("marie", auto_collection="off")
    site.subscribe("marie", MONTHLY.id)
    site.record_payment("F-10391", amount=100, comment="Premier chèque")
    assert [body["notes"] for body in site.find("comment", entity_id="F-10391")] == ["Premier chèque"]


@pytest.mark.parametrize(("entity", "notes"), [("house", "x"), ("customer", ""), ("customer", "x" * 1001)])
def test_a_comment_on_nothing_or_of_a_wrong_length_is_refused(entity: str, notes: str, site: Site) -> None:
    with pytest.raises(WrongValue):
        site.add_comment(entity, "marie", notes)


def test_what_does_not_exist_is_not_commented_on(site: Site) -> None:
    with pytest.raises(Refused, match="not found"):
        site.add_comment("invoice", "F-1", "x")
