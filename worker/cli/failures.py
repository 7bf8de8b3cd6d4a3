"""Expected failures in one plain line with the fix, instead of a traceback.

Nothing of a database URL is repeated but its host and port: the rest may be a secret.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from .output import called

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

# SQLSTATE classes and codes, from the appendix "PostgreSQL Error Codes".
_NOT_OURS = {"42P01", "42703", "42883"}  # a table, column or function that is not there
_WORDS = {
    "28P01": "the password in DATABASE_URL is refused; correct it",
    "28000": "the user in DATABASE_URL is refused; correct it, or let it in",
    "3D000": "the database in DATABASE_URL does not exist; create it, then run: {upgrade}",
    "42501": "the user in DATABASE_URL may not do this; the schema is changed by the role that owns the tables, which "
    "lets another do the rest: {grant}",
    "53300": "it has no connection left; raise max_connections or run fewer processes",
    "55P03": "somebody else holds a lock on what this needs; try again",
    "57014": "it took longer than five seconds and was stopped; ask for less, or try again",
}


class Problem(click.ClickException):
    """What is in the way and what to do about it. Exit code 1."""


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn failures that an operator can mend into a Problem; a fault of ours keeps its traceback."""
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
        raise
    except Exception as error:
        if words := words_of(error):
            raise Problem(words) from error
        raise


def words_of(error: Exception) -> str | None:
    """What to tell about this failure; None where it is a fault of ours."""
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    from worker.settings import SettingsError

    if isinstance(error, SettingsError):
        return str(error)
    if words := why_not_imported(error):
        return words
    if isinstance(error, PoolTimeout):
        return f"{where(None)} does not answer: look whether it runs, then try again"
    if isinstance(error, DBAPIError):
        return _of_database(error)
    if isinstance(error, UnicodeEncodeError):
        return "what was asked for is not valid text"
    return None


def why_not_imported(error: Exception) -> str | None:
    """Which line keeps a module of tasks/ from being imported; None where this is another failure."""
    folders = [Path(folder).resolve() for folder in getattr(sys.modules.get("tasks"), "__path__", ())]
    lines = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_name == "<module>"
    ]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno or 1))
    for file, line in reversed(lines):
        path = Path(file).resolve()
        if path.parent in folders:
            why = error.msg if isinstance(error, SyntaxError) else str(error)
            return f"tasks/{path.name}, line {line}, cannot be imported: {type(error).__name__}: {why}"
    return None


def where(database_url: str | None) -> str:
    """The database by host and port alone."""
    url = database_url or _url()
    try:
        parts = urlsplit(url)
        host = parts.hostname or "(local socket)"
        return f"the database at {host}:{parts.port or 5432} (DATABASE_URL)"
    except ValueError:
        return "the database (DATABASE_URL)"


def why_unreachable(error: BaseException) -> str:
    """Why a database was not reached, and what to do about it."""
    if words := _WORDS.get(getattr(error, "sqlstate", None) or ""):
        return words.format(upgrade=called("db upgrade"), grant=called("db grant ROLE"))
    text = str(error)
    for sign, words in (
        ("password authentication failed", _WORDS["28P01"]),
        ("no password supplied", "DATABASE_URL has no password, and it wants one; add it"),
        ("does not exist", _WORDS["3D000"]),
        ("no pg_hba.conf entry", _WORDS["28000"]),
        ("onnection refused", "nothing listens there; start it, or correct DATABASE_URL"),
        ("timeout", "it does not answer; look whether it runs and a firewall lets this machine in"),
        ("starting up", "it is starting; try again in a moment"),
        ("too many clients", _WORDS["53300"]),
        ("closed the connection", "it closed the connection; look at its log, then try again"),
    ):
        if sign in text:
            return words.format(upgrade=called("db upgrade"), grant=called("db grant ROLE"))
    if isinstance(error.__cause__, socket.gaierror) or "resolve" in text or "not known" in text or "translate" in text:
        return "no machine has this name; correct the host in DATABASE_URL"
    return f"it cannot be used ({type(error).__name__}); look at its log, or correct DATABASE_URL"


def _of_database(error: DBAPIError) -> str | None:
    from sqlalchemy.exc import InterfaceError, OperationalError

    state = getattr(error.orig, "sqlstate", None)
    if state in _NOT_OURS:
        return f"the schema of the database is not the one this version works with; run: {called('db upgrade')}"
    if isinstance(error, OperationalError | InterfaceError) or state in _WORDS:
        return f"{where(None)}: {why_unreachable(error.orig or error)}"
    return None


def _url() -> str:
    from worker.settings import SettingsError, read_database_url

    try:
        return read_database_url()
    except SettingsError:
        return os.environ.get("DATABASE_URL", "")
