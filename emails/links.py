"""Links in mails that lead to our own pages: signed, so that nobody can make one up, and with no personal data in them.

A token names the outbox row of the mail that it stands in, when it was issued, and where it matters the invoice. It
opens one kind of page only. Whoever holds the mail holds its links; a mail whose links were revoked opens nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, get_args

from itsdangerous import BadData, URLSafeSerializer

from .language import other_than

LIFETIME = timedelta(days=180)
LONGEST = 512  # of a token; ours are shorter, and longer ones are not looked at

Purpose = Literal["mail", "invoice", "preferences"]


class UnknownLink(Exception):
    """Not a link of ours for this purpose: made up, cut short, or signed with another key."""


class ExpiredLink(Exception):
    """A link of ours that is older than LIFETIME."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What a mail links to. None where this installation has no such page: then a mail says nothing of it.

    `subscription` leads to where the reader may keep, undo or change what the mail tells of; `case` and `queue` to
    pages of finance.
    """

    other_language: str | None = None
    pdf: str | None = None
    preferences: str | None = None
    payment_method: str | None = None
    billing_history: str | None = None
    subscription: str | None = None
    case: str | None = None
    queue: str | None = None


NO_LINKS = Links()


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token says. `mail` is the id of an outbox row."""

    mail: int
    issued_at: datetime
    invoice: str | None = None


@dataclass(frozen=True)
class Signer:
    """Makes and reads the tokens of one installation. Each purpose has a salt, so no token opens another's page."""

    public_url: str
    secret_key: str = field(repr=False)

    def links(self, ticket: Ticket, locale: str) -> Links:
        """The links of a mail written in that language."""
        mail, other = self.token("mail", ticket), other_than(locale).partition("_")[0]
        return Links(
            other_language=f"{self.public_url}/m/{mail}?lang={other}",
            pdf=f"{self.public_url}/i/{self.token('invoice', ticket)}/pdf" if ticket.invoice else None,
            preferences=f"{self.public_url}/p/{self.token('preferences', ticket)}",
        )

    def token(self, purpose: Purpose, ticket: Ticket) -> str:
        """The text that opens a page of this purpose."""
        said: list[Any] = [int(ticket.issued_at.timestamp()), ticket.mail]
        if purpose == "invoice":
            said.append(ticket.invoice)
        return str(self._serializers[purpose].dumps(said))

    def read(self, purpose: Purpose, token: str, now: datetime) -> Ticket:
        """What a token says.

        Raises:
            UnknownLink, ExpiredLink: it opens nothing.
        """
        try:
            if len(token) > LONGEST:
                raise UnknownLink
            issued, mail, *rest = self._serializers[purpose].loads(token)
        except BadData:
            raise UnknownLink from None
        ticket = Ticket(mail, datetime.fromtimestamp(issued, UTC), *rest)
        if now - ticket.issued_at > LIFETIME:
            raise ExpiredLink
        return ticket

    @cached_property
    def _serializers(self) -> dict[Purpose, URLSafeSerializer]:
        how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        return {
            purpose: URLSafeSerializer(self.secret_key, salt=f"quittance {purpose} link", signer_kwargs=how)
            for purpose in get_args(Purpose)
        }
