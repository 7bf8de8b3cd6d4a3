"""The mailbox of `./dev run`: takes mail by SMTP, keeps each message as a file, and shows them on a page.

Everything in a message was written by somebody else, so the page escapes all of it, shows HTML parts in a frame without
rights, and runs no script. Both servers listen on 127.0.0.1 only.
"""

from __future__ import annotations

import argparse
import errno
import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP as SMTP_POLICY
from email.utils import parsedate_to_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from .children import is_free

HOST = "127.0.0.1"
LARGEST = 30 * 1024 * 1024

_NAME = re.compile(r"[A-Za-z0-9-]+\.eml")

# Nothing but our own style and frames; a frame gets its own, stricter, policy with the document.
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
_PART_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

_STYLE = """
body{margin:0;background:#f6f4ef;color:#16212b;font:15px/22px Inter,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
main{max-width:860px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:22px;line-height:28px;margin:8px 0}h2{font-size:15px;margin:24px 0 8px}
a{color:#0b5f52}table{width:100%;border-collapse:collapse;background:#fff;border:1px solid #e4e0d6}
th,td{padding:9px 12px;text-align:left;vertical-align:top;border-bottom:1px solid #e4e0d6;overflow-wrap:anywhere}
th{font-weight:400;color:#5b6670;white-space:nowrap}pre{white-space:pre-wrap;background:#fff;border:1px solid #e4e0d6;
padding:12px;overflow-wrap:anywhere}iframe{width:100%;height:1500px;border:1px solid #e4e0d6;background:#fff}
.short{color:#5b6670;margin:0 0 12px;overflow-wrap:anywhere}details{margin:16px 0}summary{cursor:pointer}
@media (prefers-color-scheme:dark){body{background:#11171b;color:#eef2f1}a{color:#6fd3bd}
table,pre{background:#192127;border-color:#2b363e}th,td{border-color:#2b363e}th,.short{color:#a3afb6}}
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
        return message if isinstance(message, EmailMessage) else None

    def arrived_at(self, name: str) -> datetime:
        return datetime.fromtimestamp((self.directory / name).stat().st_mtime, UTC)


class _Keeping:
    """What aiosmtpd asks for each message."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        try:
            name = self.mailbox.keep(content if isinstance(content, bytes) else content.encode())
        except OSError as problem:
            return f"451 4.3.0 cannot keep mail: {problem.strerror}"
        return f"250 2.0.0 kept as {name}"


class PageServer(ThreadingHTTPServer):
    """Serves the pages of one mailbox."""

    daemon_threads = True

    def __init__(self, mailbox: Mailbox, port: int) -> None:
        self.mailbox = mailbox
        super().__init__((HOST, port), _Pages)


