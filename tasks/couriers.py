"""What deliveries go out with: the gateway, the mail sender, and who we are to the reader. Made once a process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Engine

from billing.merchant import Merchant, Remittance
from emails.language import Locale
from emails.links import Signer
from emails.senders import Sender, sender_for
from gateway.client import Gateway, gateway_of
from worker.settings import Settings

from .budget import Budget
from .world import Rules


@dataclass(frozen=True)
class Couriers:
    gateway: Gateway | None
    sender: Sender
    signer: Signer | None
    merchant: Merchant
    remittance: Remittance
    mail_from: str
    mail_domain: str
    finance_emails: tuple[str, ...]
    ops_emails: tuple[str, ...]
    mail_per_domain: int
    webhook_silence: timedelta
    rules: Rules
    default_locale: Locale
    resend_ambiguous: bool
    template_dir: str | None
    callback_url: str | None
    callback_secret: str | None

    @property
    def finance_reply_to(self) -> str | None:
        return self.finance_emails[0] if self.finance_emails else None


def couriers_of(settings: Settings, engine: Engine | None = None) -> Couriers:
    """What the settings describe. Raises SettingsError where mail has no way out, or no page to lead to.

    With an engine, calls to Chargebee keep within its limit, together with those of every other process.
    """
    pages = ("public_url", "secret_key") if settings.env == "production" else ()
    settings.require("mail_url", "mail_from", *pages)
    return Couriers(
        gateway=gateway_of(settings, _budget(settings, engine) if engine else None),
        sender=sender_for(settings.mail_url),
        signer=signer_of(settings),
        merchant=settings.merchant,
        remittance=settings.remittance,
        mail_from=settings.mail_from,
        mail_domain=settings.mail_domain or settings.mail_from.rpartition("@")[2],
        finance_emails=settings.finance_emails,
        ops_emails=settings.ops_emails,
        mail_per_domain=settings.mail_per_domain,
        webhook_silence=settings.webhook_silence,
        rules=rules_of(settings),
        default_locale=settings.default_locale,
        resend_ambiguous=settings.email_ambiguous == "resend",
        template_dir=settings.email_template_dir,
        callback_url=settings.callback_url,
        callback_secret=settings.callback_secret,
    )


def reader_of(settings: Settings, engine: Engine, *, patience: float | None) -> Gateway | None:
    """A gateway for long readings: it leaves a share of the calls to deliveries, and waits for its own.

    `patience` is for how many seconds; None: as long as it takes.
    """
    return gateway_of(settings, replace(_budget(settings, engine), reading=True, patience=patience))


def _budget(settings: Settings, engine: Engine) -> Budget:
    return Budget(engine, settings.chargebee_site or "", settings.chargebee_calls_per_minute, patience=5)


def signer_of(settings: Settings) -> Signer | None:
    """What signs links to our pages; None where there are none."""
    if not settings.public_url or not settings.secret_key:
        return None
    return Signer(settings.public_url, settings.secret_key)


def rules_of(settings: Settings) -> Rules:
    return Rules(
        zone=settings.site_timezone,
        seat_item_prices=settings.seat_item_prices,
        effects_horizon=settings.effects_horizon,
        asks_the_api=bool(settings.chargebee_site and settings.chargebee_api_key),
        calls_back=settings.callback_url is not None,
        tells_finance=bool(settings.finance_emails),
    )
