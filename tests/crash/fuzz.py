"""`./dev chaos --fuzz N`: so many calls of nonsense to the receiver, and a hundredth as many connections to its server.

No answer may be 500 or more, nothing may hang, there is a row for each 200 and none without, and all that was stored
must end. What does not hold is printed with its seed: a round of 250 calls has one.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import structlog

from local.children import free_port
from tests.conftest import ROOT, eventually
from tests.crash.ground import databases
from tests.webhooks.calls import CREDENTIALS, Call, over_a_socket
from tests.webhooks.onslaught import ROUND, Broken, Onslaught
from tests.webhooks.wire import assail

MOST = 300  # seconds for a round, or for a connection: nothing takes a tenth of it

_onslaught: Onslaught


class Hung(BaseException):
    """Something took so long that it will never end. No call may catch it."""


def main(options: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev chaos --fuzz", description=__doc__)
    parser.add_argument("calls", type=int, nargs="?", default=5000, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the others count on (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2, help="side by side (%(default)s)")
    chosen = parser.parse_args(options)
    seeds = range(chosen.seed, chosen.seed + math.ceil(chosen.calls / ROUND))
    start = time.monotonic()
    with databases(chosen.processes + 1) as (wire, *others):
        broken, told = _rounds(seeds, others)
        print(f"{len(seeds) * ROUND} calls, answered with or ended as: {_shown(told)}.", flush=True)
        count = math.ceil(chosen.calls / 100)
        broken += _connections(range(chosen.seed, chosen.seed + count), *wire)
    seconds = time.monotonic() - start
    print(f"{broken or 'Nothing'} went wrong, from seed {chosen.seed} on, in {seconds:.0f} s.")
    return 1 if broken else 0


def _rounds(seeds: range, urls: Sequence[tuple[str, str]]) -> tuple[int, Counter[str]]:
    context = multiprocessing.get_context("spawn")
    free = context.Queue()
    for url in urls:
        free.put(url)
    broken, told, left = 0, Counter[str](), set(seeds)
    with context.Pool(len(urls), _begin, (free,)) as pool:
        rounds = pool.imap_unordered(_round, seeds)
        while left:
            try:
                seed, found = rounds.next(MOST + 60)
            except multiprocessing.TimeoutError:  # so hung that its process is gone, and nobody says which it was
                seed, found = min(left), f"one of the first {len(urls)} of these seeds never ended: {sorted(left)}"
                left.clear()
            left.discard(seed)
            if isinstance(found, str):
                broken += 1
                print(f"\n./dev chaos --fuzz {ROUND} --seed {seed}\n  {found[:4000]}", flush=True)
            else:
                told.update(found)
    return broken, told


def _begin(free: multiprocessing.Queue[tuple[str, str]]) -> None:
    global _onslaught
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.ERROR)  # refusals are what is asked for
    url, folder = free.get()
    _onslaught = Onslaught(url, Path(folder))


def _round(seed: int) -> tuple[int, Counter[str] | str]:
    try:
        with _bounded(MOST):
            return seed, _onslaught.round(seed)
    except (Broken, Hung) as broken:
        return seed, str(broken)


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raise Hung in the midst of what does not end in time; where even that is not heard, end this process."""

    def ring(*_: object) -> None:
        raise Hung(f"no end after {seconds:g} s, in the midst of:\n{''.join(traceback.format_stack()[-12:-1])}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + 30, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _connections(seeds: range, db_url: str, folder: str) -> int:
    """Connections of nonsense to the server that production runs; how many went wrong."""
    broken, told = 0, Counter[str]()
    with _receiver(db_url, Path(folder)) as port:
        for seed in seeds:
            try:
                with _bounded(MOST):
                    told.update(assail(port, random.Random(f"{seed} connection")))
            except (AssertionError, TimeoutError, Hung) as wrong:
                broken += 1
                print(f"\n./dev chaos --fuzz 1 --seed {seed}\n  {str(wrong)[:4000]}", flush=True)
        alive = over_a_socket(port, Call(b"", "GET", "/healthz"))
    with psycopg.connect(db_url) as connection:
        ((rows,),) = connection.execute("select count(*) from inbox_events").fetchall()
    print(f"{len(seeds)} connections, answered with: {_shown(told)}; {rows} events are stored.")
    if alive is None or alive.status != 200 or rows < told["stored"]:
        broken += 1
        print("  The server is not well, or has lost what it acknowledged.")
    return broken


@contextmanager
def _receiver(db_url: str, folder: Path) -> Iterator[int]:
    port = free_port()
    environ = {"DATABASE_URL": db_url, "BROKER_URL": "redis://127.0.0.1:1/0", "WEBHOOK_CREDENTIALS": CREDENTIALS}
    command = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", "4", "webhooks.wsgi:app"]
    with open(folder / "receiver.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=os.environ | environ, stdout=log, stderr=log
        )
    try:
        eventually(lambda: _serves(port))
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _serves(port: int) -> bool:
    try:
        return over_a_socket(port, Call(b"", "GET", "/healthz")) is not None
    except OSError:
        return False


def _shown(told: Counter[str]) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(told.items()))
