"""A mail made from a sample, to be looked at before anybody gets one of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from functools import cached_property

from billing.merchant import Merchant, Remittance

from . import kinds, samples
from .kinds import AnyKind
from .language import LOCALES, Locale
from .message import attachment_name, build, message_id
from .render import Rendered, render

LARGEST = 90 * 1024  # bytes of HTML that a mail may take: Gmail cuts it after 102 KB

_DARK = "(prefers-color-scheme: dark)"
_PDF = b"%PDF-1.4\n%%EOF\n"  # stands in for an invoice


@dataclass(frozen=True)
class Studio:
    """In whose name samples are written: the merchant's own, or the make-believe one's where none is configured."""

    merchant: Merchant
    remittance: Remittance
    mail_from: str
    mail_domain: str
    finance_email: str | None
    template_dir: str | None

    def previews(self) -> Iterator[Preview]:
        """Every kind with every sample in every language."""
        for kind in kinds.ALL:
            for sample in kind.samples:
                for locale in LOCALES:
                    yield self.preview(kind, sample, locale)

    def preview(self, kind: AnyKind, sample: str, locale: Locale) -> Preview:
        """One of them."""
        words = render(
            kind,
            kind.samples[sample],
            locale,
            merchant=self.merchant,
            remittance=self.remittance,
            links=samples.LINKS,
            template_dir=self.template_dir,
        )
        return Preview(self, kind, sample, locale, words)


@dataclass(frozen=True)
class Preview:
    """A mail of a kind, from a sample, in a language."""

    studio: Studio
    kind: AnyKind
    sample: str
    locale: Locale
    words: Rendered

    @cached_property
    def size(self) -> int:
        """Bytes of its HTML."""
        return len(self.words.html.encode())

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """What a mail of this kind is sent with."""
        shown = ("From", "Reply-To", "Message-ID", "Content-Language", "Auto-Submitted")
        message = self.message("reader@example.com")
        return [(name, str(message[name])) for name in shown if message[name]]

    def html(self, *, dark: bool) -> str:
        """Its HTML as a reader sees it whose system is dark, or is not, whatever the one who looks has."""
        return self.words.html.replace(_DARK, "all" if dark else "not all")

    def message(self, recipient: str, *, mark: str = "") -> EmailMessage:
        """The message to send, its subject after the mark."""
        studio, key = self.studio, f"preview:{self.kind.name}:{self.sample}:{self.locale}"
        support = studio.merchant.support_email or None
        attached = getattr(self.kind.samples[self.sample], "attached", False)
        return build(
            replace(self.words, subject=f"{mark}{self.words.subject}"),
            sender=studio.mail_from,
            sender_name=studio.merchant.name,
            recipient=recipient,
            reply_to=(studio.finance_email or support) if self.kind.reply_to == "finance" else support,
            message_id=message_id(key, studio.mail_domain),
            locale=self.locale,
            key=key,
            attachment=_PDF if attached else None,
            attachment_name=attachment_name("F-10428", self.locale) if attached else None,
        )
