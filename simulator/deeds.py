"""What can be done on a site at random, deed by deed. Each picks an object it could be done to, and does it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from .balances import OPEN
from .pricing import MONTHLY, SETUP, STORAGE, SUPPORT, TEAM, TRAINING, YEARLY
from .running import LIVE
from .site import Site
from .state import Body

_REASONS = ("Too expensive", "No longer needed", "Switched provider", None)
# Where customers are; the first, which says nothing, is in Québec.
_PLACES: tuple[Mapping[str, str], ...] = (
    {},
    {},
    {"city": "Ottawa", "state_code": "ON", "state": "Ontario", "country": "CA"},
    {"city": "Calgary", "state_code": "AB", "state": "Alberta", "country": "CA"},
    {"city": "Burlington", "state_code": "VT", "state": "Vermont", "country": "US"},
)


class NothingThere(Exception):
    """No object that this deed could be done to."""


class Deeds:
    """A site and the dice that decide what is done on it."""

    def __init__(self, site: Site, dice: random.Random) -> None:
        self.site = site
        self.dice = dice

    def one(self, kind: str, *statuses: str, **fields: object) -> Body:
        """Any object of a kind, in one of these states and with these fields."""
        found = [b for b in self.site.find(kind, **fields) if not statuses or b.get("status") in statuses]
        return self.any_of(found)

    def any_of(self, bodies: Sequence[Body]) -> Body:
        if not bodies:
            raise NothingThere
        return self.dice.choice(bodies)

    def chance(self, part: float) -> bool:
        return self.dice.random() < part

    def some(self, most: int) -> int | None:
        """An amount up to the most there is, or (None) all of it."""
        return None if self.chance(0.5) else self.dice.randint(1, max(1, most))


class CustomerDeeds(Deeds):
    """What customers do about themselves, and clerks about them."""

    def new_customer(self, number: int | str) -> str:
        offline = self.chance(0.6)
        customer = self.site.create_customer(
            id=f"customer-{number}",
            company=f"Client {number} inc.",
            first_name=self.dice.choice(["Marie", "Alex", "Luc"]),
            email=f"client{number}@example.example",
            locale=self.dice.choice(["fr-CA", "en-CA", None]),
            auto_collection="off" if offline else "on",
            offline_payment_method=self.dice.choice(["check", "bank_transfer"]) if offline else None,
            net_term_days=self.dice.choice([0, 30]),
            contacts=[{"email": f"comptes{number}@example.example"}] if self.chance(0.5) else (),
            address=dict(self.dice.choice(_PLACES)),
            taxability="exempt" if self.chance(0.1) else "taxable",
        )
        if not offline or self.chance(0.2):
            self.new_card(customer["id"])
        return str(customer["id"])

    def switch_collection(self) -> None:
        customer = self.one("customer")
        if customer["auto_collection"] == "off":
            self.site.change_customer(customer["id"], auto_collection="on", offline_payment_method=None)
        else:
            method = self.dice.choice(["check", "bank_transfer"])
            self.site.change_customer(customer["id"], auto_collection="off", offline_payment_method=method)

    def change_address(self) -> None:
        number = self.dice.randrange(1000)
        self.site.change_customer(
            self.one("customer")["id"],
            email=self.dice.choice([f"facturation{number}@example.example", None]),
            locale=self.dice.choice(["fr-CA", "en-CA"]),
            contacts=[{"email": f"contact{number}@example.example", "enabled": self.chance(0.8)}],
        )

    def move_house(self) -> None:
        place = {"line1": "1 rue Neuve", **self.dice.choice(_PLACES[2:])}
        self.site.update_billing_info(self.one("customer")["id"], billing_address=place)

    def new_card(self, customer_id: str | None = None) -> None:
        last4 = self.dice.choice(["4242", "1881", "0002", "9995"])
        expires = self.dice.randint(1, 12), self.dice.choice([2021, 2022])
        self.site.add_card(customer_id or self.one("customer")["id"], last4=last4, expires=expires)

    def new_account(self) -> None:
        self.site.add_bank_account(self.one("customer")["id"], last4=self.dice.choice(["6789", "0002", "0003"]))

    def choose_card(self) -> None:
        self.site.make_primary(self.one("payment_source")["id"])

    def delete_card(self) -> None:
        self.site.delete_card(self.one("payment_source")["id"])

    def comment(self) -> None:
        self.site.add_comment("customer", self.one("customer")["id"], "A appelé au sujet de sa facture.")
        raise NothingThere  # of a comment no event tells: something else must be done as well

    def give_credits(self) -> None:
        self.site.add_promotional_credits(self.one("customer")["id"], self.dice.choice([500, 5000, 100000]))

    def take_credits(self) -> None:
        given = [customer for customer in self.site.all("customer") if customer["promotional_credits"]]
        customer = self.any_of(given)
        self.site.deduct_promotional_credits(customer["id"], self.dice.randint(1, customer["promotional_credits"]))


class SubscriptionDeeds(CustomerDeeds):
    """What is bought, changed, paused and ended."""

    def order(self, customer_id: str | None = None) -> None:
        price = self.dice.choice([MONTHLY, MONTHLY, YEARLY, TEAM])
        items: list[Body] = [{"item_price_id": price.id, "quantity": self.dice.randint(1, 20)}]
        if self.chance(0.3):
            items.append({"item_price_id": (SUPPORT if price is YEARLY else STORAGE).id, "quantity": 2})
        if self.chance(0.15):
            items.append({"item_price_id": SETUP.id})
        self.site.subscribe(
            customer_id or self.one("customer")["id"],
            items=items,
            starts_at=self.site.now + timedelta(days=self.dice.randint(1, 20)) if self.chance(0.1) else None,
            trial_days=14 if self.chance(0.15) else 0,
            billing_cycles=self.dice.randint(1, 3) if self.chance(0.1) else None,
            auto_collection=self.dice.choice([None, None, None, "on", "off"]),
            pending_invoices=self.chance(0.1),
            invoice_immediately=not self.chance(0.05),
        )

    def more_or_fewer_seats(self) -> None:
        subscription = self.one("subscription", "future", *LIVE)
        self.site.change_seats(subscription["id"], self.dice.randint(1, 30), end_of_term=self.chance(0.25))

    def change_items(self) -> None:
        subscription = self.one("subscription", *LIVE)
        addon = STORAGE if subscription["billing_period_unit"] == "month" else SUPPORT
        plan = subscription["subscription_items"][0]
        items: list[Body] = [{"item_price_id": plan["item_price_id"], "quantity": self.dice.randint(1, 30)}]
        if self.chance(0.5):
            items.append({"item_price_id": addon.id, "quantity": self.dice.randint(1, 5)})
        if self.chance(0.2):
            items[0]["unit_price"] = self.dice.randint(1000, 9000)
        self.site.update_items(
            subscription["id"],
            items,
            replace=self.chance(0.5),
            prorate=self.chance(0.8),
            invoice_immediately=self.chance(0.6),
            force_term_reset=self.chance(0.1),
            when=self.when(),
        )

    def when(self) -> str | datetime:
        date = self.site.now + timedelta(days=self.dice.randint(1, 40))
        choices: list[str | datetime] = ["immediately", "immediately", "end_of_term", date]
        return self.dice.choice(choices)

    def drop_change(self) -> None:
        self.site.remove_scheduled_changes(self.one("subscription", has_scheduled_changes=True)["id"])

    def change_plan(self) -> None:
        self.site.change_plan(self.one("subscription", "active", "in_trial")["id"], YEARLY.id)

    def switch_one_collection(self) -> None:
        subscription = self.one("subscription", "future", *LIVE)
        self.site.change_collection(subscription["id"], auto_collection=self.dice.choice([None, "on", "off"]))

    def put_off_a_charge(self) -> None:
        subscription = self.one("subscription", "active", "non_renewing", "in_trial")
        self.site.add_charge(subscription["id"], [{"item_price_id": TRAINING.id, "quantity": self.dice.randint(1, 8)}])

    def bill_charges(self) -> None:
        self.site.invoice_unbilled_charges(self.one("unbilled_charge")["subscription_id"])

    def drop_charge(self) -> None:
        self.site.delete_unbilled_charge(self.one("unbilled_charge")["id"])

    def schedule_cancellation(self) -> None:
        subscription = self.one("subscription", *LIVE)
        at = self.site.now + timedelta(days=self.dice.randint(0, 50), seconds=1) if self.chance(0.4) else None
        self.site.schedule_cancellation(subscription["id"], at=at, reason=self.dice.choice(_REASONS))

    def keep(self) -> None:
        ending = [body for body in self.site.all("subscription") if body["status"] in LIVE and "cancelled_at" in body]
        self.site.remove_scheduled_cancellation(self.any_of(ending)["id"])

    def cancel(self) -> None:
        self.site.cancel_items(
            self.one("subscription", "paused", "future", *LIVE)["id"],
            option=self.dice.choice(["immediately", "immediately", "end_of_term"]),
            reason=self.dice.choice(_REASONS),
            credit_option=self.dice.choice(["none", "prorate", "full"]),
            unbilled_charges_option=self.dice.choice(["invoice", "delete"]),
            account_receivables_handling=self.dice.choice(["no_action", "schedule_payment_collection", "write_off"]),
            refundable_credits_handling=self.dice.choice(["no_action", "schedule_refund"]),
        )

    def reactivate(self) -> None:
        self.site.reactivate(self.one("subscription", "cancelled")["id"])

    def pause(self) -> None:
        resume_at = self.site.now + timedelta(days=self.dice.randint(40, 90)) if self.chance(0.5) else None
        option = self.dice.choice(["immediately", "immediately", "end_of_term"])
        self.site.pause(self.one("subscription", "active")["id"], option=option, resume_at=resume_at)

    def resume(self) -> None:
        at = self.site.now + timedelta(days=self.dice.randint(1, 20)) if self.chance(0.3) else None
        self.site.resume(self.one("subscription", "paused")["id"], at=at)

    def unpause(self) -> None:
        pausing = [body for body in self.site.find("subscription", status="active") if "pause_date" in body]
        self.site.remove_scheduled_pause(self.any_of(pausing)["id"])

    def move(self) -> None:
        self.site.move_subscription(self.one("subscription", "future", *LIVE)["id"], self.one("customer")["id"])

    def delete_subscription(self) -> None:
        self.site.delete_subscription(self.one("subscription")["id"])


class MoneyDeeds(SubscriptionDeeds):
    """What is invoiced, paid, taken back and given back."""

    def charge(self) -> None:
        charges = [{"amount": self.dice.randint(100, 90000), "description": "Données récupérées"}]
        self.site.charge_invoice(self.one("customer")["id"], charges=charges)

    def record_payment(self) -> None:
        invoice = self.one("invoice", *OPEN)
        due = invoice["amount_due"]
        part = self.dice.choice([None, None, max(1, due // 2), max(1, due // 3), due + self.dice.randint(1, 5000)])
        self.site.record_payment(
            invoice["id"],
            amount=part,
            method=self.dice.choice(["check", "bank_transfer", "other"]),
            reference=f"REF-{due}",
            status="failure" if self.chance(0.1) else "success",
            date=self.site.now - timedelta(days=self.dice.randint(0, 3)),
            comment="Reçu par la poste" if self.chance(0.2) else None,
        )

    def pay_several(self) -> None:
        customer = self.one("invoice", *OPEN)["customer_id"]
        owing = [i for i in self.site.find("invoice", customer_id=customer) if i["status"] in OPEN]
        total = sum(invoice["amount_due"] for invoice in owing)
        amount = self.dice.choice([None, max(1, total - 100), total + 250])
        self.site.record_payment([invoice["id"] for invoice in owing], amount=amount, method="bank_transfer")

    def pay_ahead(self) -> None:
        self.site.record_excess_payment(self.one("customer")["id"], self.dice.randint(100, 90000), reference="AVANCE")

    def pay_by_card(self) -> None:
        self.site.pay_by_card(self.one("invoice", *OPEN)["id"], succeeds=self.chance(0.7))

    def apply_payment(self) -> None:
        payment = self.any_of([body for body in self.site.find("transaction") if body.get("amount_unused")])
        invoice = self.one("invoice", *OPEN, customer_id=payment["customer_id"])
        self.site.apply_payments(invoice["id"], {payment["id"]: self.some(payment["amount_unused"])})

    def take_payment_off(self) -> None:
        payment = self.one("transaction", "success", type="payment")
        self.site.remove_payment(self.any_of(payment["linked_invoices"])["invoice_id"], payment["id"])

    def bounce(self) -> None:
        self.site.bounce(self.one("transaction", "success", type="payment", gateway="not_applicable")["id"])

    def reverse(self) -> None:
        payment = self.one("transaction", "success", type="payment", payment_method="card")
        self.site.reverse_payment(payment["id"], chargeback=self.chance(0.5))

    def refund(self) -> None:
        self.site.refund(self.one("invoice", "paid")["id"], self.some(5000))

    def record_refund(self) -> None:
        self.site.record_refund(self.one("invoice", "paid", *OPEN)["id"], self.some(5000), reference="REMB-1")

    def refund_payment(self) -> None:
        self.site.record_transaction_refund(self.one("transaction", "success", type="payment")["id"], self.some(500))

    def refund_credit(self) -> None:
        note = self.one("credit_note", "refund_due")
        self.site.record_credit_note_refund(note["id"], self.some(note["amount_available"]))

    def credit_by_hand(self) -> None:
        invoice = self.one("invoice", "paid", *OPEN)
        type = self.dice.choice(["refundable", "adjustment"])
        self.site.create_credit_note(invoice["id"], amount=self.some(3000), type=type, reason="waiver")

    def void_credit(self) -> None:
        self.site.void_credit_note(self.one("credit_note", "refund_due")["id"])

    def apply_credit(self) -> None:
        note = self.one("credit_note", "refund_due")
        invoice = self.one("invoice", *OPEN, customer_id=note["customer_id"])
        self.site.apply_credits(invoice["id"], {note["id"]: self.some(note["amount_available"])})

    def take_credit_off(self) -> None:
        invoice = self.any_of([body for body in self.site.all("invoice") if body["applied_credits"]])
        self.site.remove_credit_note(invoice["id"], self.any_of(invoice["applied_credits"])["cn_id"])

    def void(self) -> None:
        self.site.void_invoice(self.one("invoice", *OPEN)["id"])

    def write_off(self) -> None:
        self.site.write_off(self.one("invoice", *OPEN)["id"])

    def close(self) -> None:
        self.site.close_invoice(self.one("invoice", "pending")["id"])

    def delete(self) -> None:
        self.site.delete_invoice(self.one("invoice", *OPEN, "pending")["id"])

    def stop_dunning(self) -> None:
        self.site.stop_dunning(self.one("invoice", "payment_due")["id"])

    def pause_dunning(self) -> None:
        until = self.site.now + timedelta(days=self.dice.randint(1, 30))
        self.site.pause_dunning(self.one("invoice", "payment_due")["id"], until)

    def resume_dunning(self) -> None:
        paused = [body for body in self.site.all("invoice") if "expected_payment_date" in body]
        self.site.resume_dunning(self.any_of(paused)["id"])
