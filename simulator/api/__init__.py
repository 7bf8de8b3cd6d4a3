"""The site's HTTP API in Chargebee's shapes: one file for each resource, and what all calls go through.

`params` says what a call may be given, `lists` how a list is filtered and paged, `calls` how a call is declared and
answered; `traffic`, `replays` and `faults` are what stands between a caller and a call.
"""

from __future__ import annotations

from . import (  # noqa: F401 (each declares its calls)
    catalogue,
    comments,
    credits,
    customers,
    events,
    invoices,
    old_catalogue,
    portals,
    subscriptions,
    transactions,
)
from .calls import CALLS

__all__ = ["CALLS"]
