"""`quittance payments`: cheques and wires, recorded in Chargebee, and taken back when they bounced."""

from __future__ import annotations

from datetime import datetime

import click

from .asking import ask_for, unasked
from .database import whoever_runs_this


@click.group()
def command() -> None:
    """Cheques and wires, recorded in Chargebee or taken back."""


@command.command()
@click.argument("invoice")
@click.option("--amount", metavar="3010.09", help="In the invoice's currency; its balance if not given.")
@click.option("--method", type=click.Choice(("check", "bank_transfer", "other")), required=True, help="How it came.")
@click.option("--reference", metavar="TEXT", required=True, help="Cheque number or wire reference, as the bank has it.")
@click.option("--received-on", type=click.DateTime(("%Y-%m-%d",)), metavar="DATE", help="Today if not given.")
@unasked
def record(
    invoice: str, amount: str | None, method: str, reference: str, received_on: datetime | None, yes: bool
) -> None:
    """Record a payment that came in for INVOICE. The same reference, amount and date is recorded once."""
    from tasks import requests

    if not 1 <= len(reference.strip()) <= 100:
        raise click.BadParameter("1 to 100 letters", param_hint="--reference")
    ask_for(
        lambda gateway, rules, now: requests.record_payment(
            gateway,
            rules,
            now,
            invoice,
            amount=amount,
            method=method,
            reference=reference.strip(),
            received_on=received_on.date() if received_on else None,
            by=whoever_runs_this(),
        ),
        yes=yes,
    )


@command.command("take-back")
@click.argument("transaction")
@click.option("--reason", metavar="TEXT", help="Why; kept as a comment in Chargebee.")
@unasked
def take_back(transaction: str, reason: str | None, yes: bool) -> None:
    """Take a recorded payment back that the bank returned: off its invoices, which owe again, and deleted."""
    from tasks import requests

    ask_for(
        lambda gateway, rules, now: requests.take_back_payment(
            gateway, transaction, reason=reason, by=whoever_runs_this()
        ),
        yes=yes,
    )
