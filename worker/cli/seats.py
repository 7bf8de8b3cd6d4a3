"""`quittance seats`: how many a subscription gives, changed in Chargebee."""

from __future__ import annotations

from typing import Literal

import click

from .asking import ask_for, unasked


@click.group()
def command() -> None:
    """Seats of subscriptions, changed in Chargebee."""


@command.command("set")
@click.argument("subscription")
@click.argument("seats", type=click.IntRange(min=1), metavar="QUANTITY")
@click.option("--when", type=click.Choice(("now", "renewal")), help="More go now and fewer at renewal if not given.")
@click.option("--item", metavar="PRICE", help="Which item takes the difference, where several give seats.")
@unasked
def set_(subscription: str, seats: int, when: Literal["now", "renewal"] | None, item: str | None, yes: bool) -> None:
    """Have a subscription give QUANTITY seats in all: now, prorated, or from its renewal on."""
    from tasks import requests

    ask_for(
        lambda gateway, rules, now: requests.set_seats(gateway, rules, now, subscription, seats, when=when, price=item),
        yes=yes,
    )
