"""Mails as tests write and read them."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from typing import Any

from emails import samples
from emails.kinds import AnyKind
from emails.render import Rendered, render

NBSP = "\u00a0"


def rendered(kind: AnyKind, context: Any, locale: str, **more: Any) -> Rendered:
    """A mail of the sample merchant, without links unless they are given."""
    return render(kind, context, locale, **({"merchant": samples.MERCHANT, "remittance": samples.REMITTANCE} | more))


@cache
def sampled(kind: AnyKind, sample: str, locale: str) -> tuple[Rendered, Document]:
    """The mail of a sample, with links, and its HTML part as read: made once for all tests that look at it."""
    mail = rendered(kind, kind.samples[sample], locale, links=samples.LINKS)
    return mail, Document(mail.html)


class Document(HTMLParser):
    """What a reader of the HTML part sees, and how it is built."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("style", "title"):
            self._hidden += 1
        if tag in ("td", "th", "p", "br", "h1", "h2", "tr"):
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "title"):
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    @property
    def plain(self) -> str:
        """The same with ordinary spaces alone: dates are kept on one line in HTML."""
        return self.text.replace(NBSP, " ")

    @property
    def links(self) -> list[str]:
        return [str(attributes["href"]) for _, attributes in self.tags if "href" in attributes]
