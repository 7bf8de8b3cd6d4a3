"""What can be done to customers: made, changed, given cards and credits, taken away."""

from __future__ import annotations

from ..site import Site
from ..state import Body
from .deeds import Deed, Done, add, choice, on_site
from .forms import Field, Values
from .show import Amount, Link, Show

# Where a customer may live, by the taxes it pays there.
PLACES: dict[str, Body] = {
    "QC": {"state_code": "QC", "state": "Quebec", "city": "Montréal", "zip": "H1H 1H1", "country": "CA"},
    "ON": {"state_code": "ON", "state": "Ontario", "city": "Ottawa", "zip": "K1A 0A6", "country": "CA"},
    "AB": {"state_code": "AB", "state": "Alberta", "city": "Calgary", "zip": "T2P 2M5", "country": "CA"},
    "FR": {"state_code": None, "state": None, "city": "Lyon", "zip": "69001", "country": "FR"},
}
WAYS = ("card", "bank_transfer", "check")
NET_TERMS = 30  # days that an order by wire or cheque is given unless said otherwise


def how_to_pay(way: str, days: int | None) -> dict[str, str | int | None]:
    """The settings of a customer that pays this way."""
    if way == "card":
        return {"auto_collection": "on", "offline_payment_method": None, "net_term_days": 0}
    return {
        "auto_collection": "off",
        "offline_payment_method": way,
        "net_term_days": NET_TERMS if days is None else days,
    }


def make(site: Site, values: Values) -> Body:
    """A customer from the fields of NEW; a card that is accepted goes with paying by card."""
    paying = how_to_pay(values["way"], values["days"])
    customer = site.create_customer(
        company=values["company"],
        email=values["email"],
        first_name=values["first_name"],
        last_name=values["last_name"],
        locale=values["language"],
        address=PLACES[values["place"]],
        **paying,  # type: ignore[arg-type]
    )
    if values["way"] == "card":
        site.add_card(customer["id"])
    return customer


def _make(site: Site, id: str, values: Values) -> Done:
    customer = make(site, values)
    return Done("customer", customer["id"], {"customer": named(customer)})


def _change(site: Site, id: str, values: Values) -> Done:
    customer = site.change_customer(
        id,
        email=values["email"],
        locale=values["language"],
        **how_to_pay(values["way"], values["days"]),
    )
    return Done("customer", id, {"customer": named(customer)})


def _move_house(site: Site, id: str, values: Values) -> Done:
    address = site.current("customer", id).get("billing_address", {})
    moved = {**address, **PLACES[values["place"]]}
    customer = site.change_customer(
        id, billing_address={field: value for field, value in moved.items() if value is not None}
    )
    return Done("customer", id, {"customer": named(customer)})


def _add_card(site: Site, id: str, values: Values) -> Done:
    site.add_card(id, last4=values["card"], expires=(values["month"], values["year"]))
    return Done("customer", id, {"customer": named(site.current("customer", id)), "last4": values["card"]})


def _delete_card(site: Site, id: str, values: Values) -> Done:
    card = site.delete_card(values["card_id"])
    return Done("customer", id, {"last4": card["card"]["last4"]})


def _delete(site: Site, id: str, values: Values) -> Done:
    customer = site.delete_customer(id)
    return Done("customers", "", {"company": str(customer.get("company", id))})


def _pay_ahead(site: Site, id: str, values: Values) -> Done:
    payment = site.record_excess_payment(id, values["amount"], method=values["method"], reference=values["reference"])
    return Done("customer", id, {"customer": named(site.current("customer", id)), "amount": Amount(payment["amount"])})


def _give_credits(site: Site, id: str, values: Values) -> Done:
    site.add_promotional_credits(id, values["amount"])
    return Done("customer", id, {"customer": named(site.current("customer", id)), "amount": Amount(values["amount"])})


def named(customer: Body) -> Link:
    """A customer in a sentence: by the company's name."""
    return Link("customer", customer["id"], customer.get("company"))


def cards_of(site: Site, customer_id: str) -> list[Body]:
    """The cards of a customer, the newest last."""
    return site.find("payment_source", customer_id=customer_id, type="card")


def _cards(site: Site, show: Show, body: Body) -> list[tuple[str, str]]:
    return [(card["id"], f"{card['card']['brand']} {card['card']['last4']}") for card in cards_of(site, body["id"])]


def way_of(site: Site, show: Show, customer: Body) -> str:
    """How a customer pays."""
    method = customer.get("offline_payment_method")
    return "card" if customer["auto_collection"] == "on" or method not in WAYS else str(method)


def _language_of(site: Site, show: Show, customer: Body) -> str:
    return "en-CA" if str(customer.get("locale", "")).startswith("en") else "fr-CA"


def _place_of(site: Site, show: Show, customer: Body) -> str:
    address = customer.get("billing_address", {})
    if address.get("country", "CA") != "CA":
        return "FR"
    return str(address.get("state_code")) if address.get("state_code") in PLACES else "QC"


_LANGUAGES = choice("language", "fr-CA", "en-CA")
_PLACES = choice("place", *PLACES)
DAYS = Field("days", "whole", most=365)
NEW = (
    Field("company", required=True),
    Field("first_name"),
    Field("last_name"),
    Field("email", "mail", required=True),
    _PLACES,
    _LANGUAGES,
    choice("way", *WAYS),
    DAYS,
)

add(Deed("new-customer", "new-customer", on_site(_make), NEW))
add(
    Deed(
        "change-customer",
        "customer",
        on_site(_change),
        (
            Field("email", "mail", required=True, default=lambda site, show, body: body.get("email", "")),
            Field("language", "choice", required=True, options=_LANGUAGES.options, default=_language_of),
            Field("way", "choice", required=True, options=choice("way", *WAYS).options, default=way_of),
            Field("days", "whole", most=365, default=lambda site, show, body: str(body.get("net_term_days", 0))),
        ),
    )
)
add(
    Deed(
        "move-customer",
        "customer",
        on_site(_move_house),
        (Field("place", "choice", required=True, options=_PLACES.options, default=_place_of),),
    )
)
add(
    Deed(
        "add-card",
        "customer",
        on_site(_add_card),
        (
            choice("card", "4242", "0002"),
            Field("month", "whole", required=True, least=1, most=12, default=lambda site, show, body: "12"),
            Field(
                "year", "whole", required=True, least=2000, most=2100,
                default=lambda site, show, body: str(site.now.year + 3),
            ),
        ),
    )
)  # fmt: skip
_AMOUNT = Field("amount", "money", required=True)
add(
    Deed(
        "pay-ahead",
        "customer",
        on_site(_pay_ahead),
        (_AMOUNT, choice("method", "check", "bank_transfer"), Field("reference")),
    )
)
add(Deed("give-credits", "customer", on_site(_give_credits), (_AMOUNT,)))
add(
    Deed(
        "delete-card",
        "customer",
        on_site(_delete_card),
        (Field("card_id", "choice", required=True, options=_cards),),
        offered=lambda site, body: bool(cards_of(site, body["id"])),
        final=True,
    )
)
add(Deed("delete-customer", "customer", on_site(_delete), final=True))
