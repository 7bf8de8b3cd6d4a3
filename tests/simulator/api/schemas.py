"""The provider's own schemas, where they stand beside this repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).parents[4] / "shared" / "chargebee" / "openapi" / "chargebee-pc2-slice.openapi.json"
MISSING = "the provider's OpenAPI file is not beside this repository"
_URI = "urn:chargebee"
Schema = dict[str, Any]


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_bytes())
    return found


@cache
def _registry() -> Registry[Any]:
    return Registry().with_resource(_URI, Resource.from_contents(document(), default_specification=DRAFT202012))


def answer_schema(method: str, path: str) -> Schema | None:
    """The schema of a call's answer; None where the file has no such call."""
    path = path.replace("<id>", "{id}")
    if method.lower() not in document()["paths"].get(path, {}):
        return None
    return _at("paths", path, method.lower(), "responses", "200", "content", "application/json", "schema")


def webhook_schema(event_type: str) -> Schema | None:
    """The schema of a webhook's body; None where the provider has no such event."""
    if event_type not in document()["webhooks"]:
        return None
    return _at("webhooks", event_type, "post", "requestBody", "content", "application/json", "schema")


def _at(*keys: str) -> Schema:
    return {"$ref": "#/" + "/".join(key.replace("~", "~0").replace("/", "~1") for key in keys)}


def faults(schema: Schema, body: Any) -> set[str]:
    """What is wrong with a body: faults such as `invoice.line_items.entity_type: 'x' is not one of ..`."""
    validator = Draft202012Validator({"$ref": _URI + schema["$ref"]}, registry=_registry())
    found = set()
    for error in validator.iter_errors(body):
        place = ".".join(str(part) for part in error.absolute_path if not isinstance(part, int))
        found.add(f"{place}: {error.message[:120]}")
    return found


def unknown_fields(schema: Schema, body: Any, place: str = "") -> Iterator[str]:
    """The fields of a body that its schema does not have: the schemas allow them, and a wrong name is one of them."""
    schema = resolved(schema)
    if isinstance(body, list):
        for item in body:
            yield from unknown_fields(schema.get("items", {}), item, place)
    elif isinstance(body, dict) and schema.get("properties"):
        for name, value in body.items():
            there = f"{place}.{name}".lstrip(".")
            if name in schema["properties"]:
                yield from unknown_fields(schema["properties"][name], value, there)
            elif name != "object" and not name.startswith("cf_"):
                yield there


def resolved(schema: Schema) -> Schema:
    """A schema with what it refers to, its parts as one."""
    while "$ref" in schema:
        found: Any = document()
        for key in schema["$ref"].removeprefix("#/").split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
        schema = found
    parts = [resolved(part) for part in schema.get("allOf", [])]
    if parts:
        return {"properties": {name: kind for part in parts for name, kind in part.get("properties", {}).items()}}
    return schema


def parameters(method: str, path: str) -> set[str]:
    """The parameters of a call, named as our tables name them; none where the file has no such call."""
    call = document()["paths"].get(path.replace("<id>", "{id}"), {}).get(method.lower(), {})
    if method == "GET":
        return {name for asked in call.get("parameters", []) if asked["in"] == "query" for name in _filters(asked)}
    body = call.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
    return {
        name
        for field, schema in resolved(body.get("schema", {})).get("properties", {}).items()
        for name in _names(field, schema)
    }


def _filters(asked: dict[str, Any]) -> Iterator[str]:
    operators = resolved(asked["schema"]).get("properties")
    yield from [f"{asked['name']}[{operator}]" for operator in operators] if operators else [asked["name"]]


def _names(field: str, schema: dict[str, Any]) -> Iterator[str]:
    schema = resolved(schema)
    if schema.get("type") == "array":
        yield f"{field}[]"
    elif schema.get("type") == "object" and schema.get("properties"):
        for inner, kind in schema["properties"].items():
            yield f"{field}[{inner}]" + ("[]" if resolved(kind).get("type") == "array" else "")
    else:
        yield field
