"""`./dev chaos --histories N`: very many customers' lives, each compared with the provider's end.

Two processes by default, each with a database of its own on a server of this run. A life that differs is tried alone:
the command that is printed replays the least that differs.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import structlog

from tests.crash.ground import databases
from tests.flow.lives import CROWD, Crowd, Ground

_EVERY = 10  # seconds between two lines about how far it is
_LONG = 900  # seconds for a crowd, however slow the machine
_ground: Ground


def main(options: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev chaos --histories", description=__doc__)
    parser.add_argument("histories", type=int, nargs="?", default=2000, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first; the others count on (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2, help="side by side (%(default)s)")
    chosen = parser.parse_args(options)
    end = chosen.seed + chosen.histories
    crowds = [range(first, min(first + CROWD, end)) for first in range(chosen.seed, end, CROWD)]
    start = time.monotonic()
    with databases(min(chosen.processes, len(crowds))) as urls:
        differing, counts = _tell(crowds, urls)
    seconds = time.monotonic() - start
    print(
        f"{counts['histories']} histories from seed {chosen.seed} on, in {seconds:.0f} s with {len(urls)} processes: "
        f"{counts['events']} events in {counts['deliveries']} deliveries, {counts['dropped']} never sent and "
        f"{counts['found']} found by reconciliation; {counts['called_for']} mails called for, {counts['sent']} sent. "
        f"{differing or 'None'} of the histories ended otherwise than at the provider."
    )
    return 1 if differing else 0


def _tell(crowds: Sequence[range], urls: Sequence[tuple[str, str]]) -> tuple[int, Counter[str]]:
    context = multiprocessing.get_context("spawn")
    free = context.Queue()
    for url in urls:
        free.put(url)
    differing, counts, told_at = 0, Counter[str](), time.monotonic()
    with context.Pool(len(urls), _begin, (free,)) as pool:
        for seeds, crowd, alone in pool.imap_unordered(_tell_one, crowds):
            counts.update(crowd.counts)
            differing += len(crowd.differing)
            for seed in crowd.differing:
                _explain(seed, seeds, crowd, alone)
            if time.monotonic() > told_at + _EVERY:
                told_at = time.monotonic()
                print(f"{counts['histories']} histories, {differing} differ", flush=True)
    return differing, counts


def _begin(free: multiprocessing.Queue[tuple[str, str]]) -> None:
    global _ground
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.ERROR)  # there is no broker, and what is parked is told with its reason
    gc.disable()  # a tenth of the time; `_tell_one` collects
    url, folder = free.get()
    _ground = Ground(url, Path(folder))


def _tell_one(seeds: range) -> tuple[range, Crowd, dict[int, list[str]]]:
    """One crowd, and again alone those of it that differ. One that comes to no end ends everything, and is named."""
    signal.signal(signal.SIGALRM, lambda *_: _give_up(seeds))
    signal.alarm(_LONG)
    crowd = _ground.tell(seeds)
    alone = {seed: _ground.tell([seed]).differing.get(seed, []) for seed in crowd.differing}
    gc.collect()
    signal.alarm(0)
    return seeds, crowd, alone


def _give_up(seeds: range) -> None:
    again = f"./dev chaos --histories {len(seeds)} --seed {seeds[0]}"
    print(f"\nA crowd has come to no end in {_LONG} s: {again}. Where it is:", flush=True)
    faulthandler.dump_traceback()
    os.kill(os.getppid(), signal.SIGTERM)


def _explain(seed: int, seeds: range, crowd: Crowd, alone: dict[int, list[str]]) -> None:
    count, first = (1, seed) if alone[seed] else (len(seeds), seeds[0])
    print(f"\nThe history of seed {seed} differs: ./dev chaos --histories {count} --seed {first}")
    for sentence in alone[seed] or crowd.differing[seed]:
        print(f"  {sentence[:1000]}", flush=True)
