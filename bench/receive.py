"""How many events a second the receiver takes, beside a minimal durable receiver on the same servers.

Both are served by granian (2 workers, 4 threads each) and store in a PostgreSQL that forces to disk. They take turns,
under the same load from as many connections, and the ratio is taken within each repetition.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier

from bench import machine
from bench.events import a_card_payment
from bench.figures import Noise, ratios, spread, told
from bench.load import Answers, Load, best_client
from bench.stack import Stack, running
from local.children import LocalError, free_port

SIDES = ("minimal", "quittance")
_APPS = {"minimal": "bench.minimal:app", "quittance": "webhooks.wsgi:app"}
_TABLES = {"minimal": "minimal_events", "quittance": "inbox_events"}
_MINIMAL = "create table minimal_events (seq bigint generated always as identity primary key, raw bytea not null)"


@dataclass(frozen=True)
class Sample:
    """One side under load once."""

    answers: Answers
    cpu: float  # milliseconds of the receiver's processes for one request
    postgres: float  # the same of PostgreSQL's
    noise: Noise

    @property
    def rate(self) -> float:
        return self.answers.fine / self.answers.seconds


@dataclass(frozen=True)
class Receiver:
    """One side, which runs: where it listens, its main process, and what it writes."""

    port: int
    pid: int
    database_url: str
    table: str

    def stored(self) -> int:
        with psycopg.connect(self.database_url) as connection:
            ((count,),) = connection.execute(SQL("select count(*) from {}").format(Identifier(self.table))).fetchall()
        return int(count)

    def empty(self) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(SQL("truncate {}").format(Identifier(self.table)))
            connection.execute("checkpoint")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench receive", description=__doc__)
    parser.add_argument("--reps", type=int, default=5, help="repetitions of both sides (%(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="of load for each sample (%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="kept open at once (%(default)s)")
    parser.add_argument("--patience", type=float, default=10, help="seconds to wait for a quiet machine (%(default)s)")
    parser.add_argument("--client", choices=("c", "python"), default=best_client(), help="here: %(default)s")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    machine.require_linux()
    with running() as stack:
        print(f"On {machine.described(stack.version)}.")
        measure(stack, options)


def measure(stack: Stack, options: argparse.Namespace) -> dict[str, list[Sample]]:
    event, password = a_card_payment(), secrets.token_urlsafe(24)
    authorization = "Basic " + base64.b64encode(f"chargebee:{password}".encode()).decode()
    load = Load(event.raw, event.id, authorization, options.connections)
    print(
        f"Load: {options.client}, {options.connections} connections, {options.seconds:g} s a sample, "
        f"{options.reps} repetitions; a payment_succeeded of {len(event.raw)} bytes, each under its own id.\n"
    )
    print("side         req/s   p50 ms   p99 ms   CPU ms/req: receiver   PostgreSQL   others before   others during")
    samples: dict[str, list[Sample]] = {side: [] for side in SIDES}
    with ExitStack() as running_now:
        receivers = {side: running_now.enter_context(_serving(stack, side, password, load)) for side in SIDES}
        for repetition in range(options.reps):
            for side in SIDES if repetition % 2 == 0 else reversed(SIDES):
                sample = _sample(receivers[side], stack, load, options)
                samples[side].append(sample)
                print(
                    f"{side:9} {sample.rate:8.0f} {sample.answers.p50:8.1f} {sample.answers.p99:8.1f} "
                    f"{sample.cpu:22.3f} {sample.postgres:12.3f} "
                    f"{sample.noise.before:15.2f} {sample.noise.during:15.2f}",
                    flush=True,
                )
    _summarise(samples)
    return samples


def _summarise(samples: dict[str, list[Sample]]) -> None:
    print("\nmedian [least - greatest]")
    for side in SIDES:
        print(
            f"{side:9} {spread([s.rate for s in samples[side]])} req/s, "
            f"p50 {spread([s.answers.p50 for s in samples[side]], 1)} ms, "
            f"p99 {spread([s.answers.p99 for s in samples[side]], 1)} ms, "
            f"CPU {spread([s.cpu for s in samples[side]], 3)} ms/req, "
            f"PostgreSQL's {spread([s.postgres for s in samples[side]], 3)}"
        )
    ours, theirs = samples["quittance"], samples["minimal"]
    rates = ratios([s.rate for s in ours], [s.rate for s in theirs])
    print(f"requests: quittance / minimal = {spread(rates, 2)}  ({', '.join(f'{each:.2f}' for each in rates)})")
    print(f"CPU:      quittance / minimal = {spread(ratios([s.cpu for s in ours], [s.cpu for s in theirs]), 2)}")
    print(told([s.noise for side in SIDES for s in samples[side]]))


def _sample(receiver: Receiver, stack: Stack, load: Load, options: argparse.Namespace) -> Sample:
    receiver.empty()
    warm = load.run(receiver.port, 1, stack.home, options.client)
    before = machine.wait_for_quiet(options.patience)
    pids = receiver.pid, stack.postgres.pid
    used = [machine.cpu_seconds(pid) for pid in pids]
    with machine.measured() as cost:
        answers = load.run(receiver.port, options.seconds, stack.home, options.client)
    ours, postgres = (machine.cpu_seconds(pid) - then for pid, then in zip(pids, used, strict=True))
    if answers.failed or answers.unavailable or not answers.fine:
        raise LocalError(f"{answers.failed} requests failed, {answers.fine} did not; look at the log of the receiver")
    stored = receiver.stored()
    if stored < warm.fine + answers.fine:
        raise LocalError(f"{warm.fine + answers.fine} events were answered with 200, {stored} are in {receiver.table}")
    noise = Noise(before, cost.others)
    return Sample(answers, 1000 * ours / answers.fine, 1000 * postgres / answers.fine, noise)


@contextmanager
def _serving(stack: Stack, side: str, password: str, load: Load) -> Iterator[Receiver]:
    port = free_port()
    with stack.database() as database_url:
        if side == "minimal":
            with psycopg.connect(database_url) as connection:
                connection.execute(_MINIMAL)
            environment = {"AUTHORIZATION": load.authorization}
        else:
            environment = {
                "QUITTANCE_ENV": "production",
                "BROKER_URL": stack.valkey.url(),
                "WEBHOOK_CREDENTIALS": f"chargebee:{password}",
                "SECRET_KEY": secrets.token_urlsafe(48),
                "PUBLIC_URL": "https://quittance.example",
            }
        granian = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
        arguments = [*granian, "--workers", "2", "--blocking-threads", "4", _APPS[side]]
        environment |= {"DATABASE_URL": database_url}
        with stack.process(*arguments, environment=environment, answers=lambda: _listens(port)) as server:
            yield Receiver(port, server.pid, database_url, _TABLES[side])


def _listens(port: int) -> bool:
    """Whether a web server answers there, whatever it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except OSError:
        return False
    finally:
        connection.close()
