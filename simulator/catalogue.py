"""The catalogue: items and their prices, as objects that can be made, changed and archived."""

from __future__ import annotations

from datetime import UTC, datetime

from .pricing import CURRENCY, OFFER, UNITS, ItemPrice
from .state import Body, Refused, State, WrongValue

_FAMILY = "boreal"
_ITEM_TYPES = ("plan", "addon", "charge")
_ITEM_EDITABLE = frozenset(
    "name description external_name status unit enabled_for_checkout enabled_in_portal is_giftable is_shippable".split()
)
_PRICE_EDITABLE = frozenset("name description external_name price free_quantity is_taxable status".split())


class Catalogue(State):
    """Actions on items and item prices. What was sold keeps the price it was sold at."""

    def __init__(
        self,
        seed: int = 1,
        now: datetime = datetime(2021, 1, 4, 15, 0, tzinfo=UTC),
        timezone: str = "America/Toronto",
        *,
        stale: bool = False,
    ) -> None:
        super().__init__(seed, now, timezone, stale=stale)
        self._prices_read: dict[int, ItemPrice] = {}  # by the number of the version: prices are read all the time
        with self._action("admin_console") as action:
            action.quiet = True  # what the merchant sells was there before anything happened that we tell of
            for item_id, name, prices in OFFER:
                self.create_item(item_id, name=name, type=prices[0].item_type)
                for price in prices:
                    self.create_item_price(
                        price.id, item_id=item_id, price=price.amount, pricing_model=price.pricing_model,
                        period=price.period or None, period_unit=price.unit or None, external_name=price.name,
                        free_quantity=price.free_quantity, description=name,
                    )  # fmt: skip

    def create_item(self, id: str, *, name: str, type: str = "plan", **fields: object) -> Body:
        """Something that can be sold; it needs a price too."""
        if type not in _ITEM_TYPES:
            raise WrongValue(f"type {type} is none of {', '.join(_ITEM_TYPES)}", "type")
        _only(fields, _ITEM_EDITABLE)
        with self._action("admin_console"):
            return self._make(
                "item",
                id,
                {
                    "name": name,
                    "type": type,
                    "status": "active",
                    "item_family_id": _FAMILY,
                    "is_shippable": False,
                    "is_giftable": False,
                    "enabled_for_checkout": True,
                    "enabled_in_portal": True,
                    "item_applicability": "all" if type == "plan" else None,
                    "included_in_mrr": type != "charge",
                    "metered": False,
                    "channel": "web",
                    **fields,
                },
            )

    def update_item(self, item_id: str, **changes: object) -> Body:
        """Change what a clerk may change about an item; None takes a field away."""
        return self._update_entry("item", item_id, changes, _ITEM_EDITABLE)

    def create_item_price(
        self,
        id: str,
        *,
        item_id: str,
        price: int,
        name: str | None = None,
        pricing_model: str = "per_unit",
        period: int | None = None,
        period_unit: str | None = None,
        free_quantity: int = 0,
        currency_code: str = CURRENCY,
        **fields: object,
    ) -> Body:
        """A price for an item: for a period where the item recurs, for once where it is a charge."""
        _only(fields, _PRICE_EDITABLE)
        with self._action("admin_console"):
            item = self._entry("item", item_id)
            _must_fit(item, period, period_unit)
            if pricing_model not in ("per_unit", "flat_fee"):
                raise WrongValue(f"pricing_model {pricing_model} is not sold on this site", "pricing_model")
            if currency_code != CURRENCY:
                raise Refused(
                    f"this site sells in {CURRENCY}: {currency_code} is not enabled",
                    code="configuration_incompatible", status=400, param="currency_code",
                )  # fmt: skip
            _must_be_amounts(price, free_quantity)
            return self._make(
                "item_price",
                id,
                {
                    "name": name or id,
                    "item_family_id": _FAMILY,
                    "item_id": item_id,
                    "item_type": item["type"],
                    "status": "active",
                    "external_name": name or item["name"],
                    "pricing_model": pricing_model,
                    "price": price,
                    "period": period,
                    "period_unit": period_unit,
                    "currency_code": currency_code,
                    "free_quantity": free_quantity,
                    "is_taxable": True,
                    "channel": "web",
                    "created_at": self._timestamp(),
                    **fields,
                },
            )

    def update_item_price(self, item_price_id: str, **changes: object) -> Body:
        """Change a price for those who buy from now on; None takes a field away."""
        if isinstance(price := changes.get("price", 0), int) and isinstance(
            free := changes.get("free_quantity", 0), int
        ):
            _must_be_amounts(price, free)
        return self._update_entry("item_price", item_price_id, changes, _PRICE_EDITABLE)

    def delete_item_price(self, item_price_id: str) -> Body:
        """Take a price out of the catalogue. It stays in `current`, as what was sold at it does."""
        with self._action("admin_console"):
            self._entry("item_price", item_price_id)
            price = self._edit("item_price", item_price_id)
            price.update(status="deleted", deleted=True)
            return price

    def _update_entry(self, kind: str, id: str, changes: dict[str, object], editable: frozenset[str]) -> Body:
        _only(changes, editable)
        with self._action("admin_console"):
            self._entry(kind, id)
            entry = self._edit(kind, id)
            entry.update(changes)
            if "status" in changes:
                entry["archived_at"] = self._timestamp() if entry["status"] == "archived" else None
            return entry

    def _entry(self, kind: str, id: str) -> Body:
        entry = self.current(kind, id)
        if entry["deleted"]:
            raise Refused(f"{id} not found", code="resource_not_found", status=404)
        return entry

    def _price(self, item_price_id: str, *types: str) -> ItemPrice:
        """A price that can be bought now; of one of these types, where some are given."""
        try:
            body = self.current("item_price", item_price_id)
        except Refused:
            body = None
        if body is None or body["deleted"] or (types and body["item_type"] not in types):
            wanted = " or ".join(types) + " price" if types else "price"
            raise Refused(
                f"{item_price_id} is no {wanted} of the catalogue",
                code="resource_not_found", status=404, param="item_price_id",
            )  # fmt: skip
        if body["status"] != "active":
            raise Refused(
                f"item price {item_price_id} is {body['status']}: it is not sold any more",
                code="invalid_request", status=400, param="item_price_id",
            )  # fmt: skip
        return ItemPrice.of(body)

    def _price_sold(self, item_price_id: str) -> ItemPrice:
        """A price that something was sold at, whatever became of it."""
        key = "item_price", item_price_id
        if key not in self.versions or (self._open and key in self._open.drafts):
            return ItemPrice.of(self.current(*key))
        number = self.versions.numbers(key)[-1]
        if number not in self._prices_read:
            self._prices_read[number] = ItemPrice.of(self.current(*key))
        return self._prices_read[number]


def _only(given: dict[str, object], editable: frozenset[str]) -> None:
    if unknown := given.keys() - editable:
        raise WrongValue(f"{', '.join(sorted(unknown))}: cannot be set", min(unknown))


def _must_fit(item: Body, period: int | None, unit: str | None) -> None:
    if item["type"] == "charge":
        if period is not None or unit is not None:
            raise WrongValue("a one-time charge has no period", "period")
    elif unit not in UNITS or not period or period < 1:
        raise WrongValue(f"a {item['type']} needs a period: a number and one of {', '.join(UNITS)}", "period")


def _must_be_amounts(price: int, free_quantity: int) -> None:
    if price < 0:
        raise WrongValue("price must not be negative", "price")
    if free_quantity < 0:
        raise WrongValue("free_quantity must not be negative", "free_quantity")
