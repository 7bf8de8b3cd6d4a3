"""Pages from templates, in the language of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from flask import request, url_for
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from ..events import EventRecord
from ..state import Body, Refused
from .deeds import DEEDS, Deed, offered
from .desk import Desk, Told
from .forms import Field, Option
from .show import Show
from .words import LANGUAGES

COOKIE = "sim_language"
ROWS = 50  # of a list, on one page
_LINKS = 8  # to events, in the sentence of what was done
_T = TypeVar("_T")


class _Templates(Environment):
    """Templates for bodies: a field that a body lacks is None, as on the wire; any other unknown name is an error."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict):
            return obj[attribute] if attribute in obj else getattr(obj, attribute, None)
        return super().getattr(obj, attribute)


_templates = _Templates(
    loader=PackageLoader("simulator.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A form that was not done, with what was typed and why not."""

    deed: str
    form: MultiDict[str, str]
    faults: Mapping[str, str] = field(default_factory=dict)
    refusal: Refused | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """A field as the page shows it: what stands in it, what can be chosen, and what is wrong with it."""

    field: Field
    value: str
    options: Sequence[Option]
    fault: str | None


@dataclass(frozen=True, slots=True)
class Form:
    """A deed as the page offers it."""

    deed: Deed
    id: str
    inputs: tuple[Input, ...]
    failure: Failure | None

    def __getitem__(self, name: str) -> Input:
        return next(each for each in self.inputs if each.field.name == name)


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of a list."""

    rows: Sequence[Any]
    number: int
    more: bool
    count: int | None


def page(desk: Desk, template: str, *, section: str = "", failure: Failure | None = None, **context: Any) -> str:
    """A page of the site. To be called under the site's lock: what it shows is read as it is written."""
    show = show_for_request(desk)
    told = desk.told(request.args.get("told", 0, type=int))
    return _templates.get_template(template).render(
        desk=desk,
        site=desk.site,
        show=show,
        t=show.words,
        url_for=url_for,
        section=section,
        failure=failure,
        told=told and sentence_of(desk, told, show),
        languages=LANGUAGES,
        here=here,
        **context,
    )


def show_for_request(desk: Desk) -> Show:
    """How the reader wants things shown: in the language chosen, which is French until one is."""
    chosen = request.cookies.get(COOKIE, "")
    return Show(chosen if chosen in LANGUAGES else LANGUAGES[0], desk.site.zone)


def here(**changes: str | int) -> str:
    """The address of this page with some of its parameters changed; what was told on it is told once."""
    if request.method == "POST":  # the page behind a form that was refused has no address
        return url_for("sim.overview") + "?" + urlencode(changes)
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in ("told", "lang", *changes)]
    query = urlencode([*kept, *changes.items()])
    return quote(request.path) + (f"?{query}" if query else "")


def forms(desk: Desk, kind: str, id: str, body: Body, failure: Failure | None) -> list[Form]:
    """What can be done here, each as a form; one that failed is there even where it is not offered any more."""
    deeds = offered(desk.site, kind, body)
    if failure and DEEDS[failure.deed].kind == kind and DEEDS[failure.deed] not in deeds:
        deeds.insert(0, DEEDS[failure.deed])
    return [form_of(desk, deed, id, body, failure) for deed in deeds]


def form_of(desk: Desk, deed: Deed, id: str, body: Body, failure: Failure | None) -> Form:
    """One deed as a form: with what was typed where it failed, else with its defaults."""
    show = show_for_request(desk)
    mine = failure if failure and failure.deed == deed.name else None
    inputs = []
    for each in deed.fields:
        value = mine.form.get(each.name, "") if mine else each.default(desk.site, show, body)
        options = each.options(desk.site, show, body) if each.options else ()
        inputs.append(Input(each, value, options, mine.faults.get(each.name) if mine else None))
    return Form(deed, id, tuple(inputs), mine)


def rows(found: Sequence[_T]) -> Rows:
    """The page of a list that was asked for."""
    number = max(1, request.args.get("page", 1, type=int))
    first = (number - 1) * ROWS
    return Rows(found[first : first + ROWS], number, len(found) > first + ROWS, len(found))


def latest_deeds(desk: Desk, count: int) -> list[Markup]:
    """The sentences of what was done last."""
    show = show_for_request(desk)
    return [_said(told, show) for told in desk.latest(count)]


def sentence_of(desk: Desk, told: Told, show: Show) -> Markup:
    """What a deed did, and the webhooks that left because of it."""
    said = _said(told, show)
    count = told.end - told.first
    if DEEDS[told.deed].kind in ("event", "events", "webhooks"):
        return said
    if not count:
        return said + " " + show.words("told.nothing")
    events = desk.site.event_records[told.first : min(told.end, told.first + _LINKS)]
    links = Markup(", ").join(show.link("event", event.id, event.event_type) for event in events)
    if count > _LINKS:
        more = Markup('<a href="{}">{}</a>').format(
            url_for("sim.events"), show.words.count("told.more", count - _LINKS, number=show.number(count - _LINKS))
        )
        links = Markup("{}, {}").format(links, more)
    counted = show.words.count("told.events", count, number=show.number(count))
    return said + Markup(" {}{}{}. ").format(counted, show.words("colon"), links) + _arrival(events, show)


def _said(told: Told, show: Show) -> Markup:
    done = told.done
    return Markup(" ").join(show.sentence(key, **done.facts) for key in (f"done.{told.deed}", *done.also))


def _arrival(events: Sequence[EventRecord], show: Show) -> str:
    """How the webhooks of these events stand, in a few words."""
    statuses = [status for event in events for _, status in event.webhooks]
    if not statuses:
        return show.words("told.no_endpoint")
    if all(status in ("succeeded", "skipped") for status in statuses):
        return show.words("told.arrived")
    return show.words("told.waiting")
