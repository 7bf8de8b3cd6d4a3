"""Why a bank refused a payment, in the few words that a customer can act on.

Payment gateways have hundreds of codes, and Chargebee passes them on as they are. What matters is what the customer can
do about it; a code that says nothing to them, or that we do not know, is no reason.
"""

from __future__ import annotations

import re
from typing import Literal

Decline = Literal[
    "expired_card",
    "insufficient_funds",
    "refused_by_bank",
    "wrong_number",
    "wrong_security_code",
    "card_blocked",
    "limit_exceeded",
    "confirmation_needed",
]

# Looked for in this order, in the code and in the text: "card_declined" must not hide what is more precise.
_SIGNS: tuple[tuple[Decline, str], ...] = (
    ("expired_card", r"expired|invalid_expiry|expiry_(date|month|year)"),
    ("insufficient_funds", r"insufficient|nsf|not_sufficient|low_balance"),
    ("limit_exceeded", r"limit_exceeded|exceeds_\w*limit|over_\w*limit|velocity|too_many|max_amount"),
    ("wrong_security_code", r"cvc|cvv|security_code"),
    ("wrong_number", r"(incorrect|invalid|wrong)_(card_|account_)?number|invalid_account|no_such_account"),
    ("card_blocked", r"lost|stolen|pickup|pick_up|restricted|blocked|closed|frozen"),
    ("confirmation_needed", r"authentication|3d_?s|three_d_secure|sca_required|confirmation"),
    ("refused_by_bank", r"declin|do_not_hono|refused|not_permitted|call_issuer|transaction_not_allowed"),
)


def reason_of(error_code: str | None, error_text: str | None) -> Decline | None:
    """The reason that a failed transaction names, if it is one a customer can understand."""
    said = [re.sub(r"[^a-z0-9]+", "_", (each or "").lower()) for each in (error_code, error_text)]
    for reason, sign in _SIGNS:
        if any(re.search(rf"(?:^|_)(?:{sign})", each) for each in said):
            return reason
    return None
