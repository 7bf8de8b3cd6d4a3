"""How long a burst takes, from the first request until everything is applied: ours beside a peer that applies inline.

Ours is the whole of it: receiver, doorbell, broker, a worker of two processes. What is posted is either what the peer
gets, one changed customer an event, or with --mixed the events of whole histories, each with several objects.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from bench import events, machine, peers
from bench.figures import Noise, ratios, spread, told
from bench.options import options_for
from bench.posting import post, request, seconds
from bench.receivers import authorization_of, listening
from bench.results import Judged, Result, finish
from bench.stack import Stack, on_servers
from local.children import LocalError, wait_until

_LONGEST = 900  # seconds
_WARM = 200  # events before anything is measured


@dataclass(frozen=True)
class Sample:
    answered: float  # events a second, until the last was answered
    applied: float  # events a second, until the last was applied
    noise: Noise


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("burst", __doc__)
    parser.add_argument("--peer", choices=("djstripe", "sync", "none"), default="djstripe", help="(%(default)s)")
    parser.add_argument("--events", type=int, default=20_000, help="that we get (%(default)s)")
    parser.add_argument("--peer-events", type=int, default=2_000, help="that the peer gets (%(default)s)")
    parser.add_argument("--mixed", action="store_true", help="ours are of whole histories")
    parser.add_argument("--connections", type=int, default=16, help="kept open at once (%(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    samples = on_servers(lambda stack: measure(stack, options))
    return finish([_result(samples, options.peer)], options.chart)


def measure(stack: Stack, options: argparse.Namespace) -> dict[str, list[Sample]]:
    sides = ("quittance",) if options.peer == "none" else (options.peer, "quittance")
    print("side        answered/s   applied/s   others before   others during")
    samples: dict[str, list[Sample]] = {side: [] for side in sides}
    for repetition in range(options.reps):
        for side in sides if repetition % 2 == 0 else reversed(sides):
            sample = (_ours if side == "quittance" else _peers)(stack, options)
            samples[side].append(sample)
            print(
                f"{side:9} {sample.answered:12.0f} {sample.applied:11.0f} "
                f"{sample.noise.before:15.2f} {sample.noise.during:15.2f}",
                flush=True,
            )
    print("\nmedian [least - greatest]")
    for side in sides:
        print(f"{side:9} {spread([s.applied for s in samples[side]])} events/s until all are applied")
    print(told([s.noise for side in sides for s in samples[side]]))
    return samples


def _result(samples: dict[str, list[Sample]], peer: str) -> Result:
    rates = {side: [s.applied for s in taken] for side, taken in samples.items()}
    judged = [Judged("events a second until all are applied", rates["quittance"], digits=0)]
    if peer in rates:
        found = ratios(rates["quittance"], rates[peer])
        judged = [Judged(f"events: quittance / {peer}", found, at_least=8 if peer == "djstripe" else 0.8)]
    name = "burst" if peer == "none" else f"burst-{peer}"
    return Result(name, "A burst over HTTP, until all of it is applied", "events a second", rates, judged)


def _peers(stack: Stack, options: argparse.Namespace) -> Sample:
    way = peers.djstripe(stack, store_only=False) if options.peer == "djstripe" else peers.sync_engine(stack)
    with way as peer:
        post(peer.requests(_WARM), peer.port, stack.home, connections=options.connections)
        before = machine.wait_for_quiet(options.patience)
        with machine.measured() as cost:
            answers = post(peer.requests(options.peer_events), peer.port, stack.home, connections=options.connections)
    rate = len(answers) / seconds(answers)
    return Sample(rate, rate, Noise(before, cost.others))


def _ours(stack: Stack, options: argparse.Namespace) -> Sample:
    with processing(stack) as system:
        bodies = _bodies(options.events + _WARM, options.mixed)
        prepared = [system.request(body) for body in bodies]
        post(prepared[:_WARM], system.port, stack.home, connections=options.connections)
        system.wait_until_applied()
        before = machine.wait_for_quiet(options.patience)
        with machine.measured() as cost:
            answers = post(prepared[_WARM:], system.port, stack.home, connections=options.connections)
            end = system.wait_until_applied()
    first = min(each.sent for each in answers) / 1e6
    return Sample(len(answers) / seconds(answers), len(answers) / (end - first), Noise(before, cost.others))


def _bodies(count: int, mixed: bool) -> list[bytes]:
    if mixed:
        return [each.raw for each in events.many(count)]
    return list(events.changed_customers(count, customers=200))


# ---- our system, whole -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class System:
    """Receiver and worker, which run: where the one listens, and the ids of their main processes."""

    port: int
    receiver: int
    worker: int
    authorization: str
    database_url: str

    def request(self, body: bytes) -> bytes:
        return request("/webhooks/chargebee", {"Authorization": self.authorization}, body)

    def wait_until_applied(self) -> float:
        """When nothing was pending any more, in seconds since 1970."""
        pending = "select exists (select from inbox_events where status = 'pending')"
        last = "select coalesce(max(pg_xact_commit_timestamp(xmin)), now()) from inbox_events"
        with psycopg.connect(self.database_url, autocommit=True) as connection:

            def all_applied() -> bool:
                row = connection.execute(pending).fetchone()
                return row is not None and not row[0]

            if not wait_until(all_applied, _LONGEST, every=0.05):
                raise LocalError(f"events are still pending after {_LONGEST} seconds")
            row = connection.execute(last).fetchone()
        assert row
        return float(row[0].timestamp())


@contextmanager
def processing(stack: Stack, *, processes: int = 2) -> Iterator[System]:
    """The receiver, and a worker with so many processes, on a database and a broker of their own."""
    log = stack.home / "worker.log"
    worker = f"celery -A worker.app worker -Q events -c {processes} -n bench@%h -l INFO"
    worker += " --without-mingle --without-gossip --without-heartbeat"
    with stack.database() as database_url:
        environment = stack.environment(database_url)
        ready = stack.process(
            *worker.split(), environment=environment, answers=lambda: b" ready." in log.read_bytes(), name="worker"
        )
        with listening(stack, "webhooks.wsgi:app", environment) as (port, receiver), ready as working:
            yield System(port, receiver, working.pid, authorization_of(environment), database_url)
