"""Every call of the API, made by the provider's own client, in an order in which each of them can succeed."""

from __future__ import annotations

from typing import Any

from chargebee import Chargebee

from simulator import Site
from simulator.pricing import MONTHLY, SUPPORT, YEARLY

DAY = 86400


def tour(site: Site, client: Chargebee) -> None:
    """Make every call at least once, and look at what comes back."""
    customers(site, client)
    subscriptions(site, client)
    later(site, client)
    offline(site, client)
    cards(site, client)
    charges(site, client)
    credits(site, client)
    portal(site, client)
    reading(site, client)


def customers(site: Site, client: Chargebee) -> None:
    made = client.Customer.create(
        {
            "id": "marie",
            "first_name": "Marie",
            "company": "Société Test1234",
            "email": "marie@test1234.example",
            "locale": "fr-CA",
            "billing_address": {"line1": "1234 rue Test", "city": "Montréal", "state_code": "QC", "country": "CA"},
            "cf_branch": "Nord",
        }
    )
    assert (made.customer.billing_address.city, made.customer.cf_branch) == ("Montréal", "Nord")
    changed = client.Customer.update("marie", {"locale": "en-CA", "cf_branch": None, "net_term_days": 15})
    assert (changed.customer.locale, changed.customer.net_term_days) == ("en-CA", 15)
    assert "cf_branch" not in changed.customer.raw_data
    moved = client.Customer.update_billing_info(
        "marie", {"vat_number": "123", "billing_address": {"city": "Laval", "state_code": "QC", "country": "CA"}}
    )
    assert (moved.customer.vat_number, moved.customer.billing_address.city) == ("123", "Laval")
    client.Customer.create({"id": "gone"})
    assert client.Customer.delete("gone").customer.deleted
    site.add_card("marie")
    client.Customer.create({"id": "paul", "company": "Paul inc.", "auto_collection": "off"})


def subscriptions(site: Site, client: Chargebee) -> None:
    sold = client.Subscription
    made = sold.create_with_items(
        "marie",
        {
            "id": "boreal",
            "subscription_items": [
                {"item_price_id": YEARLY.id, "quantity": 2},
                {"item_price_id": SUPPORT.id},
            ],
            "cf_channel": "salon",
        },
    )
    assert (made.subscription.status, made.invoice.status, made.card.last4) == ("active", "paid", "4242")
    assert made.subscription.cf_channel == "salon"
    raised = sold.update_for_items("boreal", {"subscription_items": [{"item_price_id": YEARLY.id, "quantity": 5}]})
    assert (raised.subscription.subscription_items[0].quantity, raised.invoice.amount_due) == (5, 0)
    lowered = sold.update_for_items("boreal", {"subscription_items": [{"item_price_id": YEARLY.id, "quantity": 4}]})
    assert lowered.credit_notes[0].type == "refundable"
    sold.cancel_for_items("boreal", {"end_of_term": True, "cancel_reason_code": "Price"})
    kept = sold.remove_scheduled_cancellation("boreal").subscription
    assert (kept.status, kept.cancelled_at) == ("active", None)
    paused = sold.pause("boreal", {"pause_option": "immediately", "resume_date": site.timestamp + 9 * DAY}).subscription
    assert (paused.status, paused.resume_date) == ("paused", site.timestamp + 9 * DAY)
    assert sold.remove_scheduled_resumption("boreal").subscription.resume_date is None
    assert sold.resume("boreal").subscription.status == "active"
    sold.pause("boreal", {"pause_option": "end_of_term"})
    assert sold.remove_scheduled_pause("boreal").subscription.pause_date is None
    ended = sold.cancel_for_items("boreal", {"credit_option_for_current_term_charges": "prorate"})
    assert (ended.subscription.status, ended.credit_notes[0].reason_code) == ("cancelled", "subscription_cancellation")
    assert sold.reactivate("boreal").subscription.status == "active"


def later(site: Site, client: Chargebee) -> None:
    sold = client.Subscription
    change = {"subscription_items": [{"item_price_id": YEARLY.id, "quantity": 9}], "end_of_term": True}
    assert sold.update_for_items("boreal", change).subscription.subscription_items[0].quantity == 4
    future = sold.retrieve_with_scheduled_changes("boreal")
    assert future.subscription.subscription_items[0].quantity == 9
    assert sold.remove_scheduled_changes("boreal").subscription.has_scheduled_changes is False
    sold.create_with_items(
        "marie", {"id": "short", "subscription_items": [{"item_price_id": MONTHLY.id, "quantity": 1}]}
    )
    assert sold.cancel_for_items("short", {"decommissioned": True}).subscription.decommissioned is True
    assert sold.delete("short").subscription.deleted


