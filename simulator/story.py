"""Stories: the demo's, a customer's year, and a shorter one; steps that act on a site and say what must follow.

The expected consequences are written out as plain data, so that a checker outside can compare them with what the
worker made of the events. Everything is in the site's own ids; amounts are in cents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from .pricing import MONTHLY, SUPPORT, YEARLY
from .site import Site

MERCHANT = "Logiciels Boréal inc."
TEST1234 = "societe-test1234"
TEST1234_SEATS = "boreal-cloud-test1234"
ATELIER = "atelier-nord"
ATELIER_SEATS = "boreal-cloud-atelier-nord"
TERM_END = datetime(2022, 1, 8, 14, 30, tzinfo=UTC)
_MONTREAL = ZoneInfo("America/Toronto")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that must have been sent: its kind, and the invoice or subscription it speaks of."""

    kind: str
    about: str


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Where the cancellation of a subscription at an instant stands: scheduled, withdrawn or run."""

    subscription_id: str
    effective_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Consequences:
    """What must be so once everything that a step sent has been worked off.

    `seats`, `owed`, `paid` and `cancellations` are complete: what is not named is not there. `mails` are those that
    this step must have caused, beside the ones of the steps before; each is sent once.
    """

    seats: Mapping[str, int]
    owed: Mapping[str, int]  # open follow-ups: invoice -> balance
    paid: Mapping[str, int]  # invoice -> what payments have put on it
    mails: tuple[Mail, ...] = ()
    cancellations: tuple[Cancellation, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: when, in plain words, and what must follow."""

    name: str
    title: str
    at: datetime
    act: Callable[[Site], object] = field(repr=False)
    consequences: Consequences

    def play(self, site: Site) -> None:
        """Move the site's clock to the step's instant (what falls due on the way happens), then do it."""
        site.advance_to(self.at)
        self.act(site)


@dataclass(frozen=True, slots=True)
class Story:
    """Steps in order, on a site on which nobody has bought anything yet (`a_site`)."""

    title: str
    steps: tuple[Step, ...]


def a_site(seed: int = 1) -> Site:
    """The site on which the story begins: nobody has bought anything yet."""
    return Site(seed=seed, now=_on("2021-01-04 09:00:00"), timezone="America/Toronto")


def steps() -> tuple[Step, ...]:
    """The demo story, in order. It starts on 4 January 2021 and ends on 8 January 2022."""
    return STORY


def _on(local: str) -> datetime:
    """An instant, given as Montréal's clocks show it."""
    return datetime.fromisoformat(local).replace(tzinfo=_MONTREAL).astimezone(UTC)


def _buy_a_seat(site: Site) -> None:
    site.next_invoice_number = 10391
    site.create_customer(
        id=TEST1234,
        company="Société Test1234",
        first_name="Marie",
        last_name="Tremblay",
        email="marie@test1234.example",
        locale="fr_CA",
        address={"line1": "1234 rue Test", "line2": "bureau 001", "city": "Montréal", "zip": "H1H 1H1"},
        contacts=[{"first_name": "Luc", "email": "comptes@test1234.example", "label": "comptabilité"}],
    )
    site.add_card(TEST1234, last4="4242")
    site.subscribe(TEST1234, MONTHLY.id, 1, id=TEST1234_SEATS)


def _go_annual(site: Site) -> None:
    site.change_plan(TEST1234_SEATS, YEARLY.id)


def _add_seats_by_wire(site: Site) -> None:
    site.change_customer(
        TEST1234, auto_collection="off", offline_payment_method="bank_transfer", net_term_days=30
    )  # fmt: skip
    site.next_invoice_number = 10428  # the merchant has other customers, who were invoiced in between
    site.change_seats(TEST1234_SEATS, 5)


def _order_by_cheque(site: Site) -> None:
    site.next_invoice_number = 10431
    site.create_customer(
        id=ATELIER,
        company="Atelier Nord",
        first_name="Alex",
        last_name="Roy",
        email="alex@ateliernord.example",
        locale="en_CA",
        auto_collection="off",
        offline_payment_method="check",
        net_term_days=30,
        address={"line1": "5678 rue Exemple", "city": "Gatineau", "zip": "J8X 1A1"},
    )
    site.subscribe(ATELIER, YEARLY.id, 2, addons={SUPPORT.id: 1}, id=ATELIER_SEATS)


def _part_of_the_wire(site: Site) -> None:
    site.record_payment("F-10428", amount=200000, method="bank_transfer", reference="VIR-20210125-001")


def _cheque_arrives(site: Site) -> None:
    site.record_payment("F-10431", method="check", reference="CHQ 001234")


