"""How the receiver answers while slow clients hold its connections, beside how it answers without them.

The slow ones send a byte at a time: in the headers, in a body without the password (`stranger`), in one with it, of
known length or in chunks, or nothing at all (`idle`). Beside them events are posted at a fixed rate, by post.c.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from bench import machine
from bench.figures import Noise, percentiles, ratios, spread, told
from bench.options import options_for
from bench.posting import post
from bench.receivers import Receiver, serving
from bench.results import Judged, Result, finish
from bench.stack import Stack, on_servers

_NOBODY = "Basic bm9ib2R5Om5vdGhpbmc="
_PAUSE = 0.1  # seconds between two bytes of a slow client
_CONNECTIONS = 4  # of those that are not slow
NONE = "none"


@dataclass(frozen=True)
class Sample:
    """Milliseconds from an event's instant to its answer; how long a slow client held its connection, in seconds."""

    p50: float
    p99: float
    held: list[float]
    noise: Noise


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("slow", __doc__)
    modes = list(_what_slow_ones_send(""))
    usual = ["headers", "idle", "stranger"]
    parser.add_argument("--slow", type=int, default=200, help="clients at once (%(default)s)")
    parser.add_argument("--mode", nargs="+", choices=modes, default=usual, help=f"({' '.join(usual)})")
    parser.add_argument("--rate", type=float, default=100, help="events a second beside them (%(default)s)")
    parser.add_argument("--seconds", type=float, default=6, help="of each sample (%(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    samples = on_servers(lambda stack: measure(stack, options))
    quick = [sample.p99 for sample in samples[NONE]]
    slow = {mode: [sample.p99 for sample in taken] for mode, taken in samples.items() if mode != NONE}
    result = Result(
        "slow",
        f"p99 of the receiver's answers while {options.slow} slow clients hold connections",
        "milliseconds",
        {NONE: quick} | {f"slow: {mode}": times for mode, times in slow.items()},
        [Judged(f"p99: {mode} / without them", ratios(times, quick), at_most=3) for mode, times in slow.items()],
    )
    return finish([result], options.chart)


def measure(stack: Stack, options: argparse.Namespace) -> dict[str, list[Sample]]:
    modes = [NONE, *options.mode]
    samples: dict[str, list[Sample]] = {mode: [] for mode in modes}
    print(
        f"{options.rate:g} events a second beside {options.slow} slow clients.\n\nslow in      p50 ms   p99 ms   held s"
    )
    with serving(stack, "quittance") as receiver:
        post(receiver.requests(200), receiver.port, stack.home, connections=_CONNECTIONS)
        for repetition in range(options.reps):
            for mode in modes if repetition % 2 == 0 else reversed(modes):
                sample = _sample(stack, receiver, mode, options)
                samples[mode].append(sample)
                held = f"{median(sample.held):8.1f}" if sample.held else ""
                print(f"{mode:10} {sample.p50:8.2f} {sample.p99:8.2f} {held}", flush=True)
    print("\nmedian [least - greatest]")
    for mode, taken in samples.items():
        print(f"{mode:10} p50 {spread([s.p50 for s in taken], 2)} ms, p99 {spread([s.p99 for s in taken], 2)} ms")
    print(told([sample.noise for taken in samples.values() for sample in taken]))
    return samples


def _sample(stack: Stack, receiver: Receiver, mode: str, options: argparse.Namespace) -> Sample:
    prepared = list(receiver.requests(max(1, round(options.rate * options.seconds))))
    before = machine.wait_for_quiet(options.patience)
    with _slow_clients(receiver, 0 if mode == NONE else options.slow, mode) as held, machine.measured() as cost:
        answers = post(prepared, receiver.port, stack.home, connections=_CONNECTIONS, rate=options.rate)
    p50, p99 = percentiles([(each.answered - each.due) / 1000 for each in answers])
    return Sample(p50, p99, held, Noise(before, cost.others))


# ---- those who are slow ----------------------------------------------------------------------------------------------


@contextmanager
def _slow_clients(receiver: Receiver, count: int, mode: str) -> Iterator[list[float]]:
    """So many hold connections until the block ends; how long each one was held, when the receiver ended it."""
    held: list[float] = []
    stop = threading.Event()
    first, then = _what_slow_ones_send(receiver.authorization).get(mode, (b"", b""))

    async def all_of_them() -> None:
        await asyncio.gather(*(_be_slow(receiver.port, first, then, stop, held) for _ in range(count)))

    def elsewhere() -> None:
        # On other machines, in truth: what they take of this one's processors must not be what is measured.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        asyncio.run(all_of_them())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    try:
        if count:
            stop.wait(1)  # until they are there
        yield held
    finally:
        stop.set()
        thread.join()


async def _be_slow(port: int, first: bytes, then: bytes, stop: threading.Event, held: list[float]) -> None:
    """Hold one connection; come back when it is closed."""
    clock = asyncio.get_running_loop().time
    while not stop.is_set():
        since = clock()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(first)
            bytes_left = iter(then)
            while not stop.is_set() and not reader.at_eof():
                if (byte := next(bytes_left, None)) is not None:
                    writer.write(bytes([byte]))
                    await writer.drain()
                await asyncio.sleep(_PAUSE)
            writer.close()
        except OSError:
            await asyncio.sleep(_PAUSE)
        if not stop.is_set():
            held.append(clock() - since)


def _what_slow_ones_send(authorization: str) -> dict[str, tuple[bytes, bytes]]:
    """At once, then a byte at a time."""
    return {
        "headers": (b"", _head(authorization, 3000)),
        "idle": (b"", b""),
        "stranger": (_head(_NOBODY, 3000), b"x" * 3000),
        "body": (_head(authorization, 3000), b"x" * 3000),
        "chunked": (_head(authorization, None), b"1\r\nx\r\n" * 600),
    }


def _head(authorization: str, length: int | None) -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        "POST /webhooks/chargebee HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: {authorization}\r\n{framing}\r\n\r\n"
    ).encode()
