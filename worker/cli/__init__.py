"""The `quittance` command: what an operator sees and repairs without SQL. One module per noun.

Exit 0: done; 1: a problem, told on standard error; 2: wrong usage. A noun's module is imported when it is used, so
that the command starts fast whatever it would need.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TextIO

import click

from .failures import told_plainly
from .output import called

MODULES = {"import": "import_"}  # where the noun is a word of Python's


class Nouns(click.Group):
    """The nouns by name, with the line that help prints: it is here so that help need not import them."""

    lines: ClassVar[dict[str, str]] = {
        "cancellations": "Ends of subscriptions; schedule one, withdraw it.",
        "clock": "The business clock; move it.",
        "config": "Settings as they are in effect.",
        "db": "The schema of the database.",
        "derivations": "What follows from each kind of object, in order.",
        "doctor": "Check everything this installation stands on.",
        "drain": "Work off everything that is due, here, and exit.",
        "emails": "Mail: to come, sent, held.",
        "events": "Webhooks as they came in; replay them.",
        "explain": "Why something is as it is: one timeline, in words.",
        "findings": "What does not add up.",
        "followups": "Cheques and wires to chase.",
        "import": "The first day: bring in what an existing site has.",
        "outbox": "What could not be delivered yet; show it, release it.",
        "payments": "Cheques and wires: record one, take it back.",
        "reconcile": "What webhooks did not bring: find it, count it.",
        "seats": "Seats of a subscription: change them.",
        "show": "The whole local truth about one object.",
        "simulate": "A make-believe Chargebee: serve it, tell a story, send a load.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        # The clock moves in development only. Reading the settings would need what help does not import.
        is_development = os.environ.get("QUITTANCE_ENV") in (None, "", "development")
        lists_clock = is_development and not os.environ.get("QUITTANCE_ENV_FILE")
        return [noun for noun in self.lines if noun != "clock" or lists_clock]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lines:
            return None
        command: click.Command = import_module(f"{__name__}.{MODULES.get(cmd_name, cmd_name)}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(noun, self.lines[noun]) for noun in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        with told_plainly():
            return super().invoke(ctx)


def _say_version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"quittance {version_of()}")
        ctx.exit()


def version_of(distribution: str = "quittance") -> str:
    """The version that is installed; where none is, that of the source tree."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        import tomllib

        with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as project:
            return str(tomllib.load(project)["project"]["version"])


@click.group(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="Say which.")
@click.pass_context
def quittance(ctx: click.Context) -> None:
    """Quittance, a billing worker for per-seat subscriptions sold through Chargebee.

    Settings come from the environment (`config show`). Verbs that read take --json.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> None:
    """Run the command with this process's arguments, and exit."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_on_a_letter(stream)
    quittance.main(prog_name=called(""))


def _never_fail_on_a_letter(stream: TextIO) -> None:
    """On a terminal that cannot show é, print something else instead of ending with a traceback."""
    if reconfigure := getattr(stream, "reconfigure", None):
        reconfigure(errors="backslashreplace")