def offline(site: Site, client: Chargebee) -> None:
    invoices, transactions = client.Invoice, client.Transaction
    order = {
        "id": "austral",
        "subscription_items": [{"item_price_id": YEARLY.id, "quantity": 2}],
        "offline_payment_method": "bank_transfer",
        "net_term_days": 30,
    }
    invoice = client.Subscription.create_with_items("paul", order).invoice
    site.advance(days=30)
    wire = {"payment_method": "bank_transfer", "date": site.timestamp, "reference_number": "WIRE-1"}
    part = invoices.record_payment(invoice.id, {"comment": "a part", "transaction": {**wire, "amount": 10000}})
    assert (part.invoice.status, part.invoice.amount_paid, part.transaction.reference_number) == (
        "payment_due",
        10000,
        "WIRE-1",
    )
    failed = invoices.record_payment(invoice.id, {"transaction": {**wire, "amount": 500, "status": "failure"}})
    assert (failed.transaction.status, failed.invoice.amount_paid) == ("failure", 10000)
    removed = invoices.remove_payment(invoice.id, {"transaction": {"id": part.transaction.id}})
    assert (removed.invoice.amount_paid, removed.transaction.amount_unused) == (0, 10000)
    applied = invoices.apply_payments(invoice.id, {"transactions": [{"id": part.transaction.id}], "comment": "back"})
    assert applied.invoice.amount_paid == 10000
    paused = invoices.pause_dunning(
        invoice.id, {"expected_payment_date": site.timestamp + 5 * DAY, "comment": "promised"}
    )
    assert paused.invoice.expected_payment_date == site.timestamp + 5 * DAY
    assert invoices.resume_dunning(invoice.id, {"comment": "no more"}).invoice.expected_payment_date is None
    assert invoices.stop_dunning(invoice.id).invoice.status == "not_paid"
    paid = invoices.record_payment(invoice.id, {"transaction": {"payment_method": "check", "amount": 500000}})
    assert (paid.invoice.status, paid.transaction.amount_unused > 0) == ("paid", True)
    back = {"payment_method": "check", "date": site.timestamp, "amount": 1000, "reference_number": "CHQ-9"}
    assert transactions.record_refund(paid.transaction.id, back).transaction.type == "refund"
    refunded = invoices.record_refund(invoice.id, {"transaction": back, "credit_note": {"reason_code": "waiver"}})
    assert (refunded.transaction.amount, refunded.credit_note.reason_code) == (1000, "waiver")
    again = {
        "transaction": {"payment_method": "cash", "amount": 700, "date": site.timestamp, "reference_number": "C-1"}
    }
    excess = client.Customer.record_excess_payment("paul", {**again, "comment": "for later"})
    assert excess.customer.excess_payments >= 700
    bounced = transactions.delete_offline_transaction(excess.transaction.id, {"comment": "bounced"})
    assert bounced.transaction.deleted


def cards(site: Site, client: Chargebee) -> None:
    invoices = client.Invoice
    client.Customer.create({"id": "carla", "company": "Carla ltée"})
    site.add_card("carla", last4="0002")
    order = {"id": "card", "subscription_items": [{"item_price_id": MONTHLY.id, "quantity": 3}]}
    declined = client.Subscription.create_with_items("carla", order).invoice
    assert (declined.status, declined.dunning_status) == ("payment_due", "in_progress")
    site.add_card("carla")
    collected = invoices.collect_payment(declined.id, {"amount": 5000, "comment": "by phone"})
    assert (collected.transaction.amount, collected.invoice.amount_paid) == (5000, 5000)
    refunded = invoices.refund(declined.id, {"refund_amount": 2000, "comment": "sorry"})
    assert (refunded.transaction.amount, refunded.credit_note.total) == (2000, 2000)
    assert client.Transaction.refund(collected.transaction.id, {"amount": 1000}).transaction.amount == 1000
    off = invoices.write_off(declined.id, {"comment": "given up"})
    assert (off.invoice.write_off_amount > 0, off.credit_note.reason_code) == (True, "write_off")


