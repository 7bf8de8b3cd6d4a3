"""Prepared requests, each posted once by a small C program (post.c): in a row as fast as they are answered, or at a
fixed rate that does not wait for answers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from local.children import LocalError

_SOURCE = Path(__file__).with_name("post.c")
_LONGEST = 900  # seconds


class Answer(NamedTuple):
    """One request's life, in microseconds since 1970; its status, and its Retry-After in seconds (-1: none)."""

    due: int
    sent: int
    answered: int
    status: int
    retry_after: int


def request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    lines = {"Host": "127.0.0.1", "Content-Type": "application/json", **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def post(
    requests: Iterable[bytes], port: int, folder: Path, *, connections: int = 16, rate: float | None = None
) -> list[Answer]:
    """What `offer` does, where all must be taken.

    Raises:
        LocalError: as `offer`; or one was not answered with 200.
    """
    answers = offer(requests, port, folder, connections=connections, rate=rate)
    if refused := [each.status for each in answers if each.status != 200]:
        raise LocalError(f"{len(refused)} of {len(answers)} were not answered with 200, the first with {refused[0]}")
    return answers


def offer(
    requests: Iterable[bytes], port: int, folder: Path, *, connections: int = 16, rate: float | None = None
) -> list[Answer]:
    """Post them all; the answers in the order of the requests. With a rate, so many are due a second.

    Raises:
        LocalError: there is no C compiler, a connection broke, or nothing came for half a minute.
    """
    prepared, answers = folder / "requests", folder / "answers"
    with open(prepared, "wb") as file:
        for each in requests:
            file.write(f"{len(each)}\n".encode() + each)
    command: list[str | Path] = [_compiled(folder), str(port), str(connections), prepared, answers]
    if rate:
        command.append(str(rate))
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST)
    if ended.returncode:
        raise LocalError(f"the load ended too early: {ended.stderr.strip()}")
    return [Answer(*map(int, line.split())) for line in answers.read_text().splitlines()]


def seconds(answers: Sequence[Answer]) -> float:
    """From the first request to the last answer."""
    return (max(each.answered for each in answers) - min(each.sent for each in answers)) / 1e6


def _compiled(folder: Path) -> Path:
    program = folder / "post"
    if program.exists():
        return program
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise LocalError("the load is a C program, and there is no C compiler here: install gcc or clang")
    built = subprocess.run([compiler, "-O2", "-o", program, _SOURCE], capture_output=True, text=True)
    if built.returncode:
        raise LocalError(f"{_SOURCE.name} does not compile here:\n{built.stderr}")
    return program
