"""A make-believe Chargebee: one site with its customers, its clock, its events and its API. For demos, tests, training.

Nothing here knows Quittance: what it sends and answers looks as if it came from the provider.
"""

from __future__ import annotations

from .history import history
from .site import Site
from .state import Body, Declined, Refused, WrongValue

__all__ = ["Body", "Declined", "Refused", "Site", "WrongValue", "history"]
