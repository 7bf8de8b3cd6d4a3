"""Every text of every mail can be read on its ground, in light and in dark, as the styles of the finished HTML say."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib
import pytest

from billing.colours import READABLE, contrast
from emails import kinds, samples
from emails.kinds import AnyKind
from tests.emails.mails import rendered

Styles = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule of the style sheet that stays in <head>: `.box th`, `a`. Every declaration there is !important."""

    parts: tuple[str, ...]
    styles: Styles

    @property
    def weight(self) -> tuple[int, int]:
        classes = sum(part.startswith(".") for part in self.parts)
        return classes, len(self.parts) - classes

    def applies(self, path: list[Element]) -> bool:
        *above, last = self.parts
        if not _is(path[-1], last):
            return False
        rest = iter(path[:-1])
        return all(any(_is(element, part) for element in rest) for part in above)


def _is(element: Element, part: str) -> bool:
    if part.startswith("."):
        return part[1:] in element.get("class", "").split()
    return element.tag == part


def _styles(text: str) -> Styles:
    pairs = (each.partition(":") for each in text.split(";") if ":" in each)
    return {name.strip(): value.replace("!important", "").strip() for name, _, value in pairs}


def dark_rules(html: str) -> list[Rule]:
    block = re.search(r"@media \(prefers-color-scheme: dark\) *\{(.*?\})\s*\}", html, re.DOTALL)
    assert block
    rules = [
        Rule(tuple(selector.split()), _styles(body))
        for selectors, body in re.findall(r"([^{}]+)\{([^{}]+)\}", block[1])
        for selector in selectors.split(",")
    ]
    return sorted(rules, key=lambda rule: rule.weight)  # of the same weight, the later one wins


def texts(
    element: Element, rules: list[Rule], path: list[Element], colour: str, ground: str
) -> Iterator[tuple[str, str, str]]:
    """Each text that is shown, its colour, and that of its ground."""
    if not isinstance(element.tag, str):
        return
    path = [*path, element]
    styles = _styles(element.get("style", ""))
    for rule in rules:
        if rule.applies(path):
            styles |= rule.styles
    if styles.get("display") == "none":
        return
    colour, ground = styles.get("color", colour), styles.get("background-color", ground)
    if element.text and element.text.strip():
        yield element.text.strip(), colour, ground
    for child in element:
        yield from texts(child, rules, path, colour, ground)
        if child.tail and child.tail.strip():
            yield child.tail.strip(), colour, ground


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_every_text_stands_out_from_its_ground(kind: AnyKind, scheme: str) -> None:
    html = rendered(kind, next(iter(kind.samples.values())), "fr_CA", links=samples.LINKS).html
    body = html5lib.parse(html, namespaceHTMLElements=False).find("body")
    assert body is not None
    found = list(texts(body, dark_rules(html) if scheme == "dark" else [], [], "#000000", "#ffffff"))
    assert len(found) > 8
    for text, colour, ground in found:
        assert contrast(colour, ground) >= READABLE, (text, colour, ground)
    grounds = {ground for _, _, ground in found}
    assert len(grounds) >= 3  # paper, card, pill: else the styles were not read
    assert ("#12181d" in grounds) == (scheme == "dark")