def _rest_of_the_wire(site: Site) -> None:
    site.record_payment("F-10428", method="bank_transfer", reference="VIR-20210205-007")


def _cheque_bounces(site: Site) -> None:
    cheque = site.find("transaction", customer_id=ATELIER, payment_method="check")[0]
    site.bounce(cheque["id"])


def _schedule_cancellation(site: Site) -> None:
    site.schedule_cancellation(TEST1234_SEATS, reason="Too expensive")


def _keep_subscription(site: Site) -> None:
    site.remove_scheduled_cancellation(TEST1234_SEATS)


def _schedule_cancellation_again(site: Site) -> None:
    site.schedule_cancellation(TEST1234_SEATS, reason="No longer needed")


def _card_is_replaced(site: Site) -> None:
    site.add_card(TEST1234, last4="0002")  # which the bank will decline


def _card_that_works(site: Site) -> None:
    site.add_card(TEST1234, last4="1881")
    site.pay_by_card("F-10392")


def _nothing(site: Site) -> None:
    """Only the clock moves."""


def _test1234_cancellation(state: str) -> tuple[Cancellation, ...]:
    return (Cancellation(TEST1234_SEATS, TERM_END, state),)


# What the two card payments put on their invoices: the second one less the credit for the rest of the month.
_BY_CARD = {"F-10391": 6784, "F-10392": 69975}

STORY = (
    Step(
        "buy",
        "Société Test1234 buys one monthly seat and pays by card",
        _on("2021-01-04 09:30:00"),
        _buy_a_seat,
        Consequences(seats={TEST1234_SEATS: 1}, owed={}, paid={"F-10391": 6784}, mails=(Mail("invoice", "F-10391"),)),
    ),
    Step(
        "annual",
        "It moves to the annual plan; what is left of the month is credited, the rest is charged to the card",
        _on("2021-01-08 09:30:00"),
        _go_annual,
        Consequences(seats={TEST1234_SEATS: 1}, owed={}, paid=_BY_CARD, mails=(Mail("invoice", "F-10392"),)),
    ),
    Step(
        "wire",
        "It adds four seats for the rest of the year and chooses to pay them by wire within 30 days",
        _on("2021-01-11 10:22:00"),
        _add_seats_by_wire,
        Consequences(
            seats={TEST1234_SEATS: 5},
            owed={"F-10428": 301009},
            paid=_BY_CARD,
            mails=(
                Mail("invoice", "F-10428"),
                Mail("seats_changed", TEST1234_SEATS),
                Mail("finance_new_case", "F-10428"),
            ),
        ),
    ),
    Step(
        "cheque-order",
        "Atelier Nord orders two seats with priority support for a year, to be paid by cheque",
        _on("2021-01-12 13:15:00"),
        _order_by_cheque,
        Consequences(
            seats={TEST1234_SEATS: 5, ATELIER_SEATS: 2},
            owed={"F-10428": 301009, "F-10431": 172463},
            paid=_BY_CARD,
            mails=(Mail("invoice", "F-10431"), Mail("finance_new_case", "F-10431")),
        ),
    ),
    Step(
        "part",
        "A first wire of $2,000.00 lands for Société Test1234",
        _on("2021-01-25 11:00:00"),
        _part_of_the_wire,
        Consequences(
            seats={TEST1234_SEATS: 5, ATELIER_SEATS: 2},
            owed={"F-10428": 101009, "F-10431": 172463},
            paid={**_BY_CARD, "F-10428": 200000},
            mails=(Mail("payment_received", "F-10428"),),
        ),
    ),
    Step(
        "cheque",
        "Atelier Nord's cheque arrives and is recorded",
        _on("2021-02-01 10:10:00"),
        _cheque_arrives,
        Consequences(
            seats={TEST1234_SEATS: 5, ATELIER_SEATS: 2},
            owed={"F-10428": 101009},
            paid={**_BY_CARD, "F-10428": 200000, "F-10431": 172463},
            mails=(Mail("payment_received", "F-10431"),),
        ),
    ),
    Step(
        "rest",
        "The rest of the wire lands; the invoice is paid and the case closes by itself",
        _on("2021-02-05 15:40:00"),
        _rest_of_the_wire,
        Consequences(
            seats={TEST1234_SEATS: 5, ATELIER_SEATS: 2},
            owed={},
            paid={**_BY_CARD, "F-10428": 301009, "F-10431": 172463},
            mails=(Mail("payment_received", "F-10428"),),
        ),
    ),
    Step(
        "bounce",
        "Atelier Nord's cheque bounces; its invoice is owed again",
        _on("2021-02-08 09:05:00"),
        _cheque_bounces,
        Consequences(
            seats={TEST1234_SEATS: 5, ATELIER_SEATS: 2},
            owed={"F-10431": 172463},
            paid={**_BY_CARD, "F-10428": 301009},
        ),
    ),
    Step(
        "cancel",
        "Société Test1234 schedules its cancellation for the end of the term: too expensive",
        _on("2021-03-15 14:00:00"),
        _schedule_cancellation,
        Consequences(
            seats={TEST1234_SEATS: 5, ATELIER_SEATS: 2},
            owed={"F-10431": 172463},
            paid={**_BY_CARD, "F-10428": 301009},
            mails=(Mail("cancellation_scheduled", TEST1234_SEATS),),
            cancellations=_test1234_cancellation("scheduled"),
        ),
    ),
    Step(
        "keep",
        "It changes its mind and keeps the subscription",
        _on("2021-03-18 08:45:00"),
        _keep_subscription,
        Consequences(
            seats={TEST1234_SEATS: 5, ATELIER_SEATS: 2},
            owed={"F-10431": 172463},
            paid={**_BY_CARD, "F-10428": 301009},
            mails=(Mail("cancellation_removed", TEST1234_SEATS),),
            cancellations=_test1234_cancellation("withdrawn"),
        ),
    ),
    Step(
        "cancel-again",
        "Half a year later it schedules the cancellation again: no longer needed",
        _on("2021-09-20 16:20:00"),
        _schedule_cancellation_again,
        Consequences(
            seats={TEST1234_SEATS: 5, ATELIER_SEATS: 2},
            owed={"F-10431": 172463},
            paid={**_BY_CARD, "F-10428": 301009},
            mails=(Mail("cancellation_scheduled", TEST1234_SEATS),),
            cancellations=_test1234_cancellation("scheduled"),
        ),
    ),
    Step(
        "last-day",
        "The clock moves to the day before the end: the seats are still there",
        _on("2022-01-07 12:00:00"),
        _nothing,
        Consequences(
            seats={TEST1234_SEATS: 5, ATELIER_SEATS: 2},
            owed={"F-10431": 172463},
            paid={**_BY_CARD, "F-10428": 301009},
            cancellations=_test1234_cancellation("scheduled"),
        ),
    ),
    Step(
        "end",
        "The term runs out: Chargebee cancels, the seats go to 0, and one mail says so",
        _on("2022-01-08 12:00:00"),
        _nothing,
        Consequences(
            seats={TEST1234_SEATS: 0, ATELIER_SEATS: 2},
            owed={"F-10431": 172463},
            paid={**_BY_CARD, "F-10428": 301009},
            mails=(Mail("cancelled", TEST1234_SEATS),),
            cancellations=_test1234_cancellation("run"),
        ),
    ),
)

