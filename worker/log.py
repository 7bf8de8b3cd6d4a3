"""Logs: one JSON line per record in production, readable lines in development, everybody's through one door.

Identifiers and amounts are logged; bodies, headers, names, addresses and secrets are not, and what slips into a field
or a traceback is masked on the way out.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

import structlog

# Fields that nobody should log; here their value is dropped, and the name stays as a trace of the mistake.
_NEVER = frozenset(
    "address authorization billing_address body card content cookie first_name headers last_name name params "
    "parameters password payload phone raw secret shipping_address snapshot subject text token".split()
)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_USERINFO = re.compile(r"(?<=://)[^/@\s]{1,256}@")
_AUTHORIZATION = re.compile(r"\b(Basic|Bearer)\s+[\w+/=.~-]{6,}", re.IGNORECASE)

_key = secrets.token_bytes(32)


class LogSettings(Protocol):
    """What `configure` needs of the settings."""

    @property
    def env(self) -> Any: ...

    @property
    def secret_key(self) -> str: ...


def configure(settings: LogSettings, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every record of this process to `stream` (standard error), Celery's and other libraries' included."""
    global _key
    if settings.secret_key:
        _key = hashlib.sha256(b"quittance logs " + settings.secret_key.encode()).digest()
    stream = sys.stderr if stream is None else stream
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    # Tracebacks become text before they are masked, and never show the values of variables: bodies and names are among
    # them, and to print those of a batch takes longer than a task has.
    if settings.env == "production":
        renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    else:
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)
    ending = [structlog.processors.format_exc_info, _discreet, renderer]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


@contextmanager
def about_event(event_id: str) -> Iterator[None]:
    """Bind `event_id` to every record written inside, so that one search shows one event's life."""
    with structlog.contextvars.bound_contextvars(event_id=event_id):
        yield


def masked(email: str) -> str:
    """An e-mail address as it may be logged: `j***@x***#4f1c09aa`.

    The hash is keyed with SECRET_KEY: equal addresses can be followed through the logs, and not guessed from them.
    """
    local, _, domain = email.strip().rpartition("@")
    digest = hashlib.blake2b(email.strip().lower().encode("utf-8", "replace"), key=_key, digest_size=4).hexdigest()
    return f"{local[:1]}***@{domain[:1]}***#{digest}"


def without_addresses(text: str) -> str:
    """The text with every e-mail address in it masked."""
    return _ADDRESS.sub(lambda found: masked(found[0]), text)


def _discreet(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: "[not logged]" if name in _NEVER else _without_secrets(value) for name, value in record.items()}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        value = _USERINFO.sub("***@", value)
        value = _AUTHORIZATION.sub(r"\1 ***", value)
        return without_addresses(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_without_secrets(item) for item in value]
    if isinstance(value, dict):
        return {str(name): "[not logged]" if name in _NEVER else _without_secrets(item) for name, item in value.items()}
    return value
