"""How many events a second the receiver takes, beside a minimal durable receiver on the same servers, or a peer.

All are served by granian (2 workers, 4 threads each) and store in a PostgreSQL that forces to disk. They take turns,
under the same load from as many connections, and the ratio is taken within each repetition.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench import machine
from bench.figures import Noise, percentiles, ratios, spread, told
from bench.options import options_for
from bench.peers import Peer, djstripe
from bench.posting import post, seconds
from bench.receivers import Receiver, serving
from bench.results import Judged, Result, finish
from bench.stack import Stack, on_servers
from local.children import LocalError

_WARM = 500  # requests before a sample


@dataclass(frozen=True)
class Sample:
    """One side under load once."""

    rate: float  # requests a second
    p50: float  # milliseconds
    p99: float
    cpu: float  # milliseconds of the receiver's processes for one request
    postgres: float  # the same of PostgreSQL's
    noise: Noise


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("receive", __doc__)
    parser.add_argument("--peer", choices=("minimal", "djstripe"), default="minimal", help="(%(default)s)")
    parser.add_argument("--requests", type=int, default=6000, help="that we get in a sample (%(default)s)")
    parser.add_argument("--peer-requests", type=int, help="that the other gets (as many; dj-stripe a fifth)")
    parser.add_argument("--connections", type=int, default=16, help="kept open at once (%(default)s)")
    options = parser.parse_args(arguments)
    if options.peer_requests is None:
        options.peer_requests = options.requests // (5 if options.peer == "djstripe" else 1)
    return options


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    samples = on_servers(lambda stack: measure(stack, options))
    return finish([_result(samples, options.peer)], options.chart)


def measure(stack: Stack, options: argparse.Namespace) -> dict[str, list[Sample]]:
    sides = (options.peer, "quittance")
    print(
        f"{options.connections} connections, {options.reps} repetitions. Load: post.c.\n\n"
        "side         req/s   p50 ms   p99 ms   CPU ms/req: receiver   PostgreSQL   others before   others during"
    )
    samples: dict[str, list[Sample]] = {side: [] for side in sides}
    with ExitStack() as running_now:
        receivers: dict[str, Receiver | Peer] = {"quittance": running_now.enter_context(serving(stack, "quittance"))}
        if options.peer == "djstripe":
            receivers["djstripe"] = running_now.enter_context(djstripe(stack, store_only=True))
        else:
            receivers["minimal"] = running_now.enter_context(serving(stack, "minimal"))
        for repetition in range(options.reps):
            for side in sides if repetition % 2 == 0 else reversed(sides):
                sample = _sample(receivers[side], stack, side, options)
                samples[side].append(sample)
                print(
                    f"{side:9} {sample.rate:8.0f} {sample.p50:8.1f} {sample.p99:8.1f} "
                    f"{sample.cpu:22.3f} {sample.postgres:12.3f} "
                    f"{sample.noise.before:15.2f} {sample.noise.during:15.2f}",
                    flush=True,
                )
    _summarise(samples)
    return samples


def _summarise(samples: dict[str, list[Sample]]) -> None:
    print("\nmedian [least - greatest]")
    for side, taken in samples.items():
        print(
            f"{side:9} {spread([s.rate for s in taken])} req/s, p50 {spread([s.p50 for s in taken], 1)} ms, "
            f"p99 {spread([s.p99 for s in taken], 1)} ms, CPU {spread([s.cpu for s in taken], 3)} ms/req, "
            f"PostgreSQL's {spread([s.postgres for s in taken], 3)}"
        )
    print(told([s.noise for taken in samples.values() for s in taken]))


def _result(samples: dict[str, list[Sample]], peer: str) -> Result:
    ours, theirs = samples["quittance"], samples[peer]
    rates = ratios([s.rate for s in ours], [s.rate for s in theirs])
    if peer == "djstripe":
        name, other, wanted = "receive-djstripe", "dj-stripe that only stores", 5.0
    else:
        name, other, wanted = "receive", "a minimal one", 0.8
    return Result(
        name,
        f"Events that a receiver takes, beside {other}",
        "events a second",
        {side: [s.rate for s in taken] for side, taken in samples.items()},
        [
            Judged(f"requests: quittance / {peer}", rates, at_least=wanted),
            Judged(f"CPU a request: quittance / {peer}", ratios([s.cpu for s in ours], [s.cpu for s in theirs])),
        ],
    )


def _sample(receiver: Receiver | Peer, stack: Stack, side: str, options: argparse.Namespace) -> Sample:
    count = options.requests if side == "quittance" else options.peer_requests
    if isinstance(receiver, Receiver):
        receiver.empty()
    prepared = list(receiver.requests(_WARM + count))
    post(prepared[:_WARM], receiver.port, stack.home, connections=options.connections)
    before = machine.wait_for_quiet(options.patience)
    pids = receiver.pid, stack.postgres.pid
    used = [machine.cpu_seconds(pid) for pid in pids]
    with machine.measured() as cost:
        answers = post(prepared[_WARM:], receiver.port, stack.home, connections=options.connections)
    cpu, postgres = (1000 * (machine.cpu_seconds(pid) - then) / count for pid, then in zip(pids, used, strict=True))
    if isinstance(receiver, Receiver) and (stored := receiver.stored()) != _WARM + count:
        raise LocalError(f"{_WARM + count} events were answered with 200, {stored} are in {receiver.table}")
    p50, p99 = percentiles([(each.answered - each.sent) / 1000 for each in answers])
    return Sample(count / seconds(answers), p50, p99, cpu, postgres, Noise(before, cost.others))