class _Pages(BaseHTTPRequestHandler):
    """The list at `/`, a message at `/m/NAME`, its HTML at `/m/NAME/html`, attachment N at `/m/NAME/N`, `/healthz`."""

    server: PageServer
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
                        return self._page(_text(message, "Subject") or "(no subject)", _one(mailbox, name, message))
                    case ["html"] if (html := message.get_body(("html",))) is not None:
                        return self._answer(200, "text/html; charset=utf-8", _words(html).encode(), _PART_POLICY)
                    case [number] if number.isdecimal():
                        attached = list(message.iter_attachments())
                        if int(number[:4]) < len(attached):
                            return self._attachment(attached[int(number[:4])])
        self._answer(404, "text/plain; charset=utf-8", b"There is no such message.\n")

    def _page(self, title: str, body: str) -> None:
        html = (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
        )
        self._answer(200, "text/html; charset=utf-8", html.encode("utf-8", "replace"), _PAGE_POLICY)

    def _attachment(self, part: EmailMessage) -> None:
        content = part.get_payload(decode=True)
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", part.get_filename() or "attachment")
        self._answer(
            200,
            "application/octet-stream",
            content if isinstance(content, bytes) else b"",
            disposition=f'attachment; filename="{name}"',
        )

    def _answer(
        self, status: int, kind: str, body: bytes, policy: str = "default-src 'none'", disposition: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        if disposition:
            self.send_header("Content-Disposition", disposition)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: a line for each look at the page would bury the stack's own."""


def _list(mailbox: Mailbox) -> str:
    rows = []
    for name in mailbox.names():
        if (message := mailbox.read(name)) is None:
            continue
        subject = escape(_text(message, "Subject") or "(no subject)")
        rows.append(
            f"<tr><td>{_time(mailbox.arrived_at(name))}</td><td>{escape(_date(message))}</td>"
            f"<td>{escape(_text(message, 'To'))}</td>"
            f'<td><a href="/m/{name}">{subject}</a></td></tr>'
        )
    if not rows:
        return "<h1>Mailbox</h1><p>No mail yet. What the worker sends appears here.</p>"
    titles = ("Kept (UTC)", "Dated (UTC)", "To", "Subject")
    heading = "".join(f'<th scope="col">{title}</th>' for title in titles)
    return f"<h1>Mailbox</h1><table><tr>{heading}</tr>{''.join(rows)}</table>"


def _one(mailbox: Mailbox, name: str, message: EmailMessage) -> str:
    """The mail as its reader sees it, high up; what is for developers is folded below."""
    subject = escape(_text(message, "Subject") or "(no subject)")
    headers = "".join(
        f'<tr><th scope="row">{escape(header)}</th><td>{escape(_text(message, header))}</td></tr>'
        for header in dict.fromkeys(message.keys())
    )
    facts = {
        "from": _text(message, "From"),
        "to": _text(message, "To"),
        "dated": _date(message),
        "kept": _time(mailbox.arrived_at(name)),
    }
    short = " · ".join(f"{what} {escape(value)}" for what, value in facts.items() if value)
    shown = [f'<a href="/">All mail</a><h1>{subject}</h1><p class="short">{short} (UTC)</p>']
    attached = [
        f'<li><a href="/m/{name}/{number}">{escape(part.get_filename() or "attachment")}</a></li>'
        for number, part in enumerate(message.iter_attachments())
    ]
    if attached:
        shown.append(f"<ul>{''.join(attached)}</ul>")
    has_html = message.get_body(("html",)) is not None
    if has_html:
        shown.append(f'<iframe sandbox title="HTML part" src="/m/{name}/html"></iframe>')
    if (text := message.get_body(("plain",))) is not None:
        unfolded = "" if has_html else " open"
        shown.append(f"<details{unfolded}><summary>Text part</summary><pre>{escape(_words(text))}</pre></details>")
    shown.append(f"<details><summary>All headers</summary><table>{headers}</table></details>")
    return "".join(shown)


def _date(message: EmailMessage) -> str:
    """The instant that the message gives itself, in UTC; as it came where it is none."""
    text = _text(message, "Date")
    try:
        dated = parsedate_to_datetime(text)
        return _time(dated.astimezone(UTC) if dated.tzinfo else dated)  # "-0000" is UTC, of an unknown place
    except (ValueError, TypeError, IndexError, OverflowError):
        return text


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"


def _text(message: EmailMessage, header: str) -> str:
    """A header as text, every value of it; what cannot be understood is shown as it came."""
    try:
        return ", ".join(str(value) for value in message.get_all(header, []))
    except (ValueError, LookupError, IndexError, AttributeError):
        return ", ".join(str(value) for name, value in message.raw_items() if name.lower() == header.lower())


def _words(part: MIMEPart) -> str:
    content = part.get_payload(decode=True)
    words = content if isinstance(content, bytes) else b""
    try:
        return words.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return words.decode("utf-8", "replace")


def _is_local(host: str) -> bool:
    """Whether the page was asked for by a name of this machine: another name may be a stranger's that points here."""
    return host.rpartition(":")[0] in (HOST, "localhost") or host in (HOST, "localhost")


def serve(mailbox: Mailbox, smtp_port: int, http_port: int, stop: threading.Event) -> None:
    """Take mail and show it until `stop` is set."""
    if not is_free(smtp_port):  # the controller would try for five seconds
        raise OSError(errno.EADDRINUSE, f"port {smtp_port} is taken")
    smtp = Controller(
        _Keeping(mailbox),
        hostname=HOST,
        port=smtp_port,
        data_size_limit=LARGEST,
        server_hostname="mailbox.localhost",
        ident="mailbox",
    )
    with PageServer(mailbox, http_port) as pages:
        thread = threading.Thread(target=pages.serve_forever, daemon=True)
        thread.start()
        try:
            smtp.start()
            try:
                print(f"mail is kept in {mailbox.directory} and shown at http://{HOST}:{http_port}/", flush=True)
                stop.wait()
            finally:
                smtp.stop()
        finally:
            pages.shutdown()
            thread.join()


def main(arguments: list[str] | None = None) -> int:
    """Run the mailbox until SIGTERM or SIGINT."""
    options = argparse.ArgumentParser(prog="python -m local.mailbox", description=__doc__)
    options.add_argument("--smtp-port", type=int, required=True, metavar="N", help="where mail comes in")
    options.add_argument("--http-port", type=int, required=True, metavar="N", help="where mail is shown")
    options.add_argument("--dir", type=Path, required=True, metavar="DIR", help="where mail is kept")
    chosen = options.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve(Mailbox(chosen.dir), chosen.smtp_port, chosen.http_port, stop)
    except OSError as problem:
        print(f"the mailbox cannot start: {problem.strerror or problem}; choose other ports", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
