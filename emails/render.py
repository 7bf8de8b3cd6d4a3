"""Makes the subject, the text part and the HTML part of an e-mail from its templates, in the reader's language.

Templates come from disk only, a merchant's own before ours; what providers and customers wrote is never a template.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache, partial
from gettext import GNUTranslations
from pathlib import Path
from typing import Any, TypeVar

import css_inline
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    pass_eval_context,
    select_autoescape,
)
from jinja2.nodes import EvalContext
from markupsafe import Markup

from billing.merchant import COLOUR, COLOUR_DARK, Merchant, Remittance
from billing.money import Money

from . import format
from .contexts import Line, OfflineMethod
from .kinds import Context, Kind
from .language import LOCALES, other_than
from .links import NO_LINKS, Links

HERE = Path(__file__).parent
# More would take the HTML past the size at which mail readers cut it.
MOST_LINES = 40
MOST_INVOICES = 20

# Follows the preheader: else lists of mails fill the rest of their line with the words of the layout.
REST_OF_THE_PREVIEW = Markup("&#847;&zwnj;&nbsp;") * 80
LONGEST_IN_ONE_PIECE = 24  # characters
LONGEST = 300  # characters of one text that others wrote: more is no name, and would push the rest out of sight

# Control characters, line ends, marks that turn the direction of what follows, halves of characters.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_INLINER = css_inline.CSSInliner(keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An e-mail's words, before headers: the subject on one line, the text part and the whole HTML document."""

    subject: str
    text: str
    html: str


def render(
    kind: Kind[Context],
    context: Context,
    locale: str,
    *,
    merchant: Merchant,
    remittance: Remittance | None = None,
    links: Links = NO_LINKS,
    template_dir: str | Path | None = None,
) -> Rendered:
    """Write an e-mail of that kind in `fr_CA` or `en_CA`.

    `remittance` says where cheques and wires go; None leaves the box out. Of `links` only those that are given are
    shown. Templates in `template_dir` go before ours.

    Raises:
        TypeError, ValueError: the context is of another kind, or the locale is not one we write.
        jinja2.UndefinedError: a template asks for a value that the context does not have.
    """
    if not isinstance(context, kind.context):
        raise TypeError(f"an e-mail of kind {kind.name} takes {kind.context.__name__}, not {type(context).__name__}")
    words = environment(locale, str(template_dir) if template_dir else None)
    values: dict[str, Any] = {
        "mail": _printable(context),
        "merchant": _printable_merchant(merchant),
        "remittance": _printable_remittance(remittance) if remittance else None,
        "kind": kind,
        "links": links,
        "css": _in_colours_of(merchant),
    }
    subject = _subject(words.get_template(f"{kind.name}/subject.txt").render(values))
    values["subject"] = subject
    text = words.get_template(f"{kind.name}/body.txt").render(values)
    html = words.get_template(f"{kind.name}/body.html").render(values)
    return Rendered(subject=subject, text=_tidied(text), html=_INLINER.inline(html))


def warm(template_dir: str | Path | None = None) -> None:
    """Read the catalogues of every locale, so that a broken one stops the process at its start."""
    for locale in LOCALES:
        environment(locale, str(template_dir) if template_dir else None)


def catalogue(locale: str) -> Catalog:
    """The translations of a locale, as its `.po` file has them."""
    with (HERE / "locale" / locale / "LC_MESSAGES" / "emails.po").open("rb") as lines:
        return read_po(lines, locale=locale, abort_invalid=True)


def _translations(locale: str) -> GNUTranslations:
    """The same as gettext reads them. Compiled here, in memory: there is no step to forget."""
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(locale))
    compiled.seek(0)
    return GNUTranslations(compiled)


