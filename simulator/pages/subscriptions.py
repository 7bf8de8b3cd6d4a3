"""What can be done to subscriptions: ordered by card, wire or cheque, changed, paused, cancelled, kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..pricing import ItemPrice
from ..site import Site
from ..state import Body, Refused
from ..subscriptions import LIVE
from ..terms import instant_of
from . import customers
from .customers import DAYS, NEW, WAYS, how_to_pay
from .deeds import Deed, Done, SiteAct, add, choice, on_site
from .forms import Field, Option, Values
from .show import Count, Fact, Link, Show, Status

REASONS = ("Too expensive", "No longer needed", "Switched provider")
_NEW_CUSTOMER = "new"
CHOICES = 200  # customers in a list to choose from: the newest


def _order(site: Site, id: str, values: Values) -> Done:
    """Sell seats to a customer that is there, or to one made for it; how it pays is set with the order."""
    with site.as_one("hosted_page"):
        if values["customer"] == _NEW_CUSTOMER:
            if not (values["company"] and values["email"]):
                raise Refused("a new customer needs a company and an email", code="company_missing", status=400)
            customer_id = customers.make(site, values)["id"]
        else:
            customer_id = values["customer"]
            _pay_by(site, customer_id, values)
        subscription = site.subscribe(
            customer_id,
            values["plan"],
            values["seats"],
            addons={values["addon"]: 1} if values["addon"] else None,
            trial_days=values["trial_days"] or 0,
            starts_at=values["starts_at"],
        )
    return _done(site, subscription["id"])


def _pay_by(site: Site, customer_id: str, values: Values) -> None:
    wanted = how_to_pay(values["way"], values["days"])
    customer = site.current("customer", customer_id)
    if any(customer.get(field) != value for field, value in wanted.items()):
        site.change_customer(customer_id, **wanted)
    if values["way"] == "card" and not customers.cards_of(site, customer_id):
        site.add_card(customer_id)


def _order_more(site: Site, id: str, values: Values) -> Done:
    """More seats for a subscription, with another way to pay: what a customer does in one go."""
    with site.as_one("hosted_page"):
        subscription = site.current("subscription", id)
        _pay_by(site, subscription["customer_id"], values)
        site.change_seats(id, values["seats"])
    return _done(site, id)


def _change_seats(site: Site, id: str, values: Values) -> Done:
    later = values["moment"] == "end"
    site.change_seats(id, values["seats"], end_of_term=later)
    done = _done(site, id)
    if not later:
        return done
    return replace(done, facts=done.facts | {"later": Count("seats", values["seats"])}, also=("also.later",))


def _change_plan(site: Site, id: str, values: Values) -> Done:
    site.change_plan(id, values["plan"])
    return _done(site, id)


def _add_item(site: Site, id: str, values: Values) -> Done:
    item = {"item_price_id": values["addon"], "quantity": values["quantity"]}
    site.update_items(id, [{field: value for field, value in item.items() if value is not None}])
    return _done(site, id)


def _remove_item(site: Site, id: str, values: Values) -> Done:
    site.update_items(id, remove=[values["item"]])
    return _done(site, id)


def _forget_change(site: Site, id: str, values: Values) -> Done:
    site.remove_scheduled_changes(id)
    return _done(site, id)


def _cancel_later(site: Site, id: str, values: Values) -> Done:
    subscription = site.schedule_cancellation(id, at=values["at"], reason=values["reason"])
    return _done(site, id, at=subscription["cancelled_at"])


def _keep(site: Site, id: str, values: Values) -> Done:
    site.remove_scheduled_cancellation(id)
    return _done(site, id)


def _cancel_now(site: Site, id: str, values: Values) -> Done:
    site.cancel(id, reason=values["reason"], credit=values["credit"])
    return _done(site, id)


def _pause(site: Site, id: str, values: Values) -> Done:
    site.pause(id, resume_at=values["resume_at"])
    return _done(site, id)


def _resume(site: Site, id: str, values: Values) -> Done:
    site.resume(id)
    return _done(site, id)


def _reactivate(site: Site, id: str, values: Values) -> Done:
    site.reactivate(id)
    return _done(site, id)


def _move(site: Site, id: str, values: Values) -> Done:
    site.move_subscription(id, values["customer"])
    return _done(site, id)


def _delete(site: Site, id: str, values: Values) -> Done:
    site.delete_subscription(id)
    return Done("subscriptions", "", {"subscription": id})


def _edited(act: SiteAct) -> SiteAct:
    """Say also that an edit has lifted a scheduled cancellation: no event does."""

    def edit(site: Site, id: str, values: Values) -> Done:
        was_ending = _is_ending(site, site.current("subscription", id))
        done = act(site, id, values)
        is_kept = was_ending and not _is_ending(site, site.current("subscription", id))
        return replace(done, also=(*done.also, "also.kept")) if is_kept else done

    return edit


def _done(site: Site, id: str, at: int | None = None) -> Done:
    subscription = site.current("subscription", id)
    facts: dict[str, Fact] = {
        "subscription": Link("subscription", id),
        "customer": customers.named(site.current("customer", subscription["customer_id"])),
        "seats": Count("seats", seats_of(subscription)),
        "status": Status("subscription", subscription["status"]),
    }
    if at is not None:
        facts["at"] = instant_of(at)
    return Done("subscription", id, facts)


def seats_of(subscription: Body) -> int:
    """The seats of a subscription: the quantity of its plan."""
    plans = [item for item in subscription["subscription_items"] if item["item_type"] == "plan"]
    return int(plans[0].get("quantity", 1)) if plans else 0


def counting_seats(subscription: Body) -> int:
    """The seats that somebody may use just now: none of a subscription that is cancelled, paused or to come."""
    return seats_of(subscription) if subscription["status"] in LIVE else 0


def _prices(item_type: str) -> Callable[[Site, Show, Body], list[Option]]:
    """The prices of the catalogue of one type, each with what it costs."""

    def options(site: Site, show: Show, body: Body) -> list[Option]:
        prices = [ItemPrice.of(price) for price in site.find("item_price", item_type=item_type, status="active")]
        return [
            (price.id, f"{price.name}, {show.money(price.amount)} {show.words(f'period.{price.unit}')}")
            for price in prices
        ]

    return options


def _customers(site: Site, show: Show, body: Body) -> list[Option]:
    """Customers to choose from, the newest first."""
    newest = site.all("customer")[: -CHOICES - 1 : -1]
    return [(customer["id"], f"{customer.get('company') or customer['id']} ({customer['id']})") for customer in newest]


def _anyone(site: Site, show: Show, body: Body) -> list[Option]:
    return [(_NEW_CUSTOMER, show.words("option.customer.new")), *_customers(site, show, body)]


def _others(site: Site, show: Show, body: Body) -> list[Option]:
    return [option for option in _customers(site, show, body) if option[0] != body["customer_id"]]


def _reasons(site: Site, show: Show, body: Body) -> list[Option]:
    return [("", show.words("option.reason.none"))] + [
        (reason, show.words(f"option.reason.{reason}")) for reason in REASONS
    ]


def _addons(site: Site, show: Show, body: Body) -> list[Option]:
    return [("", show.words("option.addon.none")), *_prices("addon")(site, show, body)]


def _extras(site: Site, show: Show, body: Body) -> list[Option]:
    """Everything that can be added to a subscription: add-ons of its own period, and one-time charges."""
    unit = body["billing_period_unit"]
    prices = [
        ItemPrice.of(price)
        for item_type in ("addon", "charge")
        for price in site.find("item_price", item_type=item_type, status="active")
    ]
    return [
        (price.id, f"{price.name}, {show.money(price.amount)} {show.words(f'period.{price.unit}')}")
        for price in prices
        if price.unit in (unit, "")
    ]


def _own_extras(site: Site, show: Show, body: Body) -> list[Option]:
    return [(item["item_price_id"], item["item_price_id"]) for item in _extras_of(body)]


def _extras_of(body: Body) -> list[Body]:
    return [item for item in body["subscription_items"] if item["item_type"] == "addon"]


def _seats_now(site: Site, show: Show, body: Body) -> str:
    return str(seats_of(body))


def _plan_now(site: Site, show: Show, body: Body) -> str:
    return str(body["subscription_items"][0]["item_price_id"])


def _is(*statuses: str) -> Callable[[Site, Body], bool]:
    return lambda site, body: body["status"] in statuses


def _is_ending(site: Site, body: Body) -> bool:
    return body["status"] in LIVE and "cancelled_at" in body


_SEATS = Field("seats", "whole", required=True, least=1, default=_seats_now)
_WAY = choice("way", *WAYS)
_REASON = Field("reason", "choice", options=_reasons)

add(
    Deed(
        "order",
        "order",
        on_site(_order),
        (
            Field(
                "customer",
                "choice",
                required=True,
                options=_anyone,
                default=lambda site, show, body: body.get("customer_id", ""),
            ),
            *(replace(field, required=False) for field in NEW if field.name not in ("way", "days")),
            Field("plan", "choice", required=True, options=_prices("plan")),
            Field("seats", "whole", required=True, least=1, default=lambda site, show, body: "5"),
            Field("addon", "choice", options=_addons),
            choice("way", "bank_transfer", "check", "card"),
            DAYS,
            Field("starts_at", "instant", ahead=True),
            Field("trial_days", "whole", most=365),
        ),
    )
)
add(
    Deed(
        "order-more",
        "subscription",
        on_site(_edited(_order_more)),
        (_SEATS, replace(_WAY, default=lambda site, show, body: "bank_transfer"), DAYS),
        offered=_is("active", "non_renewing", "in_trial"),
    )
)
add(
    Deed(
        "change-seats",
        "subscription",
        on_site(_edited(_change_seats)),
        (_SEATS, choice("moment", "now", "end")),
        offered=_is("active", "non_renewing", "in_trial", "future"),
    )
)
add(
    Deed(
        "change-plan",
        "subscription",
        on_site(_edited(_change_plan)),
        (Field("plan", "choice", required=True, options=_prices("plan"), default=_plan_now),),
        offered=_is("active", "non_renewing", "in_trial", "future"),
    )
)
add(
    Deed(
        "add-item",
        "subscription",
        on_site(_edited(_add_item)),
        (
            Field("addon", "choice", required=True, options=_extras),
            Field("quantity", "whole", least=1, most=10_000),
        ),
        offered=_is("active", "non_renewing", "in_trial"),
    )
)
add(Deed("pause", "subscription", on_site(_pause), (Field("resume_at", "instant", ahead=True),), offered=_is("active")))
add(Deed("resume", "subscription", on_site(_resume), offered=_is("paused")))
add(
    Deed(
        "move-subscription",
        "subscription",
        on_site(_move),
        (Field("customer", "choice", required=True, options=_others),),
        offered=_is("active", "non_renewing", "in_trial", "future"),
    )
)
add(
    Deed(
        "forget-change",
        "subscription",
        on_site(_forget_change),
        offered=lambda site, body: bool(body["has_scheduled_changes"]),
    )
)
add(Deed("keep", "subscription", on_site(_keep), offered=_is_ending))
add(Deed("reactivate", "subscription", on_site(_reactivate), offered=_is("cancelled")))
add(
    Deed(
        "cancel-later",
        "subscription",
        on_site(_cancel_later),
        (_REASON, Field("at", "instant", ahead=True)),
        offered=lambda site, body: body["status"] in LIVE and "cancelled_at" not in body,
        final=True,
    )
)
add(
    Deed(
        "cancel-now",
        "subscription",
        on_site(_cancel_now),
        (_REASON, Field("credit", "yes")),
        offered=lambda site, body: body["status"] != "cancelled",
        final=True,
    )
)
add(
    Deed(
        "remove-item",
        "subscription",
        on_site(_edited(_remove_item)),
        (Field("item", "choice", required=True, options=_own_extras),),
        offered=lambda site, body: body["status"] in LIVE and bool(_extras_of(body)),
        final=True,
    )
)
add(Deed("delete-subscription", "subscription", on_site(_delete), final=True))
