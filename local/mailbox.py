"""The mailbox of `./dev run`: takes mail by SMTP, keeps each message as a file, and shows them on a page.

Everything in a message was written by somebody else, so the page escapes all of it, shows HTML parts in a frame without
rights, and runs no script. Both servers listen on 127.0.0.1 only.
"""

from __future__ import annotations

import argparse
import logging
import mimetypes
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
LARGEST = 30 * 1024 * 1024

_NAME = re.compile(r"[A-Za-z0-9-]+\.eml")

# Nothing but our own style and frames; a frame gets its own, stricter, policy with the document.
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
_PART_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

_STYLE = """
body{margin:0;background:#f6f4ef;color:#16212b;font:15px/22px Inter,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
main{max-width:860px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:22px;line-height:28px}h2{font-size:15px;margin:24px 0 8px}
a{color:#0b5f52}table{width:100%;border-collapse:collapse;background:#fff;border:1px solid #e4e0d6}
th,td{padding:9px 12px;text-align:left;vertical-align:top;border-bottom:1px solid #e4e0d6;overflow-wrap:anywhere}
th{font-weight:400;color:#5b6670;white-space:nowrap}pre{white-space:pre-wrap;background:#fff;border:1px solid #e4e0d6;
padding:12px;overflow-wrap:anywhere}iframe{width:100%;height:900px;border:1px solid #e4e0d6;background:#fff}
@media (prefers-color-scheme:dark){body{background:#11171b;color:#eef2f1}a{color:#6fd3bd}
table,pre{background:#192127;border-color:#2b363e}th,td{border-color:#2b363e}th{color:#a3afb6}}
"""


@dataclass(frozen=True)
class Mailbox:
    """The directory of messages, one `.eml` file each."""

    directory: Path

    def keep(self, content: bytes) -> str:
        """Keep a message, whole or not at all, and return its name. Names sort by the time of arrival."""
        name = f"{time.time_ns():020d}-{os.urandom(4).hex()}.eml"
        part = self.directory / f".{name}.part"
        self.directory.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as kept:
            kept.write(content)
            kept.flush()
            os.fsync(kept.fileno())
        part.replace(self.directory / name)
        return name

    def names(self) -> list[str]:
        """The names of all messages, newest first."""
        if not self.directory.is_dir():
            return []
        return sorted((path.name for path in self.directory.iterdir() if _NAME.fullmatch(path.name)), reverse=True)

    def read(self, name: str) -> EmailMessage | None:
        """The message of that name, or None. Only names of the form that `keep` gives are looked at."""
        if not _NAME.fullmatch(name):
            return None
        try:
            message = message_from_bytes((self.directory / name).read_bytes(), policy=SMTP_POLICY)
        except OSError:
            return None
        assert isinstance(message, EmailMessage)
        return message

    def arrived_at(self, name: str) -> datetime:
        return datetime.fromtimestamp((self.directory / name).stat().st_mtime, UTC)


class _Keeping:
    """What aiosmtpd asks for each message."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        name = self.mailbox.keep(content if isinstance(content, bytes) else (content or "").encode())
        return f"250 2.0.0 kept as {name}"


class _Smtp(Controller):
    def factory(self) -> SMTP:
        return SMTP(self.handler, data_size_limit=LARGEST, hostname="mailbox.localhost", ident="mailbox")


class _Pages(BaseHTTPRequestHandler):
    """The list at `/`, a message at `/m/NAME`, its HTML at `/m/NAME/html`, attachment N at `/m/NAME/N`, `/healthz`."""

    server: _PageServer
    server_version = "mailbox"
    sys_version = ""

    def do_GET(self) -> None:
        if not _is_local(self.headers.get("Host", "")):
            return self._answer(403, "text/plain; charset=utf-8", b"Ask for localhost.\n")
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        mailbox = self.server.mailbox
        match parts:
            case []:
                return self._page("Mailbox", _list(mailbox))
            case ["healthz"]:
                return self._answer(200, "text/plain; charset=utf-8", b"ok\n")
            case ["m", name, *rest] if (message := mailbox.read(name)) is not None:
                match rest:
                    case []:
                        return self._page(_text(message, "Subject") or "(no subject)", _one(name, message))
                    case ["html"] if (html := message.get_body(("html",))) is not None:
                        return self._answer(200, "text/html; charset=utf-8", _words(html).encode(), _PART_POLICY)
                    case [number] if number.isdecimal():
                        attached = list(message.iter_attachments())
                        if int(number) < len(attached):
                            return self._attachment(attached[int(number)])
        self._answer(404, "text/plain; charset=utf-8", b"There is no such message.\n")