@lru_cache(maxsize=8)
def environment(locale: str, template_dir: str | None) -> Environment:
    if locale not in LOCALES:
        raise ValueError(f"no e-mail is written in {locale!r}; use one of {', '.join(LOCALES)}")
    folders = [Path(template_dir)] if template_dir else []
    folders.append(HERE / "templates")
    made = _Environment(
        loader=_Templates(folders),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_translations(_translations(locale), newstyle=True)  # type: ignore[attr-defined]
    for name in ("percent", "number", "listed", "tax_name", "tax_number"):
        made.filters[name] = partial(getattr(format, name), locale=locale)
    for name in ("date", "day_and_month", "month"):
        made.filters[name] = _unbroken_in_html(partial(getattr(format, name), locale=locale))
    made.filters |= {
        "sentence": format.sentence,
        "unbroken": format.unbroken,
        "card_brand": format.card_brand,
        "minus": _minus,
        "money": partial(_money, locale=locale),
        "whole": _whole,
    }
    made.globals |= {
        "locale": locale,
        "rest_of_the_preview": REST_OF_THE_PREVIEW,
        "lang": locale.replace("_", "-"),
        "other_lang": other_than(locale).replace("_", "-"),
        "ways_to_pay": ways_to_pay,
        "lines_shown": lines_shown,
        "invoices_shown": invoices_shown,
        "sum_of": _sum_of,
    }
    return made


@lru_cache(maxsize=8)
def _in_colours_of(merchant: Merchant) -> Markup:
    """The style sheet, with the brand's colours in the place of those that it is written with."""
    css = (HERE / "email.css").read_text("utf-8")
    css = css.replace(COLOUR, merchant.colour).replace(COLOUR_DARK, merchant.colour_dark)
    return Markup(css)  # noqa: S704 (our own file, and colours that settings have checked)


class _Environment(Environment):
    """Reads `import "_words.jinja"` as `_words.html` in a template for the HTML part, and as `_words.txt` in the other.

    Escaping goes by the name, so each part gets a sentence that is written once in its own way. (A macro of a `.txt`
    file called from an HTML template would count as already escaped.)
    """

    def join_path(self, template: str, parent: str) -> str:
        stem, dot, suffix = template.rpartition(".")
        return stem + dot + parent.rpartition(".")[2] if suffix == "jinja" else template


class _Templates(FileSystemLoader):
    """Finds `words.html` and `words.txt` in `words.jinja`, which holds what both parts say."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            return super().get_source(environment, template)
        except TemplateNotFound:
            shared = template.rpartition(".")[0] + ".jinja"
            if shared == ".jinja":
                raise
            return super().get_source(environment, shared)


def ways_to_pay(remittance: Remittance | None, chosen: OfflineMethod | None) -> list[str]:
    """The ways to pay that are configured, the chosen one first."""
    if remittance is None:
        return []
    ways = []
    if remittance.account:
        ways.append("bank_transfer")
    if remittance.payable_to or remittance.mail_to:
        ways.append("check")
    if remittance.interac:
        ways.append("interac")
    return sorted(ways, key=lambda way: way != chosen)


Item = TypeVar("Item")


def lines_shown(lines: tuple[Item, ...], most: int = MOST_LINES) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """The lines to write out, and those to sum up in one line because there are too many for a mail."""
    if len(lines) <= most:
        return lines, ()
    return lines[: most - 1], lines[most - 1 :]


def invoices_shown(invoices: tuple[Item, ...]) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """The same for invoices, of which each takes more room."""
    return lines_shown(invoices, MOST_INVOICES)


def _minus(amount: Money) -> Money:
    return Money(-amount.minor, amount.currency)


def _money(amount: Money, locale: str) -> str:
    """An amount with a true minus sign: a hyphen is shorter, and screen readers pass over it."""
    return format.money(amount, locale).replace("-", "\u2212")


@pass_eval_context
def _whole(context: EvalContext, text: str) -> str:
    """An invoice's number that no line of the HTML part breaks at its hyphen; a very long one may break."""
    if not context.autoescape or len(text) > LONGEST_IN_ONE_PIECE:
        return text
    return Markup('<span class="whole">{}</span>').format(text)


def _sum_of(lines: tuple[Line, ...]) -> Money:
    total = Money(0, lines[0].amount.currency)
    for line in lines:
        total += line.amount
    return total


def _unbroken_in_html(said: Callable[[dt.date], str]) -> Callable[[EvalContext, dt.date], str]:
    """A date that no line of the HTML part breaks; the text part keeps its plain spaces, for who searches it."""

    @pass_eval_context
    def filter(context: EvalContext, day: dt.date) -> str:
        return format.unbroken(said(day)) if context.autoescape else said(day)

    return filter


def _printable(value: Any) -> Any:
    """The same value, its texts without control characters, line ends and direction marks, and of bounded length."""
    if isinstance(value, str):
        return _cut(_UNPRINTABLE.sub(" ", value).strip())
    if isinstance(value, tuple):
        return tuple(_printable(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _printable(getattr(value, field.name)) for field in fields(value)})
    return value


def _printable_merchant(merchant: Merchant) -> Merchant:
    on_one_line = replace(
        merchant, address=format.one_line(merchant.address), product=merchant.product or merchant.name
    )
    made: Merchant = _printable(on_one_line)
    return made


def _printable_remittance(remittance: Remittance) -> Remittance:
    mail_to = format.one_line(remittance.mail_to) if remittance.mail_to else None
    made: Remittance = _printable(replace(remittance, mail_to=mail_to))
    return made


def _subject(written: str) -> str:
    """A subject as mail can carry it: on one line, not too long, and nothing in it that would be decoded once more."""
    return _cut(re.sub(r"[ \n]+", " ", written).strip().replace("=?", "= ?"))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _tidied(text: str) -> str:
    """No blank at the end of a line, one empty line at most in a row, one line end at the end."""
    text = "\n".join(line.rstrip(" ") for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"
