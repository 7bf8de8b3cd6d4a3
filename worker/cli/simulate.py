"""`quittance simulate`: a make-believe Chargebee, for those who have no account or must not use the one they have.

It sends to this machine only, unless told that the target is one's own. Passwords come from the environment.
"""

from __future__ import annotations

import ipaddress
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from simulator import Chaos, Endpoint, Simulation, Site, story
from simulator.chaos import rates
from simulator.deliveries import MOST_ENDPOINTS
from simulator.load import Outcome, send
from simulator.population import populate
from worker.settings import credentials_in, read_texts

from .failures import Problem
from .output import as_json, counted, heading, instant, say, say_facts, say_json

F = TypeVar("F", bound=Callable[..., Any])
CREDENTIALS = ("SIMULATE_WEBHOOK_CREDENTIALS", "WEBHOOK_CREDENTIALS")
API_KEYS = ("SIMULATE_API_KEY", "CHARGEBEE_API_KEY")


def _chaos(ctx: click.Context, param: click.Parameter, text: str) -> Chaos:
    try:
        return Chaos.parse(text)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), ctx, param) from None


def _instant(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if value else None
    except ValueError:
        raise click.BadParameter("write it as 2021-02-15T14:30:00Z; without a zone it is UTC", ctx, param) from None
    return moment.replace(tzinfo=UTC) if moment and not moment.tzinfo else moment


seeded = click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same bytes.")
with_chaos = click.option(
    "--chaos", default="", callback=_chaos, metavar="NAME=RATE,..", help="What goes wrong: `simulate chaos` lists it."
)
target_is_mine = click.option(
    "--target-is-mine", is_flag=True, help="Allow receivers beyond this machine: they are yours."
)


def webhooks(required: bool) -> Callable[[F], F]:
    return click.option(
        "--webhook", "urls", multiple=True, required=required, metavar="URL", help="Where events go; up to five."
    )


@click.group()
def command() -> None:
    """A make-believe Chargebee: serve its API, tell a story, send a load.

    Receivers get the user and password in SIMULATE_WEBHOOK_CREDENTIALS (or its _FILE), else the first in
    WEBHOOK_CREDENTIALS.
    """


@command.command("chaos")
@as_json
def chaos_(as_json: bool) -> None:
    """What can go wrong on the way to a receiver, for --chaos."""
    if as_json:
        say_json({"chaos": rates()})
        return
    say("Rates from 0 to 1, as in --chaos duplicate=0.3,drop=0.1:\n")
    say_facts(rates())


# ---- serve -----------------------------------------------------------------------------------------------------------


@command.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8790, show_default=True, metavar="N", help="0: any free one."
)
@click.option("--site", "name", default="boreal-test", show_default=True, help="Its name.")
@webhooks(required=False)
@target_is_mine
@seeded
@click.option(
    "--clock", type=click.Choice(["real", "frozen"]), default="real", show_default=True, help="How time goes."
)
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True), default=1.0, help="Of a real clock: so much faster."
)
@click.option("--at", metavar="INSTANT", callback=_instant, help="Where its clock begins; else now.")
@with_chaos
def serve(
    port: int,
    name: str,
    urls: tuple[str, ...],
    target_is_mine: bool,
    seed: int,
    clock: str,
    speed: float,
    at: datetime | None,
    chaos: Chaos,
) -> None:
    """A site with its API and its pages, on this machine, until Ctrl-C.

    The API key is SIMULATE_API_KEY, else CHARGEBEE_API_KEY, else one made for this run.
    """
    endpoints = _endpoints(urls, target_is_mine)
    key, key_is = _api_key()
    site = Site(seed=seed, now=at or datetime.now(UTC).replace(microsecond=0))
    with Simulation(site, endpoints, replace(chaos, seed=seed), connections=4) as simulation:
        with _served(simulation, name, key, port) as url:
            say(f"Site {name} answers at {url}/api/v2; its API key is {key_is}.")
            say(f"Its pages are at {url}/_sim.")
            for endpoint in simulation.endpoints:
                say(f"Webhooks go to {endpoint.url} as user {endpoint.user}.")
            goes = "stands at" if clock == "frozen" else f"goes {speed:g} times as fast as ours, from"
            say(f"Its clock {goes} {instant(site.now)}. Ctrl-C ends it.")
            simulation.run_clock("frozen" if clock == "frozen" else "real", speed)
            _until_told_to_end()
        counts = simulation.deliveries.counts
    say(f"{counted(counts['attempts'], 'webhook')} sent, {counts['accepted']} accepted.")


