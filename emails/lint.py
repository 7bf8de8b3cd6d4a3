"""Checks a merchant's own templates before a customer gets a mail that is written with them."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

from jinja2 import TemplateError, TemplateSyntaxError, nodes

from billing.merchant import Merchant, Remittance

from . import kinds
from .kinds import AnyKind
from .language import LOCALES
from .links import Links
from .preview import LARGEST, Studio
from .render import HERE, catalogue, environment

_GIVEN = {"mail", "merchant", "remittance", "links", "kind", "css", "subject"}  # what emails/render.py writes with
_GIVEN |= {"loop", "self", "super", "caller", "varargs", "kwargs"}  # and what Jinja itself has


class Finding(NamedTuple):
    """What is wrong, where, and how to put it right. `file` is within the folder."""

    file: str
    line: int
    fact: str
    fix: str


def findings_in(folder: Path, studio: Studio) -> list[Finding]:
    """Everything that is wrong with the templates of a folder, by file and line."""
    folder = folder.resolve()
    found: set[Finding] = set()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            found.update(_of_file(folder, path.relative_to(folder)))
    if not any("cannot be read as a template" in finding.fact for finding in found):
        shared = any(path.is_file() for path in folder.glob("_*"))
        for kind in kinds.ALL:
            if shared or (folder / kind.name).is_dir():
                found.update(_of_mails(folder, studio, kind))
    return sorted(found)


def _of_file(folder: Path, path: Path) -> Iterator[Finding]:
    """What can be seen without writing a mail."""
    name = path.as_posix()
    ours = sorted(each.relative_to(HERE / "templates").as_posix() for each in (HERE / "templates").rglob("*.*"))
    shared = path.with_suffix(".jinja").as_posix()
    if name not in ours and shared not in ours and not path.name.startswith("_"):
        near = difflib.get_close_matches(name, ours, 1, cutoff=0.5)
        hint = f"name it {near[0]}, or remove it" if near else "remove it; `quittance emails kinds` lists the kinds"
        yield Finding(name, 1, "nothing reads this file: no kind of mail has a template of this name", hint)
        return
    try:
        source = (folder / path).read_text("utf-8")
        tree = environment("fr_CA", str(folder)).parse(source)
        environment("fr_CA", str(folder)).compile(source, name)
    except UnicodeDecodeError:
        yield Finding(name, 1, "it cannot be read as a template: it is not UTF-8", "save it as UTF-8")
        return
    except TemplateSyntaxError as wrong:
        yield Finding(name, wrong.lineno, f"it cannot be read as a template: {wrong.message}", "correct this line")
        return
    yield from _unknown_values(name, tree)
    yield from _missing_words(folder, name, source)
    yield from _missing_part(folder, path)


def _unknown_values(name: str, tree: nodes.Template) -> Iterator[Finding]:
    """Attributes that what a mail is written from does not have. Others are found by writing it."""
    kind = next((kind for kind in kinds.ALL if kind.name == name.partition("/")[0]), None)
    known = {"merchant": _names(Merchant), "remittance": _names(Remittance), "links": _names(Links)}
    if kind:
        known["mail"] = _names(kind.context)
    for asked in tree.find_all(nodes.Getattr):
        if isinstance(asked.node, nodes.Name) and asked.attr not in known.get(asked.node.name, {asked.attr}):
            of, near = asked.node.name, difflib.get_close_matches(asked.attr, known[asked.node.name], 1)
            hint = f"write {of}.{near[0]}" if near else f"use one of {', '.join(sorted(known[of]))}"
            yield Finding(name, asked.lineno, f"{of}.{asked.attr} is not known", hint)
    if kind:
        yield from _unknown_variables(name, tree)


def _unknown_variables(name: str, tree: nodes.Template) -> Iterator[Finding]:
    """Variables that neither a mail is written with nor this template sets."""
    known = _GIVEN | set(environment("fr_CA", None).globals) | _set_in(tree)
    for variable in tree.find_all(nodes.Name):
        if variable.name not in known:
            near = difflib.get_close_matches(variable.name, known, 1)
            fix = f"write {near[0]}" if near else "set it in this template, or take it out"
            yield Finding(name, variable.lineno, f"{variable.name} is not known", fix)


def _set_in(tree: nodes.Template) -> set[str]:
    names = {each.name for each in tree.find_all(nodes.Name) if each.ctx != "load"}
    names |= {each.name for each in tree.find_all(nodes.Macro)}
    names |= {each.target for each in tree.find_all(nodes.Import)}
    for each in tree.find_all(nodes.FromImport):
        names |= {new if isinstance(new, str) else new[1] for new in each.names}
    return names


def _names(of: type) -> set[str]:
    return {field.name for field in fields(of)} | {name for name in dir(of) if not name.startswith("_")}


def _missing_words(folder: Path, name: str, source: str) -> Iterator[Finding]:
    """Messages without a translation would be English in a French mail."""
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in catalogue("fr_CA")}
    for line, _, message in environment("fr_CA", str(folder)).extract_translations(source):  # type: ignore[attr-defined]
        text = message if isinstance(message, str) else message[0]
        if text not in known:
            yield Finding(
                name,
                line,
                f"«{text[:60]}» has no translation: French mails would say it in English",
                'write both: {% if locale == "fr_CA" %}..{% else %}..{% endif %}',
            )


def _missing_part(folder: Path, path: Path) -> Iterator[Finding]:
    """A mail whose HTML is a merchant's own and whose text is ours says two things."""
    for own, other in (("body.html", "body.txt"), ("body.txt", "body.html")):
        if path.name == own and not (folder / path).with_name(other).exists():
            part = "text" if other.endswith(".txt") else "HTML"
            copied = f"emails/templates/{path.with_name(other).as_posix()}"
            fix = f"add {path.with_name(other).as_posix()}; {copied} is where to begin"
            yield Finding(path.as_posix(), 1, f"the {part} part is missing: readers of it get our words", fix)


def _of_mails(folder: Path, studio: Studio, kind: AnyKind) -> Iterator[Finding]:
    """What goes wrong when mails are written: every sample in both languages."""
    place = f"{kind.name}/body.html"
    for sample in kind.samples:
        for locale in LOCALES:
            try:
                made = replace(studio, template_dir=str(folder)).preview(kind, sample, locale)
            except TemplateError as wrong:
                yield _where(folder, wrong, f"{kind.name}, sample {sample}, {locale}")
                continue
            if made.size > LARGEST and (folder / place).exists():
                fact = f"the HTML of sample {sample} is {made.size // 1024} KB: Gmail cuts mails at 102 KB"
                yield Finding(place, 1, fact, f"make it smaller than {LARGEST // 1024} KB")


def _where(folder: Path, wrong: TemplateError, written: str) -> Finding:
    """The line of the merchant's own template at which writing failed."""
    fact, fix = f"{wrong.message} (writing {written})", "use a value that the mail has, or ask `is defined` first"
    for frame in reversed(traceback.extract_tb(wrong.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(folder):
            return Finding(path.relative_to(folder).as_posix(), frame.lineno or 1, fact, fix)
    return Finding(getattr(wrong, "name", None) or written.partition(",")[0], 1, fact, fix)