_CARD_STORY = (
    STORY[0],
    Step(
        "new-card",
        "It gives the card that replaces the old one; the bank will not let it pay",
        _on("2021-01-20 11:00:00"),
        _card_is_replaced,
        Consequences(seats={TEST1234_SEATS: 1}, owed={}, paid={"F-10391": 6784}),
    ),
    Step(
        "declined",
        "The month is renewed; the card is declined, and Chargebee goes on trying: nobody chases a card",
        _on("2021-02-04 12:00:00"),
        _nothing,
        Consequences(
            seats={TEST1234_SEATS: 1},
            owed={},
            paid={"F-10391": 6784},
            mails=(Mail("payment_failed", "F-10392"),),
        ),
    ),
    Step(
        "paid",
        "It gives a card that works, which pays at once",
        _on("2021-02-05 09:00:00"),
        _card_that_works,
        Consequences(
            seats={TEST1234_SEATS: 1},
            owed={},
            paid={"F-10391": 6784, "F-10392": 6784},
            mails=(Mail("invoice", "F-10392"),),
        ),
    ),
    Step(
        "renewed",
        "The next month is renewed and paid without anybody",
        _on("2021-03-04 12:00:00"),
        _nothing,
        Consequences(
            seats={TEST1234_SEATS: 1},
            owed={},
            paid={"F-10391": 6784, "F-10392": 6784, "F-10393": 6784},
            mails=(Mail("invoice", "F-10393"),),
        ),
    ),
)

STORIES = {
    "year": Story("a customer's year: seats by wire, a cheque that bounces, a cancellation", STORY),
    "card": Story("a card that is declined at a renewal, and the one that replaces it", _CARD_STORY),
}
