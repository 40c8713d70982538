"""Answers against the reference: whole ones, events and refusals are as it says, and those of models say no more."""

from __future__ import annotations

import functools
import json
from typing import Any

import jsonschema
import jsonschema.exceptions

from lsrv.api.reference.openapi import openapi_body
from lsrv.api.routes import ROUTES
from lsrv.api.routing.route import JSON


@functools.cache
def reference(*, is_closed: bool = True) -> dict[str, Any]:
    """The document; `is_closed`: with objects that have the fields they name, and no others."""
    document = json.loads(openapi_body(ROUTES))
    return _closed(document) if is_closed else document


def assert_described(method: str, path: str, body: Any, *, status: int = 200, is_event: bool = False) -> None:
    """Fails unless `body`, or the event of a stream, is what the reference says of that answer."""
    document = reference(is_closed=method == "POST")
    answer = document["paths"][path][method.lower()]["responses"][str(status)]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    content = answer["content"]
    schema = _item_schema(content) if is_event else content[JSON]["schema"]
    found = jsonschema.Draft202012Validator(schema | {"components": document["components"]}).iter_errors(body)
    error = jsonschema.exceptions.best_match(found)
    assert error is None, f"{method} {path} ({status}), {error.json_path}: {error.message[:400]}"


def _item_schema(content: dict[str, Any]) -> dict[str, Any]:
    """That of a line, or of what stands behind `data:` in an event."""
    item = next(each["itemSchema"] for each in content.values() if "itemSchema" in each)
    data = item.get("properties", {}).get("data", {})
    return data.get("anyOf", [data])[-1].get("contentSchema", item)


def _closed(value: Any) -> Any:
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _closed(item) for key, item in value.items()}
    is_open = value.get("type") == "object" and "properties" in value and "additionalProperties" not in value
    return found | {"additionalProperties": False} if is_open else found
