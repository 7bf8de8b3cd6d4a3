"""The supervisor: order, the end of one is the end of all, and messages that lead on."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from local import supervisor
from local.children import LocalError, command_of
from local.supervisor import Console, Ended, Interrupted, Process, Stack
from tests.conftest import eventually

STAYS = """
import signal, sys, time
def end(*_):
    with open(sys.argv[2], "a") as told:
        print(sys.argv[1], file=told)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("is up", flush=True)
signal.pause()
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('is up', flush=True); signal.pause()"


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def stack(output: io.StringIO, tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(Console(output, colours=False), tmp_path / "log")
    yield stack
    stack.ask_to_stop()
    stack.ask_to_stop()
    stack.stop()


def start(stack: Stack, name: str, script: str, *arguments: str) -> Process:
    command = [sys.executable, "-c", script, *arguments]
    return stack.start(name, command, dict(os.environ), expect={"up": "^is up$"})


def test_what_was_started_last_is_stopped_first(stack: Stack, tmp_path: Path) -> None:
    told = tmp_path / "told"
    for name in ("mailbox", "worker", "beat", "web"):
        process = start(stack, name, STAYS, name, str(told))
        assert stack.wait(lambda process=process: process.has_said("up"), 30)
    stack.stop()
    assert told.read_text().split() == ["web", "beat", "worker", "mailbox"]


def test_the_end_of_one_is_told_with_its_code_and_its_last_lines(stack: Stack) -> None:
    start(stack, "web", DEAF)
    start(stack, "worker", "import sys; print('nobody saw this coming'); sys.exit('out of ideas')")
    with pytest.raises(Ended) as ended:
        stack.wait(lambda: False)
    assert ended.value.process.name == "worker"
    assert ended.value.code == 1
    assert ended.value.process.last_lines() == ["nobody saw this coming", "out of ideas"]


@pytest.mark.parametrize(
    ("script", "code"),
    [("raise SystemExit(0)", 1), ("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_the_code_of_an_end_is_never_zero(stack: Stack, script: str, code: int) -> None:
    start(stack, "beat", script)
    with pytest.raises(Ended) as ended:
        stack.wait(lambda: False)
    assert ended.value.code == code


def test_a_process_that_does_not_listen_is_killed_with_its_children(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, output: io.StringIO
) -> None:
    monkeypatch.setattr(supervisor, "GRACE", 0.2)
    child = (
        f"import subprocess, sys; print('grandchild', subprocess.Popen([sys.executable, '-c', {DEAF!r}]).pid); {DEAF}"
    )
    process = start(stack, "worker", child)
    assert stack.wait(lambda: "grandchild" in output.getvalue() and process.has_said("up"), 30)
    grandchild = int(output.getvalue().split("grandchild")[1].split()[0])
    stack.stop()
    assert process.child.returncode == -signal.SIGKILL
    assert eventually(lambda: not command_of(grandchild))


def test_asked_twice_nobody_is_waited_for(stack: Stack) -> None:
    process = start(stack, "worker", DEAF)
    assert stack.wait(lambda: process.has_said("up"), 30)
    stack.ask_to_stop()
    with pytest.raises(Interrupted):
        stack.wait(lambda: False)
    stack.ask_to_stop()
    stack.stop()
    assert process.child.returncode == -signal.SIGKILL


def test_a_task_of_the_stack_gives_its_exit_code_and_another_ones_end_interrupts_it(stack: Stack) -> None:
    assert stack.run("demo", [sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ)) == 3
    start(stack, "web", "raise SystemExit(5)")
    with pytest.raises(Ended) as ended:
        stack.run("demo", [sys.executable, "-c", DEAF], dict(os.environ))
    assert ended.value.process.name == "web"


def test_each_line_carries_the_name_of_its_process(stack: Stack, output: io.StringIO) -> None:
    two_lines = "print('été'); print('end', end='')"
    assert stack.run("demo", [sys.executable, "-X", "utf8", "-c", two_lines], dict(os.environ)) == 0
    assert output.getvalue().splitlines() == ["     demo | été", "     demo | end"]


TALKS = """
print("[info     ] order taken")
print("[warning  ] the relay is slow")
print("    and was so yesterday")
print("[INFO] another order")
print("Traceback (most recent call last):")
print('  File "somewhere.py", line 1')
print("ValueError: out of ideas")
print("INFO  [mail] goes on")
print("a line without a level")
"""


def test_while_the_story_is_told_only_the_trouble_of_others_is_shown_and_every_line_is_kept(
    stack: Stack, output: io.StringIO
) -> None:
    def talk() -> list[str]:
        assert stack.run("worker", [sys.executable, "-c", TALKS], dict(os.environ)) == 0
        assert stack.run("demo", [sys.executable, "-c", "print('1. It orders.')"], dict(os.environ)) == 0
        shown = output.getvalue().splitlines()
        output.truncate(0)
        output.seek(0)
        return [line.split(" | ")[1] for line in shown]

    stack.console.story = "demo"
    assert talk() == [
        "[warning  ] the relay is slow",
        "    and was so yesterday",
        "Traceback (most recent call last):",
        '  File "somewhere.py", line 1',
        "ValueError: out of ideas",
        "1. It orders.",
    ]
    stack.console.story = None
    assert len(talk()) == 10
    kept = (stack.logs / "worker.log").read_text().splitlines()
    assert len(kept) == 9  # of the last start alone
    assert kept[0] == "[info     ] order taken"
    assert (stack.logs / "demo.log").read_text() == "1. It orders.\n"


def test_a_stack_does_not_start_on_a_folder_that_was_forgotten_under_its_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock

    def forgotten_first(file: IO[str], how: int) -> None:
        (tmp_path / "lock").unlink()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", forgotten_first)
    with pytest.raises(LocalError, match="has just been forgotten"), supervisor._alone(tmp_path):
        pass


def test_colour_is_for_terminals_and_never_against_the_readers_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def shown(terminal: io.StringIO) -> str:
        monkeypatch.setattr(sys, "stdout", terminal)
        Console.of_this_process().line("web", "hello")
        return terminal.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in shown(Terminal())
    assert "\x1b[" not in shown(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in shown(Terminal())


def test_a_reader_who_has_gone_does_not_stop_the_stack() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    console = Console(Gone(), colours=False)
    console.line("web", "nobody reads this")
    console.line("web", "nor this")
