"""Objects as they are now: from the API where there is one, else from the mirror. What the API shows is merged too."""

from __future__ import annotations

from gateway.errors import ProviderRefused
from gateway.events import Snapshot
from models import Invoice, clock
from models.session import transaction

from .inbox import take_in
from .outbox import Delivery


def live_invoice(delivery: Delivery, id: str) -> Invoice:
    """The invoice as it is now. One that the provider no longer has is deleted."""
    gateway = delivery.couriers.gateway
    gone = False
    try:
        asked = gateway.invoice(id) if gateway else None
    except ProviderRefused as refused:
        if refused.code != "resource_not_found":
            raise
        asked, gone = None, True
    with transaction(delivery.engine) as session:
        mirrored = session.get_one(Invoice, id)
        if asked is None:
            _ = mirrored.snapshot  # deferred: read while the session lives
            session.expunge(mirrored)
            mirrored.deleted = mirrored.deleted or gone
            return mirrored
        read = Snapshot.read_from_api("invoice", asked, clock.now(session))
        if read.version > mirrored.version:
            take_in(session, {"invoice": asked})
    return Invoice(id=id, version=read.version, deleted=read.deleted, snapshot=read.body, **read.fields)