def charges(site: Site, client: Chargebee) -> None:
    invoices = client.Invoice
    client.Customer.create({"id": "dora", "company": "Dora inc.", "auto_collection": "off"})
    pending = {
        "id": "pending",
        "subscription_items": [{"item_price_id": MONTHLY.id, "quantity": 1}],
        "create_pending_invoices": True,
    }
    client.Subscription.create_with_items("dora", pending)
    waiting = invoices.list({"status": {"is": "pending"}}).list[0].invoice
    assert invoices.close(waiting.id, {"comment": "done"}).invoice.status in ("payment_due", "posted")
    setup = {"charges": [{"amount": 5000, "description": "Formation"}]}
    first = invoices.create_for_charge_items_and_charges({"customer_id": "dora", **setup}).invoice
    assert first.line_items[0].description == "Formation"
    assert invoices.delete(first.id, {"comment": "by mistake"}).invoice.deleted
    second = invoices.create_for_charge_items_and_charges({"subscription_id": "pending", **setup}).invoice
    voided = invoices.void_invoice(second.id, {"comment": "by mistake", "void_reason_code": "Other"})
    assert voided.invoice.status == "voided"
    link = invoices.pdf(waiting.id, {"disposition_type": "inline"}).download
    assert link.valid_till == site.timestamp + 3600


def credits(site: Site, client: Chargebee) -> None:
    promotions, notes = client.PromotionalCredit, client.CreditNote
    gift = {"customer_id": "paul", "amount": 3000, "description": "Merci"}
    assert promotions.add(gift).customer.promotional_credits == 3000
    taken = promotions.deduct({**gift, "amount": 1000}).promotional_credit
    assert (taken.closing_balance, promotions.retrieve(taken.id).promotional_credit.type) == (2000, "decrement")
    paid = client.Invoice.list({"customer_id": {"is": "dora"}, "amount_due": {"gt": 0}}).list[0].invoice
    client.Invoice.record_payment(paid.id, {"transaction": {"payment_method": "check"}})
    order = {"customer_id": "dora", "charges": [{"amount": 9000, "description": "Formation"}]}
    owing = client.Invoice.create_for_charge_items_and_charges(order).invoice

    def note() -> Any:
        return notes.create(
            {"reference_invoice_id": paid.id, "type": "refundable", "total": 1500, "reason_code": "waiver"}
        )

    assert note().credit_note.amount_available == 1500
    spent = client.Invoice.apply_credits(owing.id, {"comment": "from the note"}).invoice
    assert spent.credits_applied == 1500
    back = {"payment_method": "check", "date": site.timestamp, "amount": 1500}
    assert notes.record_refund(note().credit_note.id, {"transaction": back}).transaction.type == "refund"
    assert notes.void_credit_note(note().credit_note.id, {"comment": "no"}).credit_note.status == "voided"


def portal(site: Site, client: Chargebee) -> None:
    sessions = client.PortalSession
    made = sessions.create({"customer": {"id": "marie"}, "redirect_url": "https://app.example/"}).portal_session
    assert (made.status, made.expires_at, made.customer_id) == ("created", site.timestamp + 3600, "marie")
    assert made.access_url.endswith(f"/_sim/portal/{made.token}")
    (linked,) = made.linked_customers
    assert (linked.customer_id, linked.has_payment_method, linked.has_active_subscription) == ("marie", True, True)
    assert sessions.retrieve(made.id).portal_session.redirect_url == "https://app.example/"
    ended = sessions.logout(made.id).portal_session
    assert (ended.status, ended.logout_at) == ("logged_out", site.timestamp)


def reading(site: Site, client: Chargebee) -> None:
    assert client.Subscription.retrieve("boreal").customer.id == "marie"
    assert client.Customer.retrieve("marie").card.status == "valid"
    for kind in ("Customer", "Subscription", "Invoice", "Transaction", "CreditNote", "PaymentSource", "Event"):
        row = _first(client, kind)
        retrieved = getattr(client, kind).retrieve(row.id)
        assert getattr(retrieved, _snake(kind)).id == row.id
    invoice = client.Invoice.list({"customer_id": {"is": "paul"}, "status": {"is": "paid"}}).list[0].invoice
    assert client.Transaction.payments_for_invoice(invoice.id, {"limit": 5}).list[0].transaction.id
    for kind in ("Item", "ItemPrice", "PromotionalCredit"):
        assert getattr(client, kind).retrieve(_first(client, kind).id)
    note = client.Comment.create({"entity_type": "invoice", "entity_id": invoice.id, "notes": "Appelé Paul"}).comment
    assert client.Comment.retrieve(note.id).comment.notes == "Appelé Paul"
    found = client.Comment.list({"entity_type": "invoice", "entity_id": invoice.id})
    assert note.id in [row.comment.id for row in found.list]
    client.Comment.delete(note.id)


def _first(client: Chargebee, kind: str) -> Any:
    return getattr(getattr(client, kind).list({"limit": 100}).list[-1], _snake(kind))


def _snake(kind: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in kind).lstrip("_")
