"""Why a bank refused a payment, from the codes that gateways use."""

from __future__ import annotations

import pytest

from billing.declines import reason_of


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("expired_card", "Your card has expired.", "expired_card"),
        ("card_declined", "Your card has insufficient funds.", "insufficient_funds"),
        ("insufficient_funds", None, "insufficient_funds"),
        ("incorrect_cvc", None, "wrong_security_code"),
        ("invalid_number", None, "wrong_number"),
        ("stolen_card", None, "card_blocked"),
        ("card_velocity_exceeded", None, "limit_exceeded"),
        ("authentication_required", None, "confirmation_needed"),
        ("2001", "Insufficient Funds", "insufficient_funds"),
        ("2000", "Do Not Honor", "refused_by_bank"),
        ("card_declined", "Your card was declined.", "refused_by_bank"),
        ("processing_error", "An error occurred while processing your card.", None),
        ("9999", None, None),
        (None, None, None),
    ],
)
def test_the_reason_is_what_a_customer_can_act_on(code: str | None, text: str | None, reason: str | None) -> None:
    assert reason_of(code, text) == reason
