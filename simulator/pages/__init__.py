"""The pages of the site at /_sim: what a customer, a bank or time can do, as buttons. They need no JavaScript.

app.register_blueprint(pages(simulation))
"""

from __future__ import annotations

from . import clock, customers, invoices, subscriptions  # noqa: F401 (each puts its deeds on the pages)
from .blueprint import pages
from .desk import Desk, Form

__all__ = ["Desk", "Form", "pages"]
