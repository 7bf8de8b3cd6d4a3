"""The settings of the stack on a laptop: gaps are filled, choices are kept."""

from __future__ import annotations

from pathlib import Path

from local import environment
from worker.settings import Settings


def test_the_sample_is_a_whole_set_of_settings(tmp_path: Path) -> None:
    made = environment.samples({}) | environment.secrets_of(tmp_path, {})
    made |= environment.simulated_site(tmp_path, "http://127.0.0.1:9999")
    settings = Settings.read(
        {**made, "DATABASE_URL": "postgresql://a:b@127.0.0.1/c", "REDIS_URL": "redis://127.0.0.1/0"}
    )
    assert settings.merchant.name == "Logiciels Boréal inc."
    assert settings.remittance.institution == "999"
    assert settings.chargebee_api_url == "http://127.0.0.1:9999"
    assert settings.finance_emails == ("finances@boreal.example",)


def test_secrets_stay_the_same_from_one_start_to_the_next(tmp_path: Path) -> None:
    assert environment.secrets_of(tmp_path, {}) == environment.secrets_of(tmp_path, {})
    assert environment.simulated_site(tmp_path, "x") == environment.simulated_site(tmp_path, "x")


def test_what_the_developer_chose_is_left_alone(tmp_path: Path) -> None:
    chosen = {"WEBHOOK_CREDENTIALS_FILE": "/run/credentials", "SECRET_KEY": "mine", "MAIL_FROM": ""}
    assert environment.secrets_of(tmp_path, chosen) == {}
    assert environment.samples(chosen)["MAIL_FROM"] == "facturation@boreal.example"


def test_a_company_is_never_mixed_from_two() -> None:
    filled = environment.samples({"REMITTANCE_BANK": "Banque vraie"})
    assert not any(name.startswith("REMITTANCE_") for name in filled)
    assert filled["MERCHANT_NAME"] == "Logiciels Boréal inc."
