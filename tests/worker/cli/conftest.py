"""The command as an operator runs it, on a database of the test's own, filled through the receiver's door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from click.testing import CliRunner, Result

import tasks
from simulator import Site, story
from tasks import registry
from tests.builders import PASSWORD, Quittance
from worker.cli import quittance as command


class Run(Protocol):
    def __call__(self, *arguments: str, code: int = 0, answer: str = "", **more: str) -> Result: ...


@pytest.fixture
def environment(db_url: str, tmp_path: Path) -> dict[str, str]:
    """A merchant whose mail is kept as files; no API, and no broker within reach."""
    return {
        "DATABASE_URL": db_url,
        "BROKER_URL": "redis://127.0.0.1:1/0",
        "WEBHOOK_CREDENTIALS": f"chargebee:{PASSWORD}",
        "MAIL_URL": f"file://{tmp_path}/mail",
        "MAIL_FROM": "facturation@boreal.example",
        "EFFECTS_HORIZON": "36500 days",
    }


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logs_as_before: None) -> Run:
    """Run a verb; its exit code is as expected, and what it said is returned."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # no .env of the developer's

    def go(*arguments: str, code: int = 0, answer: str = "", **more: str) -> Result:
        result = CliRunner().invoke(command, arguments, input=answer, env=more)
        told = f"{result.output}\n{result.exception!r}"
        assert result.exit_code == code, told
        assert result.exception is None or isinstance(result.exception, SystemExit), told
        return result

    return go


@pytest.fixture
def read(run: Run) -> Callable[..., Any]:
    """Run a reading verb with --json, and return the one document it printed."""

    def go(*arguments: str, **more: str) -> Any:
        return json.loads(run(*arguments, "--json", **more).stdout)

    return go


@pytest.fixture
def a_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Put a module of this text among those of tasks/."""

    def put(text: str) -> None:
        folder = tmp_path / "more" / "tasks"
        folder.mkdir(parents=True)
        (folder / "zz_new.py").write_text(text)
        monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(folder)])
        registry.load.cache_clear()  # this process may have looked already

    return put


@pytest.fixture
def live(quittance: Quittance) -> Callable[[str], Site]:
    """Live the demo story up to and with a step, every event of it applied and what followed delivered."""

    def until(last: str) -> Site:
        site, sent = story.a_site(), 0
        for step in story.steps():
            step.play(site)
            quittance.move_clock(step.at)
            quittance.take(*site.events[sent:])
            sent = len(site.events)
            if step.name == last:
                return site
        raise AssertionError(f"the story has no step {last}")

    return until
