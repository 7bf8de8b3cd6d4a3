"""Portal sessions: a link by which a customer reaches its own page, for an hour. No event tells of them."""

from __future__ import annotations

from datetime import timedelta

from .state import Body, Refused
from .subscriptions import LIVE, Subscriptions

PORTAL_LIVES = timedelta(hours=1)


class Portals(Subscriptions):
    """Actions on portal sessions."""

    def open_portal(self, customer_id: str, address: str, *, redirect_url: str | None = None) -> Body:
        """A session for a customer. Its link is `address` and a token; `redirect_url` is where a log-out leads."""
        with self._action():
            customer = self.current("customer", customer_id)
            if customer["deleted"]:
                raise Refused(f"{customer_id} not found", code="resource_not_found", status=404)
            token = self._new_id()
            return self._make(
                "portal_session",
                self._new_id("portal_"),
                {
                    "token": token,
                    "access_url": address + token,
                    "redirect_url": redirect_url,
                    "status": "created",
                    "created_at": self._timestamp(),
                    "expires_at": self._timestamp(after=PORTAL_LIVES),
                    "customer_id": customer_id,
                    "linked_customers": [self._linked(customer)],
                },
            )

    def log_out_of_portal(self, session_id: str) -> Body:
        """End a portal session before its time: its link is dead."""
        with self._action():
            session = self._edit("portal_session", session_id)
            self._check_alive(session)
            session.update(status="logged_out", logout_at=self._timestamp())
            return session

    def customer_of_portal(self, token: str) -> Body:
        """The customer that the link with this token leads to.

        Raises:
            Refused: there is no such link, or it is dead, or the customer is gone.
        """
        with self.lock:
            session = next(self.each("portal_session", token=token), None)
            if session is None:
                raise Refused("there is no portal session with this token", code="resource_not_found", status=404)
            self._check_alive(session)
            customer = self.current("customer", session["customer_id"])
            if customer["deleted"]:
                raise Refused(f"{customer['id']} not found", code="resource_not_found", status=404)
            return customer

    def _check_alive(self, session: Body) -> None:
        if session["status"] == "logged_out":
            raise Refused(f"portal session {session['id']} is logged out: create another")
        if self._timestamp() >= session["expires_at"]:
            raise Refused(f"portal session {session['id']} has expired: create another")

    def _linked(self, customer: Body) -> Body:
        id = customer["id"]
        email = {"email": customer["email"]} if customer.get("email") else {}
        return {
            "customer_id": id,
            **email,
            "has_billing_address": "billing_address" in customer,
            "has_payment_method": self.has("payment_source", customer_id=id),
            "has_active_subscription": any(self.has("subscription", customer_id=id, status=status) for status in LIVE),
        }
