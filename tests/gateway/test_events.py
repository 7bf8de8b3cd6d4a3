"""Bodies read as our snapshots: both catalogues, both spellings, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.errors import NeedsAttention
from gateway.events import EPOCH, Event, Snapshot
from tests.builders import (
    JANUARY,
    a_customer,
    a_link,
    a_subscription,
    a_transaction,
    an_event,
    an_invoice,
    an_item,
    seconds,
)

Body = dict[str, Any]


def read(body: Body) -> Event:
    return Event.from_body(json.dumps(body).encode())


def the_snapshot(snapshot: Body, **event: Any) -> Snapshot:
    (found,) = read(an_event(snapshot, **event)).snapshots
    return found


def items(**subscription: Any) -> Any:
    return the_snapshot(a_subscription(**subscription)).fields["items"]


# ---- which objects ---------------------------------------------------------------------------------------------------


def test_every_object_that_we_keep_is_found() -> None:
    kinds = ["customer", "subscription", "invoice", "transaction", "credit_note", "payment_source"]
    content = {kind: {"id": f"{kind}_1", "resource_version": 5} for kind in kinds}
    content["invoice"] = an_invoice() | content["invoice"]
    found = read(an_event() | {"content": content}).snapshots
    assert {(snapshot.kind, snapshot.id, snapshot.version) for snapshot in found} == {
        (kind, f"{kind}_1", 5) for kind in kinds
    }


@pytest.mark.parametrize("missing", ["status", "currency_code", "total", "amount_due"])
def test_an_invoice_that_does_not_say_what_it_asks_for_is_refused(missing: str) -> None:
    bare = {name: value for name, value in an_invoice().items() if name != missing}
    with pytest.raises(NeedsAttention, match=f"invoice F-1 has no {missing}; .* then replay"):
        read(an_event(bare))
    assert read(an_event(bare | {"deleted": True})).snapshots  # a tombstone says all it must


@pytest.mark.parametrize(
    "content",
    [
        {"invoice": an_invoice(id="F-1"), "invoices": [an_invoice(id="F-2"), an_invoice(id="F-3")]},
        {"invoices": [an_invoice(id="F-1"), an_invoice(id="F-2"), an_invoice(id="F-3")]},
        {"invoice": [an_invoice(id="F-1"), an_invoice(id="F-2"), an_invoice(id="F-3")]},
        {"invoice": an_invoice(id="F-1"), "invoices": [an_invoice(id="F-2"), None, an_invoice(id="F-3")]},
    ],
)
def test_members_are_read_in_the_singular_and_in_the_plural(content: Body) -> None:
    assert {snapshot.id for snapshot in read(an_event() | {"content": content}).snapshots} == {"F-1", "F-2", "F-3"}


@pytest.mark.parametrize(
    "content", [{}, {"customer": None}, {"invoices": []}, {"coupon_set": {"id": "c"}, "quote": [1, 2], "new": "x"}]
)
def test_absent_null_and_unknown_members_are_let_pass(content: Body) -> None:
    assert read(an_event() | {"content": content}).snapshots == ()


def test_unknown_fields_are_kept_and_do_no_harm() -> None:
    found = the_snapshot(a_customer(cf_region="Nord", something_new={"a": [1.5, True]}))
    assert found.body["cf_region"] == "Nord"
    assert found.body["something_new"] == {"a": [1.5, True]}


@pytest.mark.parametrize("member", ["x", 5, True, ["x"]])
def test_a_known_member_that_is_no_object_is_refused(member: object) -> None:
    with pytest.raises(NeedsAttention, match=r"content\.customer is .*look at the event's body"):
        read(an_event() | {"content": {"customer": member}})


@pytest.mark.parametrize("id", [None, "", 7])
def test_an_object_without_an_id_is_refused(id: object) -> None:
    with pytest.raises(NeedsAttention, match="a customer in the event has no id"):
        read(an_event() | {"content": {"customer": {"id": id}}})


def test_content_that_is_missing_is_refused() -> None:
    body = an_event()
    del body["content"]
    with pytest.raises(NeedsAttention, match="no content"):
        read(body)


@pytest.mark.parametrize("body", [{}, {"event_type": "x"}, {"id": "ev_1", "content": None}, {"content": []}])
def test_a_body_that_is_no_event_of_chargebee_is_told_from_one_of_another_api_version(body: Body) -> None:
    with pytest.raises(NeedsAttention, match="this is not an event of Chargebee"):
        read(body)
    for of_chargebee in (body | {"api_version": "v1"}, body | {"content": {}}):
        with pytest.raises(NeedsAttention, match="set the webhook to V2"):
            read(of_chargebee)


@pytest.mark.parametrize("api_version", ["v1", "v3", None, 2])
def test_another_api_version_is_refused_with_the_next_step(api_version: object) -> None:
    with pytest.raises(NeedsAttention, match="set the webhook to V2 in Chargebee"):
        read(an_event(a_customer(), api_version=api_version))


@pytest.mark.parametrize("type", [["x"], {"a": 1}, 7, None])
def test_an_event_type_that_is_no_text_is_no_type(type: object) -> None:
    assert read(an_event(a_customer()) | {"event_type": type}).type is None


def test_sample_objects_of_the_test_button_are_told_from_real_ones() -> None:
    assert read(an_event(a_customer(id="cbdemo_tom"))).is_a_test
    assert not read(an_event(a_customer(id="tom_cbdemo_"))).is_a_test


# ---- what decides which snapshot is greater --------------------------------------------------------------------------


def test_the_version_is_the_resource_version_else_updated_at_else_when_it_happened() -> None:
    def version(**fields: Any) -> int:
        return the_snapshot({"object": "customer", "id": "c"} | fields).version

    assert version(resource_version=1610000000123, updated_at=5) == 1610000000123
    assert version(updated_at=1610000000) == 1610000000000
    assert version() == seconds(JANUARY) * 1000


@pytest.mark.parametrize("at", [None, -5, 12.5, "soon", True, 946684799, 4102444800, 10**17])
def test_an_event_outside_2000_to_2100_decides_nothing(at: object) -> None:
    event = read(an_event({"object": "customer", "id": "c"}) | {"occurred_at": at})
    assert event.occurred_at is None
    assert (event.snapshots[0].version, event.snapshots[0].tie_at) == (0, EPOCH)


def test_snapshots_of_one_version_are_ordered_by_deletion_then_instant_then_digest() -> None:
    def order(deleted: bool, day: int, name: str) -> tuple[Any, ...]:
        body = a_customer(1, deleted=deleted, first_name=name)
        return the_snapshot(body, at=datetime(2021, 1, day, tzinfo=UTC)).order

    assert order(True, 1, "A") > order(False, 9, "A")
    assert order(False, 2, "A") > order(False, 1, "A")
    assert order(False, 2, "A") > order(False, 1, "B") and order(False, 2, "B") > order(False, 1, "A")
    assert order(False, 1, "A") != order(False, 1, "B")
    assert order(False, 1, "A") == order(False, 1, "A")


def test_what_the_api_shows_is_later_than_what_an_event_told() -> None:
    body = a_customer(1)
    told = the_snapshot(body)
    assert Snapshot.read_from_api("customer", body, datetime(2021, 2, 1, tzinfo=UTC)).order > told.order


# ---- items and quantities --------------------------------------------------------------------------------------------


def an(price: str, quantity: int, kind: str = "plan") -> Body:
    return {"item_price_id": price, "item_type": kind, "quantity": quantity}


def test_items_of_catalogue_2_are_read() -> None:
    several = [an_item(5), an_item(2, "support", "addon"), an_item(1, "setup", "charge")]
    assert items(subscription_items=several) == [
        an("licence-CAD-monthly", 5),
        an("support", 2, "addon"),
        an("setup", 1, "charge"),
    ]


def test_plan_and_addons_of_catalogue_1_are_read() -> None:
    found = items(subscription_items=None, plan_id="gold", plan_quantity=3, addons=[{"id": "seat", "quantity": 4}])
    assert found == [an("gold", 3), an("seat", 4, "addon")]


def test_a_site_that_sends_both_catalogues_may_leave_the_newer_one_empty() -> None:
    assert items(subscription_items=[], plan_id="gold", plan_quantity=3) == [an("gold", 3)]


@pytest.mark.parametrize("fields", [{"subscription_items": None}, {"subscription_items": []}])
def test_neither_plan_nor_items_is_nothing_rather_than_no_seats(fields: Body) -> None:
    assert items(**fields) is None


def test_a_missing_quantity_is_one_for_the_plan_and_zero_for_the_rest() -> None:
    several = [an_item(None), an_item(None, "support", "addon"), an_item(None, "setup", "charge")]
    assert [item["quantity"] for item in items(subscription_items=several)] == [1, 0, 0]
    old = items(subscription_items=None, plan_id="gold", addons=[{"id": "seat"}])
    assert [item["quantity"] for item in old] == [1, 0]


def test_free_units_are_included() -> None:
    assert items(subscription_items=[an_item(4, free_quantity=3)])[0]["quantity"] == 4


@pytest.mark.parametrize(("stated", "expected"), [("5", 5), ("5.0", 5), ("5.000", 5), ("0", 0)])
def test_a_quantity_may_be_written_in_decimals(stated: str, expected: int) -> None:
    assert items(subscription_items=[an_item(None, quantity_in_decimal=stated)])[0]["quantity"] == expected
    old = items(subscription_items=None, plan_id="gold", plan_quantity_in_decimal=stated)
    assert old[0]["quantity"] == expected


def test_the_whole_quantity_goes_before_the_one_in_decimals() -> None:
    assert items(subscription_items=[an_item(4, quantity_in_decimal="4.5")])[0]["quantity"] == 4


def test_a_broken_number_of_an_addon_is_no_seat() -> None:
    found = items(subscription_items=[an_item(1), an_item(None, "storage", "addon", quantity_in_decimal="2.5")])
    assert found[1]["quantity"] == 0


@pytest.mark.parametrize("stated", ["5.5", "many", "NaN", "Infinity", "1e400", "-3"])
def test_a_plans_quantity_that_is_no_count_is_refused(stated: str) -> None:
    with pytest.raises(NeedsAttention, match=r"subscription sub_1: subscription_items\[0\]\.quantity"):
        items(subscription_items=[an_item(None, quantity_in_decimal=stated)])


@pytest.mark.parametrize("quantity", [-1, 2.5, 5.0, True, "5"])
def test_a_quantity_that_is_no_count_is_refused(quantity: Any) -> None:
    with pytest.raises(NeedsAttention, match=r"subscription sub_1: subscription_items\[0\]\.quantity is .*then replay"):
        items(subscription_items=[an_item(quantity)])


def test_one_price_on_two_lines_is_one_item() -> None:
    assert items(subscription_items=[an_item(5), an_item(2, "support", "addon"), an_item(3)]) == [
        an("licence-CAD-monthly", 8),
        an("support", 2, "addon"),
    ]


def test_an_item_without_an_id_is_refused() -> None:
    with pytest.raises(NeedsAttention, match="subscription sub_1 has an item without an id"):
        items(subscription_items=[{"item_type": "plan", "quantity": 5}])


# ---- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [67.84, 6784.0, True, "6784", 2**63, {"minor": 6784}])
def test_money_that_is_not_an_integer_of_minor_units_is_refused(amount: Any) -> None:
    with pytest.raises(
        NeedsAttention, match=r"^invoice F-1: amount_due is .*, not an integer.*; look at the object in Chargebee, then"
    ):
        the_snapshot(an_invoice(amount_due=amount))


def test_an_exponent_is_refused_even_where_it_makes_a_whole_number() -> None:
    raw = json.dumps(an_event(an_invoice(amount_due=12345))).replace("12345", "1e3")
    with pytest.raises(NeedsAttention, match=r"amount_due is 1000\.0, not an integer"):
        Event.from_body(raw.encode())


@pytest.mark.parametrize(
    ("snapshot", "place"),
    [
        (an_invoice(linked_payments=[a_link(applied_amount=1.5)]), r"linked_payments\[0\]\.applied_amount"),
        (a_transaction(linked_invoices=[{"invoice_id": "F-1", "applied_amount": True}]), r"linked_invoices\[0\]"),
        (a_transaction() | {"amount": 1.5}, "amount"),
        (a_transaction(amount_unused="3"), "amount_unused"),
        (an_invoice(due_date="tomorrow"), "due_date"),
        (an_invoice(due_date=-5), "due_date"),
        (an_invoice(linked_payments={"txn_id": "a"}), "linked_payments"),
        (a_customer(email=["a@b.example"]), "email"),
        (a_customer(billing_address="Montréal"), "billing_address"),
        (a_subscription(cancelled_at=1.5), "cancelled_at"),
        (a_subscription(resource_version="new"), "resource_version"),
        # No instant that a calendar knows, in whatever zone.
        (a_subscription(resource_version=2**62), "resource_version"),
        (a_subscription(resource_version=-1), "resource_version"),
        (a_subscription() | {"resource_version": None, "updated_at": 10**13}, "updated_at"),
        (a_subscription(cancelled_at=253_402_300_799), "cancelled_at"),
        (an_invoice(linked_payments=[a_link(txn_date=10**12)]), r"linked_payments\[0\]\.txn_date"),
        (a_transaction(linked_invoices=[{"invoice_id": "F-1", "applied_at": -1}]), r"linked_invoices\[0\]\.applied_at"),
    ],
)
def test_a_field_that_a_rule_reads_is_refused_by_its_name_where_it_is_wrong(snapshot: Body, place: str) -> None:
    with pytest.raises(NeedsAttention, match=rf"^{snapshot['object']} {snapshot['id']}: {place}"):
        the_snapshot(snapshot)


def test_what_a_database_cannot_hold_is_replaced() -> None:
    found = the_snapshot(a_customer(company="Bor\x00al\ud800", cf_note={"k\x00": ["\udfff"]}, id="cust\x00"))
    assert (found.id, found.fields["company"]) == ("cust�", "Bor�al�")
    assert found.body["cf_note"] == {"k�": ["�"]}


def test_letters_beyond_the_basic_plane_are_whole() -> None:
    assert the_snapshot(a_customer(company="Café 𝄞")).fields["company"] == "Café 𝄞"


def test_no_number_of_a_card_or_a_bank_account_is_kept() -> None:
    source = {
        "object": "payment_source",
        "id": "pm_1",
        "reference_id": "cus_X/card_Y",
        "card": {
            "brand": "visa",
            "iin": "424242",
            "last4": "4242",
            "masked_number": "************4242",
            "expiry_month": 3,
            "expiry_year": 2023,
        },
        "bank_account": {"account_number": "000123456", "iban": "XX00", "routing_number": "021"},
    }
    found = the_snapshot(source)
    assert found.fields == {
        "customer_id": None,
        "type": None,
        "status": None,
        "brand": "visa",
        "last4": "4242",
        "expiry_month": 3,
        "expiry_year": 2023,
    }
    kept = json.dumps(found.body)
    assert not [number for number in ("424242", "****", "000123456", "XX00", "021", "cus_X") if number in kept]
    paid = the_snapshot(a_transaction(masked_card_number="************4242", payment_method="card"))
    assert paid.fields["last4"] == "4242"
    assert "masked_card_number" not in paid.body


def test_contacts_are_those_who_get_billing_mail() -> None:
    contacts = [
        {"id": "a", "email": "a@x.example", "first_name": "A", "enabled": True, "send_billing_email": True},
        {"id": "b", "email": "b@x.example", "enabled": False, "send_billing_email": True},
        {"id": "c", "email": "c@x.example", "enabled": True, "send_billing_email": False},
        {"id": "d", "email": "d@x.example"},
    ]
    assert the_snapshot(a_customer(contacts=contacts)).fields["contacts"] == [
        {"id": "a", "email": "a@x.example", "first_name": "A"}
    ]


def test_cycles_that_were_sold_by_number_run_out_unless_somebody_asked_for_the_end() -> None:
    def runs_out(**fields: Any) -> bool:
        return bool(the_snapshot(a_subscription(**fields)).fields["runs_out"])

    counted = [an_item(5, billing_cycles=1)]
    assert runs_out(cancelled_at=seconds(JANUARY), subscription_items=counted)
    assert not runs_out(subscription_items=counted)
    assert not runs_out(cancelled_at=seconds(JANUARY))
    assert not runs_out(
        cancelled_at=seconds(JANUARY), cancel_schedule_created_at=seconds(JANUARY), subscription_items=counted
    )
