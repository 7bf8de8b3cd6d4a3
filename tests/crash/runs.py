"""`./dev chaos --runs 100` or `--hours 2`: one convergence run after another, a line each, and what they came to."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.crash.convergence import Order, Outcome, run
from tests.crash.runner import ROOT

KEPT = ROOT / ".cache" / "chaos"  # where the folders of runs that failed stay
USUAL = Order(seed=0)


def main(arguments: Sequence[str]) -> int:
    """Do the runs that are asked for; 1 where one of them failed."""
    asked = _asked(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it wants the summary, and nothing left
    outcomes: list[Outcome] = []
    try:
        for order in _orders(asked):
            outcomes.append(run(order, folder_of(order)))
            print(line_of(outcomes[-1]), flush=True)
            if outcomes[-1].differences:
                print(complaint(outcomes[-1], folder_of(order)), file=sys.stderr, flush=True)
            else:
                shutil.rmtree(folder_of(order))
    finally:
        print(summary(outcomes), flush=True)
    return 1 if any(outcome.differences for outcome in outcomes) else 0


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__)
    parser.add_argument("--runs", type=int, metavar="N", help="so many runs (1, where no hours are given)")
    parser.add_argument("--hours", type=float, metavar="H", help="as many runs as begin within so many hours")
    parser.add_argument("--seed", type=int, metavar="S", help="the first run's seed; the next has the next (any)")
    parser.add_argument("--subscriptions", type=int, default=USUAL.subscriptions, metavar="N")
    parser.add_argument("--kills", type=int, default=USUAL.kills, metavar="N", help="of a run, at least")
    return parser.parse_args(arguments)


def _orders(asked: argparse.Namespace) -> Iterator[Order]:
    """The runs that are asked for, as long as there is time."""
    seed = random.randrange(1, 1_000_000) if asked.seed is None else asked.seed
    runs = asked.runs or (1 if asked.hours is None else sys.maxsize)
    end = time.monotonic() + (asked.hours or float("inf")) * 3600
    for number in range(runs):
        if time.monotonic() < end:
            yield Order(seed + number, asked.subscriptions, asked.kills)


def folder_of(order: Order) -> Path:
    """Where a run leaves what it leaves."""
    return KEPT / f"{order.seed}-{order.subscriptions}-{order.kills}"


def line_of(outcome: Outcome) -> str:
    """A run in one line."""
    sent = outcome.deliveries
    blows = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.blows.items()))
    return (
        f"seed {outcome.order.seed}: {'FAILED' if outcome.differences else 'ok'} in {outcome.seconds:.0f} s;"
        f" {outcome.blows.total()} blows ({blows}); {outcome.events} events, {outcome.dropped} dropped,"
        f" {sent['attempts']} deliveries ({sent['accepted']} accepted, {sent['failed']} events given up);"
        f" {outcome.found} found by reconciling, {outcome.died_with} in whose midst a process died;"
        f" {outcome.mails} mails, {outcome.held} held, {outcome.words} calls to the product"
    )


def complaint(outcome: Outcome, folder: Path, most: int = 40) -> str:
    """What differs in a run that failed, and how to have it again."""
    found = outcome.differences
    more = [f".. and {len(found) - most} more"] if len(found) > most else []
    lines = [*found[:most], *more, f"logs and rows: {folder}", f"again: {outcome.order}"]
    return "\n".join(f"    {line}" for line in lines)


def summary(outcomes: Sequence[Outcome]) -> str:
    """All runs in a few lines."""
    blows = sum((outcome.blows for outcome in outcomes), Counter[str]())
    sent = sum((outcome.deliveries for outcome in outcomes), Counter[str]())
    findings = sum((Counter(outcome.findings) for outcome in outcomes), Counter[str]())
    failed = [outcome.order.seed for outcome in outcomes if outcome.differences]
    totals = {
        "runs": len(outcomes),
        "failed": f"{len(failed)} (seeds {', '.join(map(str, failed))})" if failed else 0,
        "seeds": f"{outcomes[0].order.seed} to {outcomes[-1].order.seed}" if outcomes else "none",
        "hours": round(sum(outcome.seconds for outcome in outcomes) / 3600, 2),
        "kills": sum(outcome.kills for outcome in outcomes),
        "blows by kind": ", ".join(f"{kind} {count:,}" for kind, count in sorted(blows.items())),
        "events": sum(outcome.events for outcome in outcomes),
        "events never sent": sum(outcome.dropped for outcome in outcomes),
        "events that the site gave up": sent["failed"],
        "deliveries": sent["attempts"],
        "acknowledged": sent["accepted"],
        "events acknowledged once, and never sent again": sum(outcome.once for outcome in outcomes),
        "events found by reconciling": sum(outcome.found for outcome in outcomes),
        "events in whose midst a process died": sum(outcome.died_with for outcome in outcomes),
        "mails accepted by the mail server": sum(outcome.mails for outcome in outcomes),
        "mails accepted twice": sum(outcome.twice for outcome in outcomes),
        "mails held for a person": sum(outcome.held for outcome in outcomes),
        "calls to the product": sum(outcome.words for outcome in outcomes),
        "findings": ", ".join(f"{kind} {count:,}" for kind, count in sorted(findings.items())) or "none",
    }
    return "\n".join(
        f"| {name} | {value:,} |" if isinstance(value, int) else f"| {name} | {value} |"
        for name, value in totals.items()
    )
