"""The points at which a process may die: before and after each of its effects on the world.

Nothing in the product knows of them. They lie at its edges, which are wrapped here in a process that is to be broken:
whatever is committed, published, said to a mail server or asked of another server is a pair of points by itself, and
so is whatever is written next month. A commit that changes nothing is no effect, but is remembered as a reading.
"""

from __future__ import annotations

import ast
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, wraps
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("tasks", "worker", "models", "webhooks", "gateway", "emails", "console")
# Where transactions are opened for others, who give the point its name.
_OPENERS = {"models.session", "worker.cli.database"}
_OPENS = re.compile(r"\b(transaction|looking|changing)\(")


class Points:
    """The points of this process: those it came to, and the one it dies at."""

    def __init__(self, deadly: tuple[str, int] | None, last_words: Callable[[str], None]) -> None:
        """`deadly`: a point, and the how-manyeth time there. `last_words` are said just before the process is gone."""
        self._deadly, self._last_words = deadly, last_words
        self._times = Counter[str]()
        self.reached: list[str] = []
        self.readings: set[str] = set()

    def come_to(self, point: str) -> None:
        self._times[point] += 1
        self.reached.append(point)
        if (point, self._times[point]) == self._deadly:
            self._last_words(point)
            os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()  # no instruction more, from this thread

    def around(self, owner: Any, name: str, effect: Callable[..., str | None]) -> None:
        """Put a point before and one after each call of `owner.name` that `effect` has a name for."""
        whole = getattr(owner, name)

        @wraps(whole)
        def wrapped(*given: Any, **named: Any) -> Any:
            what = effect(*given, **named)
            if what is None:
                return whole(*given, **named)
            self.come_to(f"{what}: before")
            answer = whole(*given, **named)
            self.come_to(f"{what}: after")
            return answer

        setattr(owner, name, wrapped)

    def install(self) -> None:
        """Wrap the edges of this process."""
        self._at_the_database()
        self._at_the_broker()
        self._at_the_mail_server()
        self._at_other_servers()

    def _at_the_database(self) -> None:
        from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

        from webhooks.store import Store

        def commit(_: object, connection: Any) -> str | None:
            where = place()
            if connection.execute("select pg_current_xact_id_if_assigned()").fetchone()[0] is None:
                self.readings.add(where)
                return None
            return f"{where} commits"

        def statement(_: object, sql: str, *rest: object) -> str | None:
            written = re.search(r"(?:insert into|update) (\w+)", sql)
            return f"{place()} writes {written[1]}" if written else None

        self.around(PGDialect_psycopg, "do_commit", commit)
        self.around(Store, "ask", statement)
        self.around(Store, "write", statement)

    def _at_the_broker(self) -> None:
        """A ring is published by a thread; whoever rings waits here: a death finds the same each time."""
        from celery import Celery

        from worker import doorbell

        ringer, published = doorbell._Ringer, {queue: threading.Event() for queue in doorbell.TASKS}
        ring, publish = ringer.ring, doorbell.publish

        def ring_and_wait(self: Any, queue: str) -> None:
            published[queue].clear()
            ring(self, queue)
            if threading.current_thread() is not self._thread:
                published[queue].wait(5)

        def publish_and_say(producer: Any, queue: Any, task: str) -> None:
            publish(producer, queue, task)
            published[queue.name].set()

        setattr(ringer, "ring", ring_and_wait)  # noqa: B010 (mypy)
        setattr(doorbell, "publish", publish_and_say)  # noqa: B010
        self.around(doorbell, "publish", lambda _, queue, __: f"worker.doorbell rings {queue.name}")
        self.around(Celery, "send_task", lambda _, name, *__, **___: f"{place()} asks for {name}")

    def _at_the_mail_server(self) -> None:
        import smtplib

        verb = ""

        def said(_: object, words: str | bytes) -> str:
            nonlocal verb
            if isinstance(words, str):
                verb = words.split()[0].upper()
            else:
                verb = "the final dot" if words == b".\r\n" else "the message"
            return f"emails.senders says {verb}"

        self.around(smtplib.SMTP, "connect", lambda *_, **__: "emails.senders connects")
        self.around(smtplib.SMTP, "send", said)
        answered = smtplib.SMTP.getreply

        def getreply(relay: smtplib.SMTP) -> tuple[int, bytes]:
            answer = answered(relay)
            if verb:
                self.come_to(f"emails.senders says {verb}: answered")
            return answer

        setattr(smtplib.SMTP, "getreply", getreply)  # noqa: B010

    def _at_other_servers(self) -> None:
        import httpx

        from gateway import pdf
        from gateway.client import Gateway

        self.around(Gateway, "_made", lambda *_: f"{place(beyond='gateway.')} asks Chargebee ({_asked()})")
        self.around(pdf, "fetch_pdf", lambda *_, **__: f"{place(beyond='gateway.')} fetches a PDF")
        self.around(httpx, "post", lambda *_, **__: f"{place()} posts")


def place(beyond: str = " ") -> str:
    """Where in the product this is called from: the first of its functions up the stack, not `beyond` that package."""
    frame: FrameType | None = sys._getframe(1)
    while frame:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_STEMS) and module not in _OPENERS and not module.startswith(beyond):
            name = f"{module}.{_name(frame.f_code)}"
            return name + which(opened().get(name, []), frame.f_lineno)
        frame = frame.f_back
    return "a test"


_STEMS = tuple(f"{package}." for package in PACKAGES)


def _name(code: CodeType) -> str:
    return re.sub(r"\.<.*", "", code.co_qualname)


def _asked() -> str:
    """The method of the gateway that is being called: the last of its frames up the stack."""
    frame: FrameType | None = sys._getframe(1)
    method = ""
    while frame:
        if frame.f_globals.get("__name__") == "gateway.client" and "<" not in frame.f_code.co_name:
            method = frame.f_code.co_name
        elif method:
            break
        frame = frame.f_back
    return method


def which(lines: Sequence[int], line: int) -> str:
    """Which of the transactions of a function this is, where it opens several."""
    return f" ({lines.index(line) + 1})" if len(lines) > 1 and line in lines else ""


def transactions() -> set[str]:
    """Every place of the product where a transaction is opened, by its name."""
    return {name + which(lines, line) for name, lines in opened().items() for line in lines}


@cache
def opened() -> dict[str, list[int]]:
    """The lines on which transactions are opened, by the function that they are in."""
    found: dict[str, list[int]] = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if module not in _OPENERS:
                _look_into(ast.parse(file.read_text()), module, found)
    return found


def _look_into(node: ast.AST, name: str, found: dict[str, list[int]]) -> None:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef):
            _look_into(inner, f"{name}.{inner.name}", found)
            continue
        if isinstance(inner, ast.With) and any(_OPENS.search(ast.unparse(each)) for each in inner.items):
            found.setdefault(name, []).append(inner.lineno)
        _look_into(inner, name, found)