@contextmanager
def _served(simulation: Simulation, name: str, key: str, port: int) -> Iterator[str]:
    try:
        from simulator.http import create_app
        from simulator.pages import Desk, pages
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "reportlab":
            raise
        raise Problem("invoice PDFs need reportlab; run: pip install 'quittance[simulator]'") from missing
    from simulator.server import serving

    app = create_app(simulation.site, site_name=name, api_key=key)
    app.register_blueprint(pages(Desk(simulation)))
    try:
        with serving(app, port) as url:
            yield url
    except OSError as taken:
        raise Problem(f"port {port} cannot be listened on ({taken.strerror}); choose another with --port") from taken


def _until_told_to_end() -> None:
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    sys.stdout.flush()
    told.wait()


def _api_key() -> tuple[str, str]:
    """The key, and what to say of it: one that the environment gives is not repeated."""
    given = read_texts(*API_KEYS)
    for setting in API_KEYS:
        if setting in given:
            return given[setting], f"the one in {setting}"
    made = f"test_{secrets.token_urlsafe(18)}"
    return made, f"{made} (made for this run)"


# ---- story -----------------------------------------------------------------------------------------------------------


@command.command("story")
@click.argument("name", type=click.Choice(list(story.STORIES)), metavar="NAME")
@webhooks(required=True)
@target_is_mine
@seeded
@with_chaos
@click.option(
    "--pause", type=click.FloatRange(min=0), default=0.0, show_default=True, metavar="N", help="Seconds between steps."
)
@as_json
def story_(
    name: str,
    urls: tuple[str, ...],
    target_is_mine: bool,
    seed: int,
    chaos: Chaos,
    pause: float,
    as_json: bool,
) -> None:
    """Live a story (year or card) and send its events, step by step.

    The receiver's own clock is not moved: to it, all of this has been long ago.
    """
    steps = []
    endpoints = _endpoints(urls, target_is_mine)
    with Simulation(story.a_site(seed), endpoints, replace(chaos, seed=seed)) as simulation:
        for number, step in enumerate(story.STORIES[name].steps, start=1):
            if number > 1:
                time.sleep(pause)
            told = _live(simulation, step)
            steps.append(told)
            if not as_json:
                say(f"{number:>2}. {step.at:%Y-%m-%d}  {step.title}.")
                say(f"    {counted(told['events'], 'event')}; {told['accepted']} of {told['sent']} sent were accepted")
        simulation.deliveries.send_rest()
        lost = simulation.deliveries.counts["failed"]
    if as_json:
        say_json({"story": name, "steps": steps, "lost": lost, "chaos": simulation.ledger.counts()})
    _complain_of_lost(lost)


def _live(simulation: Simulation, step: story.Step) -> dict[str, Any]:
    """One step, and what became of what it sent; the first failure of all ends the story."""
    events, before = len(simulation.site.events), simulation.deliveries.counts.copy()
    simulation.advance_to(step.at)
    step.act(simulation.site)
    simulation.send_due()
    counts = simulation.deliveries.counts - before
    if not simulation.deliveries.counts["accepted"] and (why := _first_fault(simulation)):
        raise Problem(f"the receiver took nothing: {why}; look whether it runs, and its password")
    return {
        "name": step.name,
        "title": step.title,
        "at": instant(step.at),
        "events": len(simulation.site.events) - events,
        "sent": counts["attempts"],
        "accepted": counts["accepted"],
    }


def _first_fault(simulation: Simulation) -> str | None:
    """Why the first attempt failed that nobody spoiled."""
    for event in simulation.site.events:
        for delivery in simulation.deliveries.of(event["id"]):
            for attempt in delivery.attempts:
                if not attempt.accepted and attempt.trick is None:
                    return attempt.answer.fault
    return None


# ---- load ------------------------------------------------------------------------------------------------------------


