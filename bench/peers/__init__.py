"""Peers that are measured beside us: what they are installed from, and how they serve.

They live in .cache/bench, in environments of their own, pinned here; the first run installs them. Both speak of Stripe,
for nobody else does this with Chargebee: a `customer.updated` as long as Chargebee's, signed as Stripe signs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.peers import stripe_objects
from bench.posting import request
from bench.stack import ROOT, Stack, listens
from local.children import LocalError, free_port

HERE = Path(__file__).resolve().parent
_HOMES = ROOT / ".cache" / "bench"
_DJSTRIPE = ("dj-stripe==2.11.0", "Django==5.2.19", "psycopg[binary]==3.3.9", "granian==2.8.7")
_SYNC = ("@supabase/stripe-sync-engine@0.48.5", "pg@8.23.1", "stripe@23.1.0")


@dataclass(frozen=True)
class Peer:
    """One that serves: where its hook is, and its main process."""

    name: str
    port: int
    path: str
    pid: int

    def requests(self, count: int) -> Iterator[bytes]:
        """So many `customer.updated`, as they go over the wire."""
        for body, signature in stripe_objects.updates(count):
            yield request(self.path, {"Stripe-Signature": signature}, body)


@contextmanager
def djstripe(stack: Stack, *, store_only: bool) -> Iterator[Peer]:
    """dj-stripe on granian with as many processes and threads as our receiver, and a Stripe that answers at once.

    `store_only`: a row for the call, as where a user hands over to a queue; else the customer is read from Stripe and
    written within the request.
    """
    python = _djstripe_python()
    granian = ("granian", "--interface", "wsgi", "--host", "127.0.0.1")
    port, stripe = free_port(), free_port()
    with ExitStack() as running, stack.database("template1") as database_url:
        api = (*granian, "--port", str(stripe), "--workers", "1", "bench.peers.stripe_objects:app")
        running.enter_context(stack.process(*api, environment={}, answers=lambda: listens(stripe)))
        environment = {"DATABASE_URL": database_url, "STRIPE_URL": f"http://127.0.0.1:{stripe}"}
        path = _run([python, HERE / "djstripe" / "prepare.py"], environment).splitlines()[-1]
        command = (*granian, "--port", str(port), "--workers", "2", "--blocking-threads", "4", "wsgi:application")
        server = stack.process(
            *command,
            environment=environment | ({"STORE_ONLY": "1"} if store_only else {}),
            answers=lambda: listens(port),
            program=(python, "-m"),
            directory=HERE / "djstripe",
        )
        yield Peer("dj-stripe", port, path, running.enter_context(server).pid)


@contextmanager
def sync_engine(stack: Stack) -> Iterator[Peer]:
    """stripe-sync-engine in two processes of node: the customer is written within the request, no event is kept."""
    node, home = _sync_engine_home()
    port = free_port()
    with stack.database("template1") as database_url:
        arguments = ("server.mjs", str(port), database_url, stripe_objects.SIGNING_SECRET)
        server = stack.process(
            *arguments,
            environment={"NODE_HOME": str(home)},
            answers=lambda: listens(port),
            program=(node,),
            directory=HERE / "sync",
            name="server.mjs",
        )
        with server as child:
            yield Peer("stripe-sync-engine", port, "/hook", child.pid)


def _djstripe_python() -> Path:
    home = _HOMES / "dj-stripe"
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        print("Installing dj-stripe ..", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        _run([python, "-m", "pip", "install", "-q", *_DJSTRIPE], {})
        (home / "installed").touch()
    return python


def _sync_engine_home() -> tuple[str, Path]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise LocalError("stripe-sync-engine runs on Node: install node 20 or newer, with npm")
    home = _HOMES / "stripe-sync-engine"
    if not (home / "installed").exists():
        print("Installing stripe-sync-engine ..", file=sys.stderr)
        home.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--silent", "--prefix", home, *_SYNC], {})
        (home / "installed").touch()
    return node, home


def _run(command: list[str | Path], environment: dict[str, str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, env=os.environ | environment)
    if ended.returncode:
        raise LocalError(f"{Path(command[0]).name} failed:\n{ended.stderr[-2000:] or ended.stdout[-2000:]}")
    return ended.stdout
