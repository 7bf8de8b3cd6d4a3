"""A merchant's own templates are checked before a customer gets a mail that is written with them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from emails import samples
from emails.lint import Finding, findings_in
from emails.preview import Studio
from emails.render import HERE

STUDIO = Studio(samples.MERCHANT, samples.REMITTANCE, "billing@boreal.example", "boreal.example", None, None)
OURS = HERE / "templates"
Check = Callable[..., list[Finding]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Check a folder that holds these files; the invoice's other parts are ours, copied."""

    def go(**files: str) -> list[Finding]:
        for part in ("body.html", "body.txt", "subject.txt"):
            (tmp_path / "invoice").mkdir(exist_ok=True)
            shutil.copy(OURS / "invoice" / part, tmp_path / "invoice" / part)
        for name, text in files.items():
            (tmp_path / "invoice" / name.replace("__", ".")).write_text(text, "utf-8")
        return findings_in(tmp_path, STUDIO)

    return go


@pytest.mark.long
def test_our_own_templates_have_nothing_wrong(tmp_path: Path) -> None:
    shutil.copytree(OURS, tmp_path / "own")
    assert findings_in(tmp_path / "own", STUDIO) == []


@pytest.mark.parametrize(
    ("text", "line", "fact", "fix"),
    [
        ("\n{{ mail.numbr }}", 2, "mail.numbr is not known", "write mail.number"),
        ("{{ mail.zzzzz }}", 1, "mail.zzzzz is not known", "use one of amount_paid, attached, balance"),
        ("{{ merchant.nam }}", 1, "merchant.nam is not known", "write merchant.name"),
        ("{{ links.pdff }}", 1, "links.pdff is not known", "write links.pdf"),
        ("\n\n{{ mial }}", 3, "mial is not known", "write mail"),
        ("{% if mail.number %}", 1, "it cannot be read as a template: Unexpected end", "correct this line"),
        ("\n{{ mail.number|monney }}", 2, "it cannot be read as a template: No filter named 'monney'", "correct this"),
        ('{{ _("A sentence of mine") }}', 1, "«A sentence of mine» has no translation", '{% if locale == "fr_CA" %}'),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_fix(check: Check, text: str, line: int, fact: str, fix: str) -> None:
    found = check(subject__txt=text)
    assert any(each.line == line and fact in each.fact and fix in each.fix for each in found), found
    assert {each.file for each in found} == {"invoice/subject.txt"}


def test_a_value_that_only_writing_misses_is_told_with_its_line(check: Check) -> None:
    (found,) = {(each.file, each.line) for each in check(subject__txt="\n{{ mail.lines[0].descripton }}")}
    assert found == ("invoice/subject.txt", 2)


def test_html_without_its_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "invoice").mkdir()
    shutil.copy(OURS / "invoice" / "body.html", tmp_path / "invoice" / "body.html")
    (found,) = findings_in(tmp_path, STUDIO)
    assert (found.file, found.fact) == ("invoice/body.html", "the text part is missing: readers of it get our words")
    assert "add invoice/body.txt" in found.fix


def test_a_mail_that_would_be_cut_is_told(check: Check) -> None:
    found = check(body__html="<p>" + "x" * 95 * 1024 + "</p>")
    assert found and all("KB: Gmail cuts mails at 102 KB" in each.fact for each in found)


def test_a_file_that_nothing_reads_is_told_with_the_name_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "invoices").mkdir()
    (tmp_path / "invoices" / "body.txt").write_text("x")
    (found,) = findings_in(tmp_path, STUDIO)
    assert "nothing reads this file" in found.fact and "name it invoice/body.txt" in found.fix


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "invoice").mkdir()
    (tmp_path / "invoice" / "subject.txt").write_bytes("é".encode("latin-1"))
    (found,) = findings_in(tmp_path, STUDIO)
    assert "it is not UTF-8" in found.fact