@command.command()
@click.option(
    "--customers",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    metavar="N",
    help="Customers to make.",
)
@click.option(
    "--events", type=click.IntRange(1, 10_000_000), default=2000, show_default=True, metavar="N", help="Events to send."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=200.0,
    show_default=True,
    metavar="N",
    help="At most, a second.",
)
@click.option("--connections", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N", help="At once.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Seconds before each round of retries at the end.",
)
@webhooks(required=True)
@target_is_mine
@seeded
@with_chaos
@as_json
def load(
    customers: int,
    events: int,
    rate: float,
    connections: int,
    patience: float,
    urls: tuple[str, ...],
    target_is_mine: bool,
    seed: int,
    chaos: Chaos,
    as_json: bool,
) -> None:
    """Make customers with a past, and send what happened to them.

    The same seed makes the same events: a receiver that has them takes them for duplicates.
    """
    endpoints = _endpoints(urls, target_is_mine)
    site = Site(seed=seed)
    with _progress("Living ", 100) as lived:
        populate(site, customers, events=events, progress=lambda part: lived.update(round(100 * part) - lived.pos))
    with (
        Simulation(site, endpoints, replace(chaos, seed=seed), connections=connections) as simulation,
        _progress("Sending", events) as sent,
    ):
        outcome = send(simulation, events, rate, patience, sent.update)
    if as_json:
        told = {"seed": seed, "customers": customers, **asdict(outcome), "rate": outcome.rate}
        say_json({**told, "dropped": simulation.ledger.dropped})
    else:
        _say_outcome(outcome)
    _complain_of_lost(outcome.lost)


def _progress(label: str, length: int) -> AbstractContextManager[Any]:
    """A bar for whoever watches; none where the output goes elsewhere."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def _say_outcome(outcome: Outcome) -> None:
    facts: dict[str, Any] = {
        "events": outcome.events,
        "sent": outcome.sent,
        "accepted": outcome.accepted,
        "refused": outcome.refused,
        "unanswered": outcome.unanswered,
        "retried": outcome.retried,
        "given up": outcome.lost,
        "a second": f"{outcome.rate:.0f}, for {outcome.seconds:.1f} s",
    }
    if outcome.p50 is not None and outcome.p99 is not None:
        facts["answers took"] = f"p50 {outcome.p50:.1f} ms, p99 {outcome.p99:.1f} ms"
    say_facts(facts)
    for title, found in (("Answers", outcome.answers), ("What chaos did", outcome.chaos)):
        if found:
            heading(title)
            say_facts(found)


def _complain_of_lost(lost: int) -> None:
    if lost:
        raise Problem(
            f"{counted(lost, 'event')} failed eight times and {'was' if lost == 1 else 'were'} given up; "
            "look at what the receiver answered, then send again"
        )


# ---- where it goes ---------------------------------------------------------------------------------------------------


def _endpoints(urls: tuple[str, ...], target_is_mine: bool) -> list[Endpoint]:
    """The webhooks of the site, all with one user and password. An address beyond this machine must be vouched for."""
    if not urls:
        return []
    if len(urls) > MOST_ENDPOINTS:
        raise click.UsageError(f"a site has {MOST_ENDPOINTS} webhooks at most, not {len(urls)}")
    for url in urls:
        _must_be_allowed(url, target_is_mine)
    given = read_texts(*CREDENTIALS)
    setting = next((name for name in CREDENTIALS if name in given), None)
    if setting is None:
        raise Problem(f"the receiver wants a user and a password: set {CREDENTIALS[0]} to user:password")
    user, password = credentials_in(setting, given[setting])[0]
    ids = ("whv2_quittance", *(f"whv2_{number}" for number in range(2, len(urls) + 1)))
    return [Endpoint(url, user, password, id) for url, id in zip(urls, ids, strict=False)]


def _must_be_allowed(url: str, target_is_mine: bool) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise click.UsageError(f"{url} is no address of a receiver; write http://127.0.0.1:8000/webhooks/chargebee")
    if "@" in parts.netloc:
        raise click.UsageError(f"a password has no place in an address; set {CREDENTIALS[0]} instead")
    if not target_is_mine and not _is_this_machine(parts.hostname or ""):
        raise click.UsageError(f"{parts.hostname} is not this machine; if it is yours, say so with --target-is-mine")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
