"""Faults of the API on request, for those who must know what a client does when an answer does not come.

A fault strikes before the call was carried out, or after: then the change is made and the caller does not know.
"""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass
from typing import Literal, get_args

from flask import Response

from ..state import WrongValue
from .errors import error

Kind = Literal["internal_error", "unavailable", "timeout", "cut"]
When = Literal["before", "after"]
_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


@dataclass(slots=True)
class Fault:
    """What goes wrong with calls whose `METHOD /path` the pattern is found in.

    internal_error: a 500 in the API's own shape. unavailable: a 503 as an HTML page, as a proxy gives it. timeout: no
    answer until the faults are cleared, or for two minutes, then a 504 page. cut: the connection ends amid the answer.
    """

    kind: Kind
    when: When = "before"
    path: str = ""
    times: int | None = None  # None: until it is cleared
    rate: float = 1.0
    struck: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise WrongValue(f"kind : {self.kind} is not one of {', '.join(get_args(Kind))}", "kind")
        if self.when not in get_args(When):
            raise WrongValue(f"when : {self.when} is not one of {', '.join(get_args(When))}", "when")
        try:
            re.compile(self.path)
        except re.error as reason:
            raise WrongValue(f"path : {self.path} is not a regular expression: {reason}", "path") from None


class Faults:
    """The faults that are planned. The same seed lets a rate strike the same calls."""

    LONGEST_WAIT = 120.0

    def __init__(self, seed: int = 1) -> None:
        self._dice = random.Random(f"{seed} faults of the API")
        self._lock = threading.Lock()
        self._planned: list[Fault] = []
        self._over = threading.Event()

    def plan(
        self,
        kind: Kind,
        *,
        when: When = "before",
        path: str = "",
        times: int | None = 1,
        rate: float = 1.0,
    ) -> Fault:
        """Have the next `times` calls (None: all) that match fail, each with this probability. The fault counts them.

        `path` is a regular expression looked for in, for example, `POST /invoices/F-10391/record_payment`.
        """
        fault = Fault(kind, when, path, times, rate)
        with self._lock:
            self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Plan nothing any more, and let go of every caller that waits."""
        with self._lock:
            self._planned.clear()
            self._over.set()
            self._over = threading.Event()

    @property
    def planned(self) -> list[Fault]:
        """The faults that may still strike, in the order they were planned."""
        with self._lock:
            return [fault for fault in self._planned if fault.times != 0]

    def strike(self, method: str, path: str, when: When) -> Fault | None:
        """The fault that this call meets now, if any; it is used up."""
        with self._lock:
            for fault in self._planned:
                if fault.times == 0 or fault.when != when or not re.search(fault.path, f"{method} {path}"):
                    continue
                if fault.rate < 1 and self._dice.random() >= fault.rate:
                    continue
                fault.struck += 1
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def answer(self, fault: Fault) -> Response:
        """What the caller gets instead of an answer."""
        if fault.kind == "internal_error":
            return error("Sorry, something went wrong when trying to process the request.", "internal_error", 500)
        if fault.kind == "unavailable":
            return Response(_PAGE.format("503 Service Temporarily Unavailable"), 503, mimetype="text/html")
        if fault.kind == "timeout":
            self._over.wait(self.LONGEST_WAIT)
            return Response(_PAGE.format("504 Gateway Time-out"), 504, mimetype="text/html")
        # Fewer bytes than were said, after which any server closes the connection.
        return Response(iter([b'{"']), 200, {"Content-Length": "1000"}, mimetype="application/json")
