"""What years of history cost: the same questions on a database with little and on one with much.

What is asked all the time (which events to claim, is this event known, is anything due) and what a person asks (one
subscription with all around it, the cases to chase). Each is asked many times on both, by turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from bench import events, years
from bench.figures import spread
from bench.options import options_for
from bench.results import Judged, Result, finish
from bench.stack import Stack, on_servers
from models import Subscription
from models.session import engine_for, transaction
from tasks import clock, inbox
from tasks.world import Rules
from webhooks import body
from webhooks.receive import INSERT, row_of
from webhooks.store import Store
from worker.cli import followups
from worker.cli.shapes import Shapes
from worker.cli.show import Truth

_PENDING = 500
_SIZES = {
    "little": years.Size(events=10_000, subscriptions=2_000, cases=1_000),
    "much": years.Size(events=5_000_000, subscriptions=1_000_000, cases=500_000),
}
_RULES = Rules()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("growth", __doc__, reps=None)
    parser.add_argument("--times", type=int, default=25, help="that each question is asked (%(default)s)")
    parser.add_argument("--share", type=float, default=1.0, help="of the 5 million events and their like (%(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    found = on_servers(lambda stack: measure(stack, options))
    ratios = {name: [much / little] for name, (little, much) in found.items()}
    result = Result(
        "growth",
        "The same questions with years of history, beside little history",
        "times as long",
        ratios,
        [Judged(f"{name}: much / little", ratio, at_most=2) for name, ratio in ratios.items()],
    )
    return finish([result], options.chart)


def measure(stack: Stack, options: argparse.Namespace) -> dict[str, tuple[float, float]]:
    """Milliseconds for each question, on little and on much: medians."""
    sizes = _SIZES | {"much": _SIZES["much"].times(options.share)}
    found: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as open_now:
        sides: dict[str, dict[str, Callable[[], object]]] = {}
        for side, size in sizes.items():
            url = open_now.enter_context(stack.database())
            start = time.monotonic()
            years.fill(url, size)
            _await_work(url)
            print(f"{side}: {size}, filled in {time.monotonic() - start:.0f} s", flush=True)
            sides[side] = _questions(url, size, open_now)
        for turn in range(options.times + 3):
            for side, questions in sides.items():
                for name, ask in questions.items():
                    start = time.perf_counter()
                    ask()
                    if turn >= 3:  # the first ones warm
                        found.setdefault(name, {}).setdefault(side, []).append(1000 * (time.perf_counter() - start))
    return _summarised(found)


def _summarised(found: dict[str, dict[str, list[float]]]) -> dict[str, tuple[float, float]]:
    print("\nmilliseconds, median [least - greatest]; the ratio is that of the medians")
    print(f"{'question':20} {'little':22} {'much':22} much / little")
    summary = {}
    for name, times in found.items():
        little, much = median(times["little"]), median(times["much"])
        shown = [spread(times[side], 2) for side in _SIZES]
        print(f"{name:20} {shown[0]:22} {shown[1]:22} {much / little:.2f}")
        summary[name] = (little, much)
    return summary


def _await_work(database_url: str) -> None:
    """Events to apply, as there are at any time."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into inbox_events (id, raw, digest, customer_ids) select 'ev_new_' || n, '{}', n::text, "
            "array['cust_new_' || n] from generate_series(1, %s) as n",
            [_PENDING],
        )
        connection.execute("analyze inbox_events")


def _questions(url: str, size: years.Size, open_now: ExitStack) -> dict[str, Callable[[], object]]:
    engine = engine_for(url)
    open_now.callback(engine.dispose)
    store = Store(url)
    open_now.callback(store.close)
    known = _known()
    store.write(INSERT, known)
    return {
        "claim 50 events": lambda: _claim(engine),
        "a known event": lambda: store.write(INSERT, known),
        "sweep": lambda: clock.ring_what_is_due(engine, lambda _queue: None),
        "due cancellations": lambda: clock.carry_out_due_cancellations(engine, _RULES),
        "show subscription": lambda: _show(engine, f"sub_{size.subscriptions // 2}"),
        "follow-up list": lambda: _list_cases(engine),
    }


def _known() -> list[str | bytes | None]:
    event = events.a_card_payment()
    return row_of(body.read(event.raw), event.raw)


def _claim(engine: Engine) -> None:
    with Session(engine) as session:  # never committed: the next turn claims the same
        session.execute(inbox._FRESH, {"busy": [], "batch": inbox.BATCH}).all()


def _show(engine: Engine, id: str) -> None:
    with transaction(engine) as session:
        Truth(session, _shapes(session), session.get_one(Subscription, id)).document()


def _list_cases(engine: Engine) -> None:
    with transaction(engine) as session:
        shapes = _shapes(session)
        for row in session.scalars(followups.wanted(False, 51)):
            shapes.followup(row)


def _shapes(session: Session) -> Shapes:
    return Shapes("fr_CA", session.scalar(text("select current_date")))
