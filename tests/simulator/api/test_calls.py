"""Every call by the provider's own client; answers and webhook bodies hold against the provider's schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import request

from simulator import Site, history
from simulator.api import CALLS
from simulator.api.calls import Call
from simulator.api.traffic import Limits
from simulator.fixtures import client_of
from simulator.http import create_app
from simulator.server import serving
from tests.simulator.api import schemas
from tests.simulator.api.tour import tour

PDF = ("POST", "/invoices/<id>/pdf")
DOCS = Path(__file__).parents[3] / "docs" / "simulator.md"
PAGING = {"limit", "offset", "include_deleted", "sort_by[asc]", "sort_by[desc]"}
OURS = [(call.method, call.path) for call in CALLS if call.table is not None] + [PDF]

# What differs from the provider's schemas, as docs/simulator.md says too: the end of a fault -> why.
DIFFERENT = {
    "unknown: content.credit_notes": "a list is plural on the wire, whatever the schema calls it",
    "unknown: content.unbilled_charges": "the same",
    "invoice.base_currency_code": "a genuine field that the schema lacks",
    "transaction.base_currency_code": "a genuine field that the schema lacks",
    "credit_note.base_currency_code": "a genuine field that the schema lacks",
    "credit_note.exchange_rate": "a genuine field that the schema lacks",
    "credit_note.customer_notes": "a genuine field that the schema lacks",
    "credit_notes.base_currency_code": "the same in a list",
    "credit_notes.exchange_rate": "the same in a list",
    "credit_notes.customer_notes": "the same in a list",
}


class Given(NamedTuple):
    """One answer of the API."""

    method: str
    path: str
    status: int
    body: Any


class Toured(NamedTuple):
    site: Site
    answers: list[Given]


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toured]:
    """A site to which every call was made over HTTP, and the answers it gave."""
    site = Site(seed=7)
    app = create_app(site, api_key="test_key", limits=Limits(per_minute=10_000))
    answers: list[Given] = []

    @app.after_request
    def note(answer: Any) -> Any:
        path = str(request.url_rule).removeprefix("/api/v2")
        answers.append(Given(request.method, path, answer.status_code, answer.json))
        return answer

    with serving(app) as url, pytest.MonkeyPatch.context() as patch:
        tour(site, client_of(url, "test_key", patch, tmp_path_factory.mktemp("no-certificates")))
        yield Toured(site, answers)


def test_the_providers_client_makes_every_call(toured: Toured) -> None:
    made = {(given.method, given.path) for given in toured.answers if given.status == 200}
    assert made == set(OURS)


needs_schemas = pytest.mark.skipif(not schemas.FILE.is_file(), reason=schemas.MISSING)


def excused(faults: set[str]) -> set[str]:
    return {fault for fault in faults if not fault.endswith(tuple(DIFFERENT))}


@needs_schemas
def test_every_answer_holds_against_the_providers_schemas(toured: Toured) -> None:
    faults: set[str] = set()
    for given in toured.answers:
        schema = schemas.answer_schema(given.method, given.path)
        if schema and given.status == 200:
            faults |= {f"{given.method} {given.path} {fault}" for fault in schemas.faults(schema, given.body)}
            faults |= {f"{given.path} unknown: {name}" for name in schemas.unknown_fields(schema, given.body)}
    assert excused(faults) == set()


@needs_schemas
@pytest.mark.parametrize("seed", range(3))
def test_every_webhook_body_holds_against_the_providers_schemas(seed: int) -> None:
    check_events(history(seed, actions=60))


@needs_schemas
def test_every_webhook_body_of_the_tour_and_of_the_year_after_it_holds_too(toured: Toured) -> None:
    toured.site.advance(days=370)
    check_events(toured.site)


def check_events(site: Site) -> None:
    faults: set[str] = set()
    for event in site.events:
        schema = schemas.webhook_schema(event["event_type"])
        if schema is None:
            faults.add(f"there is no event {event['event_type']}")
            continue
        faults |= {f"{event['event_type']} {fault}" for fault in schemas.faults(schema, event)}
        faults |= {f"unknown: {name}" for name in schemas.unknown_fields(schema, event)}
    assert excused(faults) == set()


@needs_schemas
def test_the_documentation_lists_every_parameter_that_is_refused() -> None:
    documented = dict(re.findall(r"^\| `(\w+ /\S+)` \| (.+) \|$", DOCS.read_text(), re.MULTILINE))
    refused = {f"{call.method} {call.path}".replace("<id>", "{id}"): " ".join(not_taken(call)) for call in CALLS}
    assert documented == {call: names for call, names in refused.items() if names}


@needs_schemas
def test_no_call_takes_a_parameter_that_the_provider_does_not() -> None:
    for call in CALLS:
        if call.table is not None and (known := schemas.parameters(call.method, call.path)):
            groups = {name for name in known if "[" not in name}  # whose parts the schemas do not say
            assert {name for name in taken(call) - known if name.partition("[")[0] not in groups} <= {"cf_*"}


def taken(call: Call) -> set[str]:
    """The names of what a call may be given."""
    if call.filters is None:
        return set(call.table or {})
    return {
        f"{field}[{operator}]" if operator else field
        for field, asked in call.filters.items()
        for operator in asked.operators
    }


def not_taken(call: Call) -> list[str]:
    """The provider's parameters that a call of ours refuses: a whole group by its name."""
    if call.table is None:
        return []
    ours = taken(call) | PAGING
    groups = {name.partition("[")[0] for name in ours if "[" in name}
    refused = schemas.parameters(call.method, call.path) - ours
    return sorted({name if (group := name.partition("[")[0]) in groups else group for name in refused} - groups)
