"""Makes the subject, the text part and the HTML part of an e-mail from its templates, in the reader's language.

Templates come from disk only, a merchant's own before ours; what providers and customers wrote is never a template.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import css_inline
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, select_autoescape
from markupsafe import Markup

from billing.merchant import COLOUR, COLOUR_DARK, Merchant, Remittance
from billing.money import Money

from . import format
from .contexts import Line, OfflineMethod
from .kinds import Context, Kind
from .language import LOCALES
from .links import NO_LINKS, Links

HERE = Path(__file__).parent
MOST_LINES = 40  # more would take the HTML past the size at which mail readers cut it

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
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

    `remittance` says where cheques and wires go; None leaves the box out. Templates see `links` as well, of which each
    may be None. Templates in `template_dir` go before ours.

    Raises:
        TypeError, ValueError: the context is of another kind, or the locale is not one we write.
        jinja2.UndefinedError: a template asks for a value that the context does not have.
    """
    if not isinstance(context, kind.context):
        raise TypeError(f"an e-mail of kind {kind.name} takes {kind.context.__name__}, not {type(context).__name__}")
    words = _environment(locale, str(template_dir) if template_dir else None)
    values: dict[str, Any] = {
        "mail": _printable(context),
        "merchant": _printable_merchant(merchant),
        "remittance": _printable_remittance(remittance) if remittance else None,
        "kind": kind,
        "links": links,
        "css": _in_colours_of(merchant),
    }
    subject = " ".join(words.get_template(f"{kind.name}/subject.txt").render(values).split(" ")).strip()
    values["subject"] = subject
    text = words.get_template(f"{kind.name}/body.txt").render(values)
    html = words.get_template(f"{kind.name}/body.html").render(values)
    return Rendered(subject=subject, text=_tidied(text), html=_INLINER.inline(html))


def warm(template_dir: str | Path | None = None) -> None:
    """Read the catalogues of every locale, so that a broken one stops the process at its start."""
    for locale in LOCALES:
        _environment(locale, str(template_dir) if template_dir else None)


def catalogue(locale: str) -> dict[str, str]:
    """The translations of a locale: message in the templates to words in the mail."""
    with (HERE / "locale" / locale / "LC_MESSAGES" / "emails.po").open("rb") as lines:
        read = read_po(lines, locale=locale, abort_invalid=True)
    return {str(message.id): str(message.string) for message in read if message.id}


@lru_cache(maxsize=8)
def _environment(locale: str, template_dir: str | None) -> Environment:
    if locale not in LOCALES:
        raise ValueError(f"no e-mail is written in {locale!r}; use one of {', '.join(LOCALES)}")
    folders = [Path(template_dir)] if template_dir else []
    folders.append(HERE / "templates")
    made = Environment(
        loader=_Templates(folders),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    translations = catalogue(locale)
    made.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: translations.get(message, message), _no_plural, newstyle=True
    )
    for name in ("money", "date", "day_and_month", "percent", "number", "listed", "tax_name", "tax_number"):
        made.filters[name] = _in_locale(getattr(format, name), locale)
    made.filters |= {
        "sentence": format.sentence,
        "unbroken": format.unbroken,
        "card_brand": format.card_brand,
        "minus": _minus,
    }
    made.globals |= {
        "locale": locale,
        "lang": locale.replace("_", "-"),
        "ways_to_pay": ways_to_pay,
        "lines_shown": lines_shown,
        "sum_of": _sum_of,
    }
    return made


@lru_cache(maxsize=8)
def _in_colours_of(merchant: Merchant) -> Markup:
    """The style sheet, with the brand's colours in the place of those that it is written with."""
    css = (HERE / "email.css").read_text("utf-8")
    css = css.replace(COLOUR, merchant.colour).replace(COLOUR_DARK, merchant.colour_dark)
    return Markup(css)  # noqa: S704 (our own file, and colours that settings have checked)


class _Templates(FileSystemLoader):
    """Finds a sentence that both parts say, written once in `words.jinja`, as `words.html` and as `words.txt`.

    Escaping goes by the name, so each part gets the sentence in its own way. (A macro of a `.txt` file called from an
    HTML template would count as already escaped.)
    """

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


def lines_shown(lines: tuple[Line, ...]) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """The lines to write out, and those to sum up in one line because there are too many for a mail."""
    if len(lines) <= MOST_LINES:
        return lines, ()
    return lines[: MOST_LINES - 1], lines[MOST_LINES - 1 :]


def _minus(amount: Money) -> Money:
    return Money(-amount.minor, amount.currency)


def _sum_of(lines: tuple[Line, ...]) -> Money:
    total = Money(0, lines[0].amount.currency)
    for line in lines:
        total += line.amount
    return total


def _in_locale(function: Callable[..., str], locale: str) -> Callable[..., str]:
    return partial(function, locale=locale)


def _no_plural(one: str, many: str, count: int) -> str:
    raise ValueError("no e-mail has a message with a plural form; add plurals to catalogue() first")


def _printable(value: Any) -> Any:
    """The same value, with every control character, line end and direction mark in its texts made a space."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub(" ", value).strip()
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


def _tidied(text: str) -> str:
    """No blank at the end of a line, one empty line at most in a row, one line end at the end."""
    text = "\n".join(line.rstrip(" ") for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"
