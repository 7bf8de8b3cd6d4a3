"""The stack as a whole, in real processes: it comes up, tells how to reach it, and goes down as one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.children import command_of, free_port
from tests.conftest import ROOT, eventually

pytestmark = pytest.mark.timeout(150)  # ten processes come up
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="quittance-stack-"))
    folder.chmod(0o755)
    yield folder / "state"
    shutil.rmtree(folder)


@pytest.fixture
def run(home: Path) -> Iterator[Start]:
    """Start the supervisor on `home`; its output, errors included, is a pipe."""
    started: list[subprocess.Popen[str]] = []
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "REDIS_", "BROKER_"))
    }

    def go(*arguments: str, **settings: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.supervisor", "run", "--no-demo", "--home", str(home), *arguments],
            cwd=ROOT,
            env={**kept, "PORT": str(free_port()), **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield go
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def facts(home: Path, supervisor: subprocess.Popen[str]) -> dict[str, Any]:
    """What the stack has written down, once it is up."""
    file = home / "stack.json"
    eventually(lambda: file.exists() or supervisor.poll() is not None, seconds=90)
    assert supervisor.poll() is None, supervisor.communicate()[0]
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.mark.long
def test_a_killed_worker_ends_the_stack_with_its_last_lines(home: Path, run: Start) -> None:
    supervisor = run()
    known = facts(home, supervisor)
    assert stat.S_IMODE((home / "stack.json").stat().st_mode) == 0o600
    receiver = f"http://127.0.0.1:{known['environment']['PORT']}"
    user, _, password = known["environment"]["WEBHOOK_CREDENTIALS"].partition(":")
    body = {"id": "ev_of_the_stack", "event_type": "customer_created", "api_version": "v2", "content": {}}
    answer = httpx.post(f"{receiver}/webhooks/chargebee", json=body, auth=(user, password), trust_env=False)
    assert answer.json() == {"status": "stored"}
    assert httpx.get(known["links"]["mailbox"], trust_env=False).status_code == 200
    assert "Chargebee fictif" in httpx.get(known["links"]["make-believe Chargebee"], trust_env=False).text
    again = run()
    said, _ = again.communicate(timeout=30)
    assert again.returncode == 1
    assert f"a stack already runs on {home} (process {supervisor.pid})" in said

    os.kill(known["processes"]["worker"], signal.SIGKILL)
    said, _ = supervisor.communicate(timeout=60)
    assert supervisor.returncode == 137
    assert "worker has ended by itself (exit code 137). The last it said:" in said
    assert "ready." in said.split("The last it said:")[1]
    assert not (home / "stack.json").exists()
    assert not any(command_of(pid) for pid in known["processes"].values())
    assert password not in said


@pytest.mark.long
def test_servers_that_are_named_are_used_and_none_are_started(
    home: Path, run: Start, db_url: str, broker_url: str, key_prefix: str, tmp_path: Path
) -> None:
    mail = f"file://{tmp_path}/mail"
    supervisor = run(DATABASE_URL=db_url, REDIS_URL=broker_url, BROKER_KEY_PREFIX=key_prefix, MAIL_URL=mail)
    known = facts(home, supervisor)
    assert set(known["processes"]) == {"worker", "beat", "web", "console", "chargebee"}
    assert not {"DATABASE_URL", "REDIS_URL", "MAIL_URL"} & set(known["environment"])
    supervisor.send_signal(signal.SIGINT)
    said, _ = supervisor.communicate(timeout=60)
    assert supervisor.returncode == 0, said
    assert said.endswith("Stopped.\n")
    ours = {"lock", "log", "webhook.password", "secret.key", "chargebee.key", "site.journal"}
    assert {path.name for path in home.iterdir()} == ours
    assert {path.name for path in (home / "log").iterdir()} == {
        "worker.log",
        "beat.log",
        "web.log",
        "console.log",
        "chargebee.log",
    }


@pytest.mark.long
def test_where_a_real_site_is_named_no_make_believe_one_is_served(
    home: Path, run: Start, db_url: str, broker_url: str, key_prefix: str
) -> None:
    supervisor = run(
        DATABASE_URL=db_url, REDIS_URL=broker_url, BROKER_KEY_PREFIX=key_prefix, MAIL_URL="null:",
        CHARGEBEE_SITE="acme-test", CHARGEBEE_API_KEY="test_of_acme",
    )  # fmt: skip
    known = facts(home, supervisor)
    assert set(known["processes"]) == {"worker", "beat", "web", "console"}
    assert "make-believe Chargebee" not in known["links"]


def test_a_taken_port_is_named_before_anything_starts(home: Path, run: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        supervisor = run(PORT=port)
        said, _ = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 1
    assert f"./dev run: port {port} is taken; set PORT to another one" in said
    assert not (home / "postgres").exists()


def test_settings_that_are_wrong_are_named_all_at_once_before_anything_starts(home: Path, run: Start) -> None:
    supervisor = run(SITE_TIMEZONE="Nowhere", MAIL_URL="carrier pigeon")
    said, _ = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 1
    assert "SITE_TIMEZONE" in said
    assert "MAIL_URL" in said
    assert not (home / "postgres").exists()


def test_ctrl_c_while_the_database_is_made_is_no_error(home: Path, run: Start) -> None:
    supervisor = run()
    assert eventually(lambda: (home / "postgres" / "data.new" / "base").exists(), seconds=30)
    os.killpg(supervisor.pid, signal.SIGINT)  # as a terminal does: to everybody who is not in a session of its own
    said, _ = supervisor.communicate(timeout=60)
    assert supervisor.returncode == 0, said
    assert "could not make its data directory" not in said
    assert "Stopping .. (press Ctrl-C again to stop now)" in said
    assert said.endswith("Stopped.\n")


def test_a_database_that_cannot_be_reached_is_named(home: Path, run: Start, broker_url: str) -> None:
    nowhere = f"postgresql://nobody:secret@127.0.0.1:{free_port()}/none"
    supervisor = run(DATABASE_URL=nowhere, REDIS_URL=broker_url, MAIL_URL="null:")
    said, _ = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 1
    assert "the database of DATABASE_URL cannot be reached" in said


def test_production_is_refused(home: Path, run: Start) -> None:
    supervisor = run(QUITTANCE_ENV="production")
    said, _ = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 1
    assert "this stack is for a laptop" in said


def test_a_folder_that_cannot_be_made_is_named(home: Path, run: Start) -> None:
    home.write_text("a file is in the way")
    supervisor = run()
    said, _ = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 1
    assert f"./dev run: cannot write {home}" in said
