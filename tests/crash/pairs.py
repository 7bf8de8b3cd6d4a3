"""`./dev chaos --pairs`: a process dies at one point, and the next one at another, while it makes the first good.

All pairs that can happen are tried: the second point is one that a process comes to after a death at the first, in the
same chapter of the tale. Where a point is come to more than once, the seed chooses which time is the last.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from local.valkey import Valkey
from tests.crash.ends import Life, amiss
from tests.crash.ground import databases
from tests.crash.outside import Death, Outside
from tests.crash.scene import Chapter
from tests.crash.tale import TALE
from tests.databases import House

LIST = Path(__file__).with_name("points.txt")
_EVERY = 30  # seconds between two lines about how far it is
_CHAPTERS = {chapter.name: chapter for chapter in TALE}
_outside: Outside
_whole: dict[str, Life] = {}


@dataclass
class Told:
    """What came of a first death and of all the second ones after it."""

    lives: int = 0
    pairs: int = 0
    wrong: dict[str, list[str]] = field(default_factory=dict)  # by what replays it


def main(options: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev chaos --pairs", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="chooses among the times at a point (%(default)s)")
    parser.add_argument("--only", metavar="'CHAPTER; POINT #N; POINT #N'", help="one death, or two; as it was printed")
    parser.add_argument("--chapter", choices=_CHAPTERS, help="those of this chapter")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth pair (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2, help="side by side (%(default)s)")
    parser.add_argument("--list", action="store_true", help="only write the list of points anew, without a death")
    chosen = parser.parse_args(options)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as home, databases(1 if chosen.only else chosen.processes) as grounds:
        valkey = Valkey(Path(home) / "valkey", durable=False).start()
        try:
            total = _tell(chosen, [(url, valkey.url(), folder) for url, folder in grounds])
        finally:
            valkey.stop()
    if chosen.list:
        print(f"The points are listed in {LIST}.")
        return 0
    print(
        f"{total.lives} lives in {time.monotonic() - start:.0f} s with {len(grounds)} processes, seed {chosen.seed}: "
        f"{total.pairs} pairs of points, {len(total.wrong) or 'none'} otherwise at the end than without a death."
    )
    return 1 if total.wrong else 0


def _tell(chosen: argparse.Namespace, grounds: Sequence[tuple[str, str, str]]) -> Told:
    context = multiprocessing.get_context("spawn")
    free = context.Queue()
    for ground in grounds:
        free.put(ground)
    names = [chosen.chapter] if chosen.chapter else list(_CHAPTERS)
    total, told_at = Told(), time.monotonic()
    with context.Pool(len(grounds), _begin, (free,)) as pool:
        if chosen.only:
            return _added(total, pool.apply(_one, (chosen.only,)))
        points = dict(zip(names, pool.map(_points_of, names), strict=True))
        if chosen.list:
            _write_list(points)
            return total
        firsts = [(name, point, chosen.seed, chosen.every) for name in names for point in points[name]]
        random.Random(chosen.seed).shuffle(firsts)  # so that a part of them, too, is of every chapter
        for told in pool.imap_unordered(_all_after, firsts):
            _added(total, told)
            if time.monotonic() > told_at + _EVERY:
                told_at = time.monotonic()
                print(f"{total.lives} lives, {total.pairs} pairs, {len(total.wrong)} otherwise", flush=True)
    return total


def _added(total: Told, told: Told) -> Told:
    total.lives += told.lives
    total.pairs += told.pairs
    total.wrong |= told.wrong
    for which, sentences in told.wrong.items():
        print(f"\nOtherwise: ./dev chaos --pairs --only '{which}'", *sentences[:20], sep="\n  ", flush=True)
    return total


def _write_list(points: Mapping[str, Sequence[str]]) -> None:
    """points.txt: each point in the chapter that comes to it first."""
    known = set[str]()
    with LIST.open("w") as file:
        for name, listed in points.items():
            file.writelines(f"{name} | {point}\n" for point in listed if point not in known)
            known.update(listed)


# ---- in one of the processes -----------------------------------------------------------------------------------------


def _begin(free: multiprocessing.Queue[tuple[str, str, str]]) -> None:
    global _outside
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    url, broker_url, folder = free.get()
    _outside = Outside(House(url), broker_url, Path(folder))


def _points_of(name: str) -> list[str]:
    return list(dict.fromkeys(_life_of(_CHAPTERS[name]).reached[0]))


def _one(said: str) -> Told:
    """What was printed, once more."""
    name, *points = said.split("; ")
    deaths = [(point, int(times)) for point, _, times in (each.rpartition(" #") for each in points)]
    return _told(_CHAPTERS[name], deaths)[0]


def _all_after(work: tuple[str, str, int, int]) -> Told:
    """A death at a point, and then with each of those that may come second."""
    name, first, seed, every = work
    chapter = _CHAPTERS[name]
    total, alone = _told(chapter, [(first, 1)])
    for second, deaths in _pairs(chapter, first, alone, seed):
        if every > 1 and random.Random(f"{seed} {name} {first} {second} every").randrange(every):
            continue
        told, _ = _told(chapter, deaths)
        total.lives += told.lives
        total.pairs += told.pairs
        total.wrong |= told.wrong
    return total


def _pairs(chapter: Chapter, first: str, alone: Life, seed: int) -> Iterator[tuple[str, list[Death]]]:
    """The points that may come second, and which times of both are the last. Each pair is for one chapter only."""
    earlier = TALE[: TALE.index(chapter)]
    for second in dict.fromkeys([*_life_of(chapter).reached[0], *alone.reached[-1]]):
        if any(_orders(_life_of(other), first, second) for other in earlier):
            continue
        orders = _orders(_life_of(chapter), first, second)
        if orders or second in alone.reached[-1]:
            n, m = random.Random(f"{seed} {chapter.name} {first} {second}").choice(orders or [(1, 1)])
            yield second, [(first, n), (second, m)]


def _orders(life: Life, first: str, second: str) -> list[tuple[int, int]]:
    """In which ways the second point follows the first: the how-manyeth of the one, and of the other after it.

    Whoever dies at the first does again what was asked last, so the points since then come again.
    """
    come = life.reached[0]
    firsts, seconds = ([at for at, point in enumerate(come) if point == wanted] for wanted in (first, second))
    found = []
    for n, at in enumerate(firsts, 1):
        asked = max(begun for begun in life.asked if begun <= at)
        found += [(n, m) for m in range(1, sum(each >= asked for each in seconds) + 1)]
    return found


def _told(chapter: Chapter, deaths: Sequence[Death]) -> tuple[Told, Life]:
    which = "; ".join([chapter.name, *(f"{point} #{times}" for point, times in deaths)])
    told = Told(lives=1)
    try:
        life = _outside.live(chapter, *deaths)
        wrong = amiss(_life_of(chapter), life)
    except Exception as surprise:  # the life ends, the others go on
        life, wrong = _outside.life, [f"{type(surprise).__name__}: {surprise}"]
    told.pairs = int(len(life.died_at) == 2)
    if wrong:
        told.wrong[which] = wrong
    return told, life


def _life_of(chapter: Chapter) -> Life:
    """The chapter without a death."""
    if chapter.name not in _whole:
        _whole[chapter.name] = _outside.live(chapter)
    return _whole[chapter.name]
