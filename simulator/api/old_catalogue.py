"""Calls of product catalogue 1.0, which this site does not have: each is answered as a site of 2.0 answers them."""

from __future__ import annotations

from typing import Any

from ..site import Site
from ..state import Refused
from .calls import CALLS, Call

_PATHS = {
    "POST": (
        "/subscriptions",
        "/subscriptions/<id>",
        "/subscriptions/<id>/cancel",
        "/subscriptions/<id>/charge_addon_at_term_end",
        "/customers/<id>/subscriptions",
        "/estimates/create_subscription",
        "/estimates/update_subscription",
        "/invoices/charge",
        "/invoices/charge_addon",
        "/plans",
        "/plans/<id>",
        "/addons",
        "/addons/<id>",
    ),
    "GET": ("/plans", "/plans/<id>", "/addons", "/addons/<id>"),
}


def refuse(site: Site, id: str, given: Any) -> None:
    raise Refused(
        "This API operation is not enabled for this site, which has product catalogue 2.0: use the call for items",
        code="configuration_incompatible",
        status=400,
    )


CALLS += [Call(method, path, refuse, None) for method, paths in _PATHS.items() for path in paths]
