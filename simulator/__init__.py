"""A make-believe Chargebee: one site with its customers, its clock, its events and its API. For demos, tests, training.

Nothing here knows Quittance: what it sends and answers looks as if it came from the provider.
"""

from __future__ import annotations

from .chaos import Chaos
from .history import history, life
from .simulation import Simulation
from .site import Site
from .state import Body, Declined, Refused, WrongValue
from .webhooks import Endpoint

__all__ = ["Body", "Chaos", "Declined", "Endpoint", "Refused", "Simulation", "Site", "WrongValue", "history", "life"]
