"""Child processes, free ports and private files, for the servers that run on a laptop and in tests.

Every child has a session of its own, so that Ctrl-C reaches the one who started it and it can stop its children in
order; where the system knows how (Linux), a child also ends when its parent dies without a word.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import secrets
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

NOBODY = 65534  # the user that may do nothing, on Linux and on macOS's numbering alike
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class LocalError(Exception):
    """Something on this machine is in the way. The message names the thing, the fact and the next step."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on.

    Taken below the ports that systems lend to outgoing connections: a client that keeps trying a stopped server's
    borrowed port can end up connected to itself, and the server cannot come back.
    """
    for _ in range(200):
        port = random.randint(20_000, 29_999)  # noqa: S311 (nothing secret)
        if is_free(port):
            return port
    raise LocalError("no free port between 20000 and 29999 on 127.0.0.1; end some of the servers that run here")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closing connection is no clash
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def secret(path: Path) -> str:
    """The secret kept in this file; a new random one the first time. The file is for its owner only."""
    if not path.exists():
        write_private(path, secrets.token_hex(24))
    return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Replace the file at once by one that only its owner can read."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with open(handle, "w") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def private_directory(path: Path) -> Path:
    """Make this directory, or refuse one that somebody else made or may write in (its name can be guessed)."""
    path.mkdir(mode=0o755, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise LocalError(f"{path} belongs to somebody else or can be written by others; remove it, then start again")
    return path


def command_of(pid: int) -> str:
    """The command line of a process, empty when there is none (or it is not for us to see)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        if sys.platform == "linux":
            return ""
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip()


def wait_until(happened: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Ask again and again; whether it happened within that time."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def spawn(
    command: Sequence[str | Path],
    *,
    output: int,
    environment: Mapping[str, str],
    directory: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    as_nobody: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, with nothing on its standard input.

    It gets `death_signal` when the thread that called this ends, so call it from a thread that lives long.
    """
    parent = os.getpid()

    def end_with_parent() -> None:  # runs in the child, after its user has been set
        if _LIBC is not None:
            _LIBC.prctl(_DEATH_SIGNAL, int(death_signal))
            if os.getppid() != parent:  # it died before we asked
                os._exit(1)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd=directory,
        start_new_session=True,
        preexec_fn=end_with_parent,
        user=NOBODY if as_nobody else None,
        group=NOBODY if as_nobody else None,
        extra_groups=[] if as_nobody else None,
    )


def stop(child: subprocess.Popen[bytes], sign: signal.Signals = signal.SIGTERM, seconds: float = 15) -> int:
    """Ask a child to end, wait, then kill what is left of its process group; its exit code."""
    if child.poll() is None:
        child.send_signal(sign)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            kill_group(child)
    return child.wait()


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and every process of its group at once, also those that outlived it.

    The id of a group stays taken while one of its processes lives, so this reaches nobody else's.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses for a group of zombies
        os.killpg(child.pid, signal.SIGKILL)
    if child.poll() is None:
        child.kill()


class Server(ABC):
    """A server of ours: a child that logs to a file, on a port that stays the same from one start to the next."""

    name = "server"
    setting = ""  # the variable that says to use another one
    stop_signal = signal.SIGTERM

    def __init__(self, home: Path, *, durable: bool, port: int | None) -> None:
        """Keep everything under `home`. Without `durable` what was written may be lost when the machine stops."""
        self.home = home.resolve()
        self.durable = durable
        self._wanted_port = port
        self._port = port
        self._child: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> Self:
        """Start and wait until it answers. Started again, it has the same port and the same data."""

    @property
    def port(self) -> int:
        """The port it listens on, known from the first start."""
        if self._port is None:
            raise LocalError(f"{self.name} has not been started yet")
        return self._port

    @property
    def pid(self) -> int:
        """The id of the server's main process."""
        if self._child is None:
            raise LocalError(f"{self.name} is not running")
        return self._child.pid

    @property
    def log(self) -> Path:
        """What the server wrote, over all its starts."""
        return self.home / f"{self.name.lower()}.log"

    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._child is None else self._child.poll()

    def stop(self) -> None:
        """Stop it in good order. Does nothing when it is not running."""
        if self._child is not None:
            stop(self._child, self.stop_signal)
            self._child = None

    def kill(self) -> None:
        """End it without letting it put anything in order, as a crash would."""
        if self._child is not None:
            kill_group(self._child)
            self._child.wait()
            self._child = None

    def _launch(
        self,
        command: Callable[[int], Sequence[str | Path]],
        answers: Callable[[], bool],
        *,
        directory: Path,
        as_nobody: bool = False,
    ) -> None:
        """Start the command for a port and wait until the server answers; try other ports if they were our choice."""
        for last in (False, False, True):
            self._port = self._port or free_port()
            if self._wanted_port is not None and not is_free(self._port):
                raise LocalError(f"{self.name} cannot start: port {self._port} is taken; choose another one or free it")
            with open(self.log, "ab") as log:
                seen = log.tell()
                child = self._child = spawn(
                    command(self._port),
                    output=log.fileno(),
                    environment={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
                    directory=directory,
                    death_signal=self.stop_signal,
                    as_nobody=as_nobody,
                )
            if _comes_up(child, answers):
                return
            self.kill()
            said = self.log.read_bytes()[seen:].decode(errors="replace")
            if last or self._wanted_port is not None or "Address already in use" not in said:
                end = "\n".join(said.splitlines()[-15:])
                raise LocalError(f"{self.name} did not start. {explain(said)}The end of {self.log} is:\n{end}")
            self._port = None  # somebody was faster


def _comes_up(child: subprocess.Popen[bytes], answers: Callable[[], bool]) -> bool:
    """Wait for the first answer, as long as the child lives."""
    answered = False

    def settled() -> bool:
        nonlocal answered
        answered = child.poll() is None and answers()
        return answered or child.poll() is not None

    wait_until(settled, 60)
    return answered and child.poll() is None


def explain(said: str) -> str:
    """What to do about the reasons we know, as a sentence; empty for the others."""
    if "No space left on device" in said:
        return "The disk is full: make room, then start again. "
    if "could not map anonymous shared memory" in said or "Cannot allocate memory" in said:
        return "There is too little memory: end something, then start again. "
    return ""
