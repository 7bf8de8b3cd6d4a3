"""What a mail said survives as JSON, whatever its kind."""

from __future__ import annotations

import json

import pytest

from emails import kinds, samples
from emails.kinds import AnyKind
from emails.render import render
from emails.said import Said, read

EVERY_SAMPLE = [(kind, sample) for kind in kinds.ALL for sample in kind.samples]


@pytest.mark.parametrize(("kind", "sample"), EVERY_SAMPLE)
def test_what_was_said_is_read_as_it_was_kept(kind: AnyKind, sample: str) -> None:
    said = Said(kind, kind.samples[sample], "F-1")
    assert read(json.loads(json.dumps(said.as_json()))) == said


@pytest.mark.parametrize(("kind", "sample"), EVERY_SAMPLE)
@pytest.mark.parametrize("locale", ["fr_CA", "en_CA"])
def test_a_mail_written_from_what_was_kept_is_the_same_to_the_letter(kind: AnyKind, sample: str, locale: str) -> None:
    kept = read(json.loads(json.dumps(Said(kind, kind.samples[sample]).as_json())))
    assert kept is not None
    with_all = {"merchant": samples.MERCHANT, "remittance": samples.REMITTANCE}
    assert render(kind, kept.context, locale, **with_all) == render(kind, kind.samples[sample], locale, **with_all)


def test_what_this_version_cannot_read_is_none() -> None:
    whole = Said(kinds.invoice, kinds.invoice.samples["due"]).as_json()
    assert read(whole | {"kind": "a_kind_of_long_ago"}) is None
    assert read(whole | {"context": {"number": "F-1"}}) is None
    assert read({}) is None


def test_a_field_that_went_is_passed_over() -> None:
    whole = Said(kinds.invoice, kinds.invoice.samples["due"]).as_json()
    whole["context"]["a_field_of_long_ago"] = 1
    assert read(whole) == Said(kinds.invoice, kinds.invoice.samples["due"])
