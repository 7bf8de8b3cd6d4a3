"""`python -m tests.crash.nursery SOCKET`: a process that has loaded the whole product and does nothing but fork.

Each connection to its socket gets a child of its own, which does what it is asked, a line of JSON at a time, as the
processes of a running system would, until the connection ends or the point comes at which it dies. A child costs
hundredths of a second where a process that loads everything costs seconds.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any

from tests.builders import AUTHORIZATION
from tests.crash.points import Points, opened

Asked = dict[str, Any]


class Product:
    """The product in one process: its receiver, its workers, its command and its pages."""

    def __init__(self) -> None:
        from webhooks.app import create_app
        from worker import app, doorbell
        from worker.settings import Settings

        self._app = app
        app.settings = Settings.read()  # those of this child: its parent had others
        doorbell.configure(app.settings)
        self._receiver = create_app(app.settings)

    def post(self, bodies: Sequence[Any], to: str = "/webhooks/chargebee") -> None:
        """What Chargebee, or the mail relay, calls: each body must be taken."""
        client = self._receiver.test_client()
        headers = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
        for body in bodies:
            answer = client.post(to, data=json.dumps(body).encode(), headers=headers)
            assert answer.status_code == 200, answer.text

    def work(self) -> None:
        """What workers do: whatever is rung for, until nothing is due."""
        from tasks import clock
        from worker import doorbell

        app = self._app
        for _ in range(50):
            due = clock.ring_what_is_due(app._engine(), doorbell.ring)
            if not due:
                return
            for queue in due:
                app.app.tasks[doorbell.TASKS[queue]]()
        raise AssertionError(f"there is no end to what is due of {due}")

    def task(self, name: str) -> None:
        """What the scheduler asks for."""
        self._app.app.tasks[f"tasks.{name}"]()

    def beat(self) -> None:
        """What a worker does to show that it lives."""
        beat = self._app.beat_once
        beat.push_request(hostname="worker@here")
        beat()

    def command(self, *arguments: str) -> None:
        """What an operator types."""
        from worker.cli import quittance

        quittance.main(arguments, standalone_mode=False)

    def choose(self, mail: int, **form: Any) -> None:
        """What a reader chooses on the page that a mail leads to."""
        from console.app import create_app
        from emails.links import Ticket
        from tasks.couriers import signer_of

        signer = signer_of(self._app.settings)
        assert signer
        token = signer.token("preferences", Ticket(mail, datetime.now(UTC)))
        answer = create_app(self._app.settings).test_client().post(f"/p/{token}", data=form)
        assert answer.status_code == 303, answer.text


def live(connection: socket.socket) -> None:
    """One life: the first line says in which environment, and where it ends."""
    lines = connection.makefile("r")

    def say(**words: Any) -> None:
        connection.sendall(json.dumps(words).encode() + b"\n")

    born = json.loads(lines.readline())
    os.environ.update(born["environ"])
    points = Points(tuple(born["dies_at"]) if born["dies_at"] else None, lambda point: say(died_at=point))
    points.install()
    product = Product()
    for line in lines:
        what, given, named = json.loads(line)
        deed: Callable[..., None] = getattr(product, what)
        try:
            deed(*given, **named)
        except Exception:
            say(failed=traceback.format_exc())
        else:
            say(reached=points.reached, readings=sorted(points.readings))
        points.reached.clear()


def load() -> None:
    """Import whatever a child may need, and compile what it would compile at its first use."""
    import chargebee  # noqa: F401
    import kombu.transport.redis  # noqa: F401
    from sqlalchemy.orm import configure_mappers

    import worker.app
    import worker.cli.emails
    import worker.cli.events
    import worker.cli.import_
    import worker.cli.outbox  # noqa: F401
    from billing.merchant import Merchant, Remittance
    from emails import kinds
    from emails.language import LOCALES
    from emails.links import NO_LINKS
    from emails.render import render
    from tasks import registry

    registry.load()
    configure_mappers()
    opened()
    for kind, locale in product(kinds.ALL, LOCALES):
        context = next(iter(kind.samples.values()))
        render(kind, context, locale, merchant=Merchant(), remittance=Remittance(), links=NO_LINKS)


def main() -> None:
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(sys.argv[1])
        door.listen()
        while True:
            ready, _, _ = select.select([door, sys.stdin], [], [])
            if sys.stdin in ready:
                return  # whoever started us is gone
            connection, _ = door.accept()
            if os.fork() == 0:
                door.close()
                try:
                    live(connection)
                except Exception:
                    traceback.print_exc()
                os._exit(0)
            connection.close()


if __name__ == "__main__":
    main()
