"""Which language a customer is written to in."""

from __future__ import annotations

import pytest

from emails.language import locale_of


def test_a_recorded_choice_wins_over_everything() -> None:
    assert locale_of(chosen="en_CA", customer_locale="fr-CA", country="CA", province="QC") == "en_CA"
    assert locale_of(chosen="fr_CA", customer_locale="en-CA", country="US", province="NY") == "fr_CA"


@pytest.mark.parametrize("province", ["QC", "qc", "Québec", "Quebec", "CA-QC", " PQ "])
@pytest.mark.parametrize("country", ["CA", "ca", None])
def test_a_quebec_customer_gets_english_only_after_a_recorded_choice(province: str, country: str | None) -> None:
    assert locale_of(customer_locale="en-CA", country=country, province=province, default="en_CA") == "fr_CA"


@pytest.mark.parametrize(
    ("tag", "locale"), [("fr", "fr_CA"), ("fr-FR", "fr_CA"), ("en", "en_CA"), ("en_US", "en_CA"), ("EN-ca", "en_CA")]
)
def test_elsewhere_the_providers_locale_is_followed(tag: str, locale: str) -> None:
    assert locale_of(customer_locale=tag, country="CA", province="ON") == locale
    assert locale_of(customer_locale=tag, country="FR") == locale


def test_a_language_that_we_do_not_write_counts_as_not_said() -> None:
    assert locale_of(chosen="de", customer_locale="es-MX", country="CA", province="ON") == "en_CA"
    assert locale_of(customer_locale="fro", country="US") == "en_CA"


@pytest.mark.parametrize(
    ("country", "province", "locale"),
    [("CA", None, "fr_CA"), ("CA", "  ", "fr_CA"), ("CA", "ON", "en_CA"), ("US", "NY", "en_CA"), ("FR", None, "en_CA")],
)
def test_without_a_locale_the_place_decides(country: str, province: str | None, locale: str) -> None:
    assert locale_of(country=country, province=province) == locale


@pytest.mark.parametrize("default", ["fr_CA", "en_CA"])
def test_with_nothing_known_the_default_is_used(default: str) -> None:
    assert locale_of(default=default) == default  # type: ignore[arg-type]
    assert locale_of(country="", province="", default=default) == default  # type: ignore[arg-type]
