"""The language a customer is written to in.

Québec's Charter of the French language asks for French unless the customer chose otherwise, so a Québec customer gets
English only after a choice that was recorded with who made it and when.
"""

from __future__ import annotations

import unicodedata
from typing import Literal, get_args

Locale = Literal["fr_CA", "en_CA"]
LOCALES: tuple[Locale, ...] = get_args(Locale)


def locale_of(
    *,
    chosen: str | None = None,
    customer_locale: str | None = None,
    country: str | None = None,
    province: str | None = None,
    default: Locale = "fr_CA",
) -> Locale:
    """The locale to write to a customer in.

    `chosen` is the choice that we recorded; `customer_locale`, and the billing address's `country` (ISO code) and
    `province` (code or name), are the provider's. A language that we do not write counts as not said.
    """
    if choice := _written(chosen):
        return choice
    if _is_quebec(country, province):
        return "fr_CA"
    if choice := _written(customer_locale):
        return choice
    if not country and not province:
        return default
    if _plain(country) == "CA" and not _plain(province):
        return "fr_CA"
    return "en_CA"


def other_than(locale: str) -> Locale:
    """The other of the two languages that we write."""
    return "en_CA" if locale == "fr_CA" else "fr_CA"


def _written(tag: str | None) -> Locale | None:
    """The locale we write for a language tag (`fr`, `fr-FR`, `en_US`), if any."""
    language = _plain(tag).replace("_", "-").split("-")[0]
    return {"FR": "fr_CA", "EN": "en_CA"}.get(language)  # type: ignore[return-value]


def _is_quebec(country: str | None, province: str | None) -> bool:
    return _plain(country) in ("", "CA") and _plain(province).removeprefix("CA-") in ("QC", "PQ", "QUEBEC")


def _plain(text: str | None) -> str:
    """Upper case, without accents or outer spaces."""
    decomposed = unicodedata.normalize("NFKD", (text or "").strip().upper())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
