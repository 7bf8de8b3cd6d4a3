"""The mailbox: what it keeps, what its page shows, and what a stranger's mail cannot do there."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from http.client import HTTPConnection
from pathlib import Path

import pytest

from emails.senders import sender_for
from local.children import free_port
from local.mailbox import Mailbox
from tests.conftest import ROOT, eventually


@dataclass
class Running:
    process: subprocess.Popen[str]
    smtp_port: int
    http_port: int
    folder: Path

    def get(self, path: str, host: str | None = None) -> tuple[int, dict[str, str], str]:
        """Ask for a path exactly as written."""
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", host or f"127.0.0.1:{self.http_port}")
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, dict(answer.getheaders()), body

    def send(self, message: EmailMessage) -> str:
        return sender_for(f"smtp://127.0.0.1:{self.smtp_port}").send(message, lambda: True)

    def names(self) -> list[str]:
        return Mailbox(self.folder).names()


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Running]:
    smtp_port, http_port, folder = free_port(), free_port(), tmp_path / "mail"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "local.mailbox"),
            *("--smtp-port", str(smtp_port), "--http-port", str(http_port), "--dir", str(folder)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running = Running(process, smtp_port, http_port, folder)
    try:
        eventually(lambda: process.poll() is not None or answers(running))
        assert process.poll() is None, process.stdout and process.stdout.read()
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def answers(running: Running) -> bool:
    """Whether both doors are open."""
    try:
        with smtplib.SMTP("127.0.0.1", running.smtp_port, local_hostname="localhost", timeout=5):
            return running.get("/healthz")[0] == 200
    except OSError:
        return False


def a_message(subject: str = "Votre facture F-10391", **changes: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    values = {
        "From": "facturation@boreal.example",
        "To": "marie@test1234.example",
        "Subject": subject,
        "Message-ID": "<one@boreal.example>",
    }
    for name, value in (values | changes).items():
        message[name] = value
    message.set_content("Bonjour Marie,\n<script>alert(1)</script>\n")
    message.add_alternative("<h1>Bonjour</h1><script>alert(1)</script>", subtype="html")
    message.add_attachment(b"%PDF-1.7 bytes", maintype="application", subtype="pdf", filename="Facture.pdf")
    return message


def test_a_message_is_kept_as_a_file_and_shown(mailbox: Running) -> None:
    answer = mailbox.send(a_message())
    [name] = mailbox.names()
    assert answer == f"250 2.0.0 kept as {name}"
    kept = message_from_bytes((mailbox.folder / name).read_bytes(), policy=SMTP)
    assert kept["Message-ID"] == "<one@boreal.example>"
    status, _, page = mailbox.get("/")
    assert status == 200
    assert "marie@test1234.example" in page and f'<a href="/m/{name}">Votre facture F-10391</a>' in page
    status, _, page = mailbox.get(f"/m/{name}")
    assert status == 200
    assert "Message-ID" in page and "&lt;one@boreal.example&gt;" in page and "Bonjour Marie," in page
    assert f'<iframe sandbox title="HTML part" src="/m/{name}/html"></iframe>' in page


def test_the_mail_itself_comes_before_what_is_folded(mailbox: Running) -> None:
    mailbox.send(a_message())
    [name] = mailbox.names()
    page = mailbox.get(f"/m/{name}")[2]
    places = [page.index(mark) for mark in ("to marie@test1234.example", "<iframe", "Bonjour Marie,", "Message-ID")]
    assert places == sorted(places)
    assert page.count("<details>") == 2
    assert "<details>" not in page[: page.index("<iframe")]


def test_a_message_without_html_shows_its_text(mailbox: Running) -> None:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = "a@boreal.example", "b@boreal.example", "text alone"
    message.set_content("Bonjour\n")
    mailbox.send(message)
    [name] = mailbox.names()
    page = mailbox.get(f"/m/{name}")[2]
    assert "<iframe" not in page and "<details open><summary>Text part</summary><pre>Bonjour" in page


def test_the_list_has_the_date_of_the_message_beside_when_it_was_kept(mailbox: Running) -> None:
    mailbox.send(a_message(Date="Mon, 11 Jan 2021 09:30:00 -0500"))
    [name] = mailbox.names()
    kept = f"{Mailbox(mailbox.folder).arrived_at(name):%Y-%m-%d %H:%M:%S}"
    assert f"<td>{kept}</td><td>2021-01-11 14:30:00</td>" in mailbox.get("/")[2]
    assert f"dated 2021-01-11 14:30:00 · kept {kept} (UTC)" in mailbox.get(f"/m/{name}")[2]


def test_an_attachment_comes_as_a_download_byte_for_byte(mailbox: Running) -> None:
    mailbox.send(a_message())
    [name] = mailbox.names()
    status, headers, body = mailbox.get(f"/m/{name}/0")
    assert (status, body) == (200, "%PDF-1.7 bytes")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == 'attachment; filename="Facture.pdf"'
    assert mailbox.get(f"/m/{name}/1")[0] == 404


def test_the_newest_message_comes_first(mailbox: Running) -> None:
    for number in range(3):
        mailbox.send(a_message(f"numéro {number}"))
    page = mailbox.get("/")[2]
    assert page.index("numéro 2") < page.index("numéro 1") < page.index("numéro 0")


def test_what_a_message_says_is_escaped_and_runs_no_script(mailbox: Running) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    mailbox.send(a_message(evil, To='"<b>x</b>" <marie@test1234.example>', **{"X-<script>": evil}))
    [name] = mailbox.names()
    for path in ("/", f"/m/{name}"):
        status, headers, page = mailbox.get(path)
        assert status == 200
        assert "<script" not in page and "<img" not in page and "<b>" not in page
        assert "&lt;script&gt;" in page
        assert "script-src" not in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    status, headers, part = mailbox.get(f"/m/{name}/html")
    assert (status, "<h1>Bonjour</h1>" in part) == (200, True)
    assert headers["Content-Security-Policy"].endswith("sandbox")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/m/../secret.eml",
        "/m/..%2fsecret.eml",
        "/m/%2e%2e%2fsecret.eml",
        "/m/..%5csecret.eml",
        "/m/%2Fetc%2Fpasswd",
        "//etc/passwd",
        "/m/secret.eml%00.eml",
        "/m/.hidden.eml",
        "/m/secret.txt",
        "/m/none.eml",
        "/m/kept.eml/html/more",
        "/m/kept.eml/-1",
        "/m/kept.eml/" + "9" * 5000,
        "/m/kept.eml/%D9%A1",
        "/m",
        "/else",
    ],
)
def test_nothing_outside_the_mailbox_can_be_read(mailbox: Running, path: str) -> None:
    mailbox.folder.mkdir(exist_ok=True)
    for outside in (
        mailbox.folder.parent / "secret.eml",
        mailbox.folder / ".hidden.eml",
        mailbox.folder / "secret.txt",
    ):
        outside.write_text("Subject: secret\n\nsecret words")
    (mailbox.folder / "kept.eml").write_text("Subject: kept\n\nBonjour")
    status, _, page = mailbox.get(path)
    assert status == 404
    assert "secret words" not in page and "root:" not in page
    assert "secret" not in mailbox.get("/")[2]


def test_a_page_asked_for_under_a_strangers_name_is_refused(mailbox: Running) -> None:
    mailbox.send(a_message())
    for host in ("evil.example", f"evil.example:{mailbox.http_port}", "127.0.0.1.evil.example"):
        status, _, page = mailbox.get("/", host=host)
        assert status == 403 and "marie" not in page
    assert mailbox.get("/", host=f"localhost:{mailbox.http_port}")[0] == 200


def test_a_broken_message_is_shown_as_far_as_it_goes(mailbox: Running) -> None:
    mailbox.folder.mkdir(exist_ok=True)
    (mailbox.folder / "broken.eml").write_bytes(
        b"Subject: =?utf-8?q?caf=C3?=\r\nTo: <<>>\r\nDate: never\r\n"
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe"
    )
    (mailbox.folder / "empty.eml").write_bytes(b"")
    assert mailbox.get("/")[0] == 200
    assert mailbox.get("/m/broken.eml")[0] == 200
    assert mailbox.get("/m/empty.eml")[0] == 200


def test_an_empty_mailbox_says_so(mailbox: Running) -> None:
    assert "No mail yet" in mailbox.get("/")[2]


def test_both_servers_listen_on_the_loopback_address_only(mailbox: Running) -> None:
    listening = Path("/proc/net/tcp")
    if not listening.exists():  # elsewhere than on Linux, the other tests ask by this address
        return
    wanted = {f"{port:04X}" for port in (mailbox.smtp_port, mailbox.http_port)}
    found = [line.split()[1].split(":") for line in listening.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    assert {address for address, port in found if port in wanted} == {"0100007F"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_told_to(mailbox: Running, number: signal.Signals) -> None:
    mailbox.send(a_message())
    os.kill(mailbox.process.pid, number)
    said, _ = mailbox.process.communicate(timeout=20)
    assert mailbox.process.returncode == 0
    assert said == f"mail is kept in {mailbox.folder} and shown at http://127.0.0.1:{mailbox.http_port}/\n"


def test_a_taken_port_is_named_and_ends_it(mailbox: Running, tmp_path: Path) -> None:
    second = subprocess.run(
        [
            *(sys.executable, "-m", "local.mailbox"),
            *("--smtp-port", str(mailbox.smtp_port), "--http-port", str(free_port()), "--dir", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 1
    assert f"port {mailbox.smtp_port} is taken" in second.stderr and "Traceback" not in second.stderr
