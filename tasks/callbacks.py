"""Telling the product: one signed POST for each change it must know of.

The signature is an HMAC-SHA256, in hex, over "<timestamp>.<body>" with CALLBACK_SECRET, sent as
`Quittance-Signature: t=<timestamp>,v1=<signature>`; `Idempotency-Key` names the fact, and is the same at each attempt.
Of one object the last word is right: an older one that did not arrive is not sent after it, and does not run beside it.
Where the network delays a word even so, `sequence` tells: of one object it only grows.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import httpx
from sqlalchemy import text

from billing.errors import NeedsAttention, NotYet
from models.session import transaction

from .mails import overtaken
from .outbox import Delivery, Outcome, OutOfTurn
from .registry import delivers
from .world import OVERTAKEN

# What is history is told to nobody, and so overtakes nothing.
_BESIDE = text("""
    select coalesce(bool_or(id > :id and (state <> 'suppressed' or reason = :overtaken)), false) as is_overtaken,
      now() + interval '2 s' as later,
      coalesce(bool_or(id < :id and state = 'new' and lease_until > now()), false) as waits
    from outbox where object_id = :object_id and kind = 'callback' and name = :name and id <> :id
""")


@delivers("callback")
def call_back(delivery: Delivery) -> Outcome:
    """POST the change. Any 2xx is a receipt; whatever else is tried again."""
    couriers, row = delivery.couriers, delivery.row
    if not couriers.callback_url or not couriers.callback_secret:
        raise NeedsAttention("no callback is configured any more; set CALLBACK_URL and CALLBACK_SECRET, then retry")
    with transaction(delivery.engine) as session:
        about = {"id": row.id, "name": row.name, "object_id": row.object_id, "overtaken": OVERTAKEN}
        is_overtaken, later, waits = session.execute(_BESIDE, about).one()
    if is_overtaken:
        return overtaken("a newer one says what is so now")
    if waits:
        raise OutOfTurn(later, "an older one about the same is on its way")
    told = {"id": row.key, "type": row.name, "sequence": row.id, "data": row.payload}
    body = json.dumps(told, sort_keys=True).encode()
    moment = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": row.key,
        "Quittance-Signature": f"t={moment},v1={signature(couriers.callback_secret, moment, body)}",
    }
    try:
        answer = httpx.post(couriers.callback_url, content=body, headers=headers, timeout=10, follow_redirects=False)
    except httpx.HTTPError as reason:
        raise NotYet(f"the product did not answer: {type(reason).__name__}") from reason
    if not answer.is_success:
        raise NotYet(f"the product answered {answer.status_code}")
    return Outcome("sent", None, {"reply": str(answer.status_code)})


def signature(secret: str, moment: str, body: bytes) -> str:
    """What the product reckons again to know that a call is ours."""
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
