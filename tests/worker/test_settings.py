"""What an installation may decide, and what it is told when it decides wrongly."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path

import pytest

from billing.colours import READABLE, contrast
from billing.merchant import COLOUR_DARK, PAPER_DARK
from worker.settings import Settings, SettingsError, read_database_url, table

LEAST = {
    "DATABASE_URL": "postgresql://u:db-secret@localhost/q",
    "REDIS_URL": "redis://:broker-secret@localhost:6379/0",
    "WEBHOOK_CREDENTIALS": "chargebee:hook-secret",
}
PRODUCTION = LEAST | {"QUITTANCE_ENV": "production"}


def problems_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as told:
        Settings.read(environ)
    return told.value.problems


def test_the_receiver_starts_with_three_settings():
    settings = Settings.read(PRODUCTION)
    assert settings.webhook_credentials == (("chargebee", "hook-secret"),)
    assert settings.effects_horizon == timedelta(days=7)
    assert (settings.default_locale, settings.site_timezone) == ("fr_CA", "America/Toronto")


def test_every_missing_setting_is_named_at_once_with_its_fix():
    assert problems_of({}) == (
        "DATABASE_URL is missing: set it to postgresql://user:password@host:5432/database",
        "BROKER_URL is missing: set it, or REDIS_URL, to redis://:password@host:6379/0 "
        "or amqp://user:password@host:5672/",
        "WEBHOOK_CREDENTIALS is missing: set it to user:password as entered in Chargebee under Settings > Webhooks",
    )


def test_missing_wrong_and_unknown_are_told_together():
    told = "\n".join(
        problems_of({"REDIS_URL": "http://x", "SITE_TIMEZONE": "Mars", "QUITTANCE_EVN": "x", "CHARGEBEE_SITE": "acme"})
    )
    for name in ("DATABASE_URL", "BROKER_URL", "SITE_TIMEZONE", "QUITTANCE_EVN", "CHARGEBEE_API_KEY"):
        assert name in told


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("QUITTANCE_ENV", "prod", "development, production"),
        ("DATABASE_URL", "mysql://x/y", "postgresql://"),
        ("BROKER_URL", "sqs://", "redis"),
        ("BROKER_URL", "redis://host:port/0", "port"),
        ("WEBHOOK_CREDENTIALS", "chargebee", "user:password"),
        ("WEBHOOK_CREDENTIALS", "chargebee:", "neither part empty"),
        ("WEBHOOK_CREDENTIALS", ":secret", "neither part empty"),
        ("WEBHOOK_CREDENTIALS", "a:b,", "pair 2"),
        ("WEBHOOK_CREDENTIALS", "a:with,comma", "comma"),
        ("WEBHOOK_CREDENTIALS", "a:b, c:d", "space"),
        ("WEBHOOK_ALLOWED_ADDRESSES", "10.0.0.1/8", "entry 1"),
        ("TRUSTED_PROXIES", "-1", "from 0"),
        ("CHARGEBEE_SITE", "https://acme.chargebee.com", ".chargebee.com"),
        ("CHARGEBEE_PDF_HOSTS", "cdn.example.com, https://x.example/", "entry 2"),
        ("MAIL_URL", "sendmail", "smtp"),
        ("MAIL_FROM", "Acme <a@b.example>", "display name"),
        ("FINANCE_EMAILS", "a@b.example,c", "e-mail"),
        ("EFFECTS_HORIZON", "a week", "days"),
        ("DEFAULT_LOCALE", "de_DE", "fr_CA"),
        ("EMAIL_AMBIGUOUS", "maybe", "hold"),
        ("PDF_MAX_BYTES", "5MB", "whole number"),
    ],
)
def test_a_wrong_value_is_named_with_what_to_write_and_never_repeated(name, value, says):
    (told,) = [problem for problem in problems_of(LEAST | {name: value}) if problem.startswith(name)]
    assert says in told
    assert len(value) < 5 or value not in told


def test_a_password_may_hold_colons_and_two_pairs_may_be_valid_at_once():
    settings = Settings.read(LEAST | {"WEBHOOK_CREDENTIALS": "a:b:c,a:é"})
    assert settings.webhook_credentials == (("a", "b:c"), ("a", "é"))


def test_a_database_url_with_a_driver_is_kept_without_it():
    assert Settings.read(LEAST | {"DATABASE_URL": "postgresql+psycopg://h/d"}).database_url == "postgresql://h/d"


def test_broker_url_wins_over_redis_url():
    assert Settings.read(LEAST | {"BROKER_URL": "amqp://u:p@h:5672/"}).broker_url == "amqp://u:p@h:5672/"


def test_lists_spans_and_networks_are_read():
    settings = Settings.read(
        LEAST
        | {
            "SEAT_ITEM_PRICES": "extra-seat, ,other",
            "EFFECTS_HORIZON": "12 hours",
            "WEBHOOK_ALLOWED_ADDRESSES": "203.0.113.7, 2001:db8::/32",
            "CHARGEBEE_PDF_HOSTS": "cdn.example.com, files.example.com",
            "DEFAULT_LOCALE": "en-CA",
            "MERCHANT_NAME": "Boréal inc.",
            "MERCHANT_ADDRESS": r"1, rue X\nMontréal",
            "MERCHANT_TAX_NUMBERS": "TPS 1, TVQ 2",
            "REMITTANCE_SWIFT": "BNDCCAMM",
        }
    )
    assert settings.seat_item_prices == {"extra-seat", "other"}
    assert settings.effects_horizon == timedelta(hours=12)
    assert settings.webhook_allowed_addresses == (
        ipaddress.ip_network("203.0.113.7"),
        ipaddress.ip_network("2001:db8::/32"),
    )
    assert settings.chargebee_pdf_hosts == ("cdn.example.com", "files.example.com")
    assert settings.default_locale == "en_CA"
    assert settings.merchant.product == "Boréal inc."
    assert settings.merchant.address == "1, rue X\nMontréal"
    assert settings.merchant.tax_numbers == ("TPS 1", "TVQ 2")
    assert (settings.remittance.swift, settings.remittance.bank) == ("BNDCCAMM", None)


def test_every_setting_may_come_from_a_file(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("chargebee:from a file \n".replace(" \n", "\n"), "utf-8")
    environ = LEAST | {"WEBHOOK_CREDENTIALS": "", "WEBHOOK_CREDENTIALS_FILE": str(secret)}
    assert Settings.read(environ).webhook_credentials == (("chargebee", "from a file"),)
    env = tmp_path / "env"
    env.write_text("production\n")
    assert Settings.read(LEAST | {"QUITTANCE_ENV_FILE": str(env)}).env == "production"


def test_a_file_that_cannot_be_used_is_named_once(tmp_path: Path):
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path, says in ((tmp_path / "none", "No such file"), (tmp_path, "directory"), (tmp_path / "binary", "UTF-8")):
        (told,) = problems_of(LEAST | {"WEBHOOK_CREDENTIALS": "", "WEBHOOK_CREDENTIALS_FILE": str(path)})
        assert says in told
    (told,) = problems_of(LEAST | {"WEBHOOK_CREDENTIALS": "", "WEBHOOK_CREDENTIALS_FILE": str(tmp_path / "empty")})
    assert "empty file" in told
    (told,) = problems_of(LEAST | {"WEBHOOK_CREDENTIALS_FILE": str(tmp_path / "none")})
    assert "both set" in told


def test_an_unknown_name_of_ours_is_refused_with_the_nearest_known_one():
    (told,) = problems_of(LEAST | {"QUITTANCE_DATABASE_URL": "x"})
    assert told == "QUITTANCE_DATABASE_URL is not a setting: you may have meant DATABASE_URL"
    Settings.read(LEAST | {"SOMETHING_ELSE": "x"})


@pytest.mark.parametrize(
    "wrong, right",
    [
        ("WEBHOOK_CREDENTIAL", "WEBHOOK_CREDENTIALS"),
        ("webhook_credentials", "WEBHOOK_CREDENTIALS"),
        ("WEBHOOK_CREDENTIAL_FILE", "WEBHOOK_CREDENTIALS"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("REDIS_URI", "REDIS_URL"),
    ],
)
def test_a_required_setting_under_a_name_that_is_nearly_its_own_is_pointed_at(wrong: str, right: str):
    (told,) = problems_of({name: value for name, value in LEAST.items() if name != right} | {wrong: "geheim"})
    assert f"{wrong} is set, which may have been meant for it; set it" in told and "geheim" not in told


def test_a_setting_of_another_name_is_not_taken_for_a_required_one():
    without = {name: value for name, value in LEAST.items() if name != "DATABASE_URL"}
    (told,) = problems_of(without | {"DATABASE_NAME": "x", "DATA_URL": "x", "PATH": "x"})
    assert "is set" not in told


def test_the_database_is_found_without_any_other_setting(tmp_path: Path, monkeypatch):
    secret = tmp_path / "url"
    secret.write_text("postgres://u:p@localhost/q\n")
    others = {"QUITTANCE_ENV": "production", "QUITTANCE_EVN": "x", "BROKER_URL": "sqs://"}
    for given in ({"DATABASE_URL": "postgresql+psycopg://u:p@localhost/q"}, {"DATABASE_URL_FILE": str(secret)}):
        assert read_database_url(given | others) == "postgresql://u:p@localhost/q"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("QUITTANCE_ENV", raising=False)
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://of.env/q\n")
    assert read_database_url() == "postgresql://of.env/q"
    monkeypatch.setenv("QUITTANCE_ENV", "production")
    with pytest.raises(SettingsError):
        read_database_url()


@pytest.mark.parametrize(
    "given, says",
    [
        ({}, "DATABASE_URL is missing: set it to postgresql://"),
        ({"DATABASE_UR": "geheim"}, "DATABASE_UR is set, which may have been meant for it"),
        ({"DATABASE_URL": "mysql://geheim"}, "DATABASE_URL is not a PostgreSQL URL: write postgresql://"),
        ({"DATABASE_URL_FILE": "/nowhere"}, "DATABASE_URL_FILE cannot be read"),
    ],
)
def test_a_database_that_is_not_named_is_told_alone(given: dict[str, str], says: str):
    with pytest.raises(SettingsError) as told:
        read_database_url(given)
    (problem,) = told.value.problems
    assert problem.startswith(says) or says in problem
    assert "geheim" not in problem


def test_a_dotenv_file_is_read_in_development_only_and_the_environment_wins(tmp_path: Path, monkeypatch):
    for line in table():
        monkeypatch.delenv(line.name, raising=False)
    for name, value in LEAST.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("DEFAULT_LOCALE=en_CA\nREDIS_URL=redis://other:1/0\n")
    settings = Settings.read()
    assert (settings.default_locale, settings.broker_url) == ("en_CA", LEAST["REDIS_URL"])
    monkeypatch.setenv("QUITTANCE_ENV", "production")
    assert Settings.read().default_locale == "fr_CA"
    monkeypatch.delenv("QUITTANCE_ENV")
    (tmp_path / ".env").write_text("QUITTANCE_ENV=production\n")
    with pytest.raises(SettingsError, match=r"QUITTANCE_ENV in \.env"):
        Settings.read()


@pytest.mark.parametrize(
    "name, value",
    [
        ("SECRET_KEY", "development-only-never-in-production"),
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "http://console.example"),
        ("CHARGEBEE_API_URL", "http://127.0.0.1:9000"),
        ("WEBHOOK_CREDENTIALS", "chargebee:fine-and-long,chargebee:Password"),
    ],
)
def test_production_refuses_what_development_accepts(name, value):
    Settings.read(LEAST | {name: value})
    (told,) = problems_of(PRODUCTION | {name: value})
    assert told.startswith(name)


def test_what_only_a_process_needs_is_asked_for_by_that_process():
    settings = Settings.read(PRODUCTION)
    with pytest.raises(SettingsError) as told:
        settings.require("database_url", "chargebee_api_key", "mail_url", "merchant.name", "remittance.bank")
    assert [problem.split()[0] for problem in told.value.problems] == [
        "CHARGEBEE_API_KEY",
        "MAIL_URL",
        "MERCHANT_NAME",
        "REMITTANCE_BANK",
    ]
    settings.require("database_url", "site_timezone")


def test_development_has_what_a_laptop_needs():
    Settings.read(LEAST).require("mail_url", "mail_from", "mail_domain", "secret_key", "public_url")


def test_repr_shows_no_secret_and_nothing_can_be_changed():
    secrets = {"CHARGEBEE_SITE": "acme", "CHARGEBEE_API_KEY": "key-secret", "SECRET_KEY": "sign-secret" * 4}
    more = {"CALLBACK_URL": "https://p.example", "CALLBACK_SECRET": "call-secret", "MAIL_URL": "smtp://u:smtp-secret@h"}
    settings = Settings.read(LEAST | secrets | more)
    assert "secret" not in repr(settings) and "secret" not in str(settings)
    with pytest.raises(ValueError):
        settings.env = "production"


def test_the_table_has_every_setting_with_its_meaning():
    lines = {line.name: line for line in table()}
    assert {"WEBHOOK_CREDENTIALS", "QUITTANCE_ENV", "MERCHANT_NAME", "REMITTANCE_PAYABLE_TO"} <= set(lines)
    assert all(line.meaning for line in lines.values())
    assert lines["SECRET_KEY"].secret and lines["DATABASE_URL"].required
    assert lines["EFFECTS_HORIZON"].default == "7 days"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"MERCHANT_COLOUR": "teal"}, "MERCHANT_COLOUR is not a colour: write # and six digits in lower case"),
        (
            {"MERCHANT_COLOUR": "#ffcc00"},
            "MERCHANT_COLOUR has a contrast of 1.34 to 1 on light paper (#f3f1ec), where text needs 4.5: use #856a00",
        ),
        (
            {"MERCHANT_COLOUR_DARK": "#0b5f52"},
            "MERCHANT_COLOUR_DARK has a contrast of 1.88 to 1 on dark paper (#212c34), where text needs 4.5: use #",
        ),
        ({"MERCHANT_LOGO_URL": "http://x.example/a.png"}, "MERCHANT_LOGO_URL is not https://host/"),
        ({"MERCHANT_LOGO_URL": 'https://x.example/"onload='}, "MERCHANT_LOGO_URL is not https://host/"),
        (
            {"MERCHANT_LOGO_URL": "https://x.example/a.png"},
            "MERCHANT_LOGO_WIDTH is not a whole number from 1 to 560: the pixels",
        ),
        (
            {"MERCHANT_LOGO_WIDTH": "5000", "MERCHANT_LOGO_URL": "https://x.example/a.png"},
            "WIDTH is not a whole number from 1 to 560",
        ),
        ({"MERCHANT_LOGO_ALT": "Boréal"}, "MERCHANT_LOGO_URL is missing while others of the logo are set"),
    ],
)
def test_a_brand_that_would_be_hard_to_read_is_refused_with_the_way_out(given, told):
    with pytest.raises(SettingsError) as refused:
        Settings.read(LEAST | given)
    assert told in str(refused.value)


def test_the_dark_colour_follows_from_the_brands():
    merchant = Settings.read(LEAST | {"MERCHANT_COLOUR": "#1d4b8f"}).merchant
    assert merchant.colour == "#1d4b8f"
    assert contrast(merchant.colour_dark, PAPER_DARK) >= READABLE
    assert Settings.read(LEAST).merchant.colour_dark == COLOUR_DARK


def test_a_logo_has_its_size_as_numbers():
    given = {"MERCHANT_LOGO_URL": "https://x.example/a.png", "MERCHANT_LOGO_WIDTH": "120", "MERCHANT_LOGO_HEIGHT": "32"}
    merchant = Settings.read(LEAST | given).merchant
    assert (merchant.logo_url, merchant.logo_width, merchant.logo_height) == ("https://x.example/a.png", 120, 32)
