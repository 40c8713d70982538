"""What llguidance doesn't say about a JSON Schema by itself: keywords that it would pass over, and sizes. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

_OLD_KEYWORDS = ("extends", "disallow", "divisibleBy")  # of drafts before 4: llguidance would pass over them
_VALUES = ("const", "enum", "default", "examples")  # keywords whose values are no schemas
_NAMED = ("properties", "patternProperties", "$defs", "definitions")  # keywords whose values have schemas by name
# Each makes the first key of an object four ways longer, of which llguidance follows 2000; compiling takes time as n².
_MAX_OPTIONAL = 480

Schema = dict[str, object]


def check_schema(source: str) -> None:
    """Raises ValueError for what can't be kept to the letter."""
    try:
        document: object = json.loads(source)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    for schema in schemas_in(document):
        _check_keywords(schema)
        _check_size(schema)


def _check_keywords(schema: Schema) -> None:
    for keyword in _OLD_KEYWORDS:
        if keyword in schema:
            raise ValueError(f'Unimplemented keys: ["{keyword}"]')
    if isinstance(schema.get("required"), bool):
        raise ValueError('Unimplemented keys: ["required"] as true or false; name the keys at the object')


def _check_size(schema: Schema) -> None:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return
    optional = set(cast("Schema", properties))
    if isinstance(required, list):
        optional -= {key for key in cast("list[object]", required) if isinstance(key, str)}
    if len(optional) > _MAX_OPTIONAL:
        raise ValueError(f"an object has {len(optional)} properties that may be left out; {_MAX_OPTIONAL} are allowed")


def schemas_in(document: object) -> Iterator[Schema]:
    """A schema and those inside, as far as they can be told from names of properties and from plain values."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += cast("list[object]", value)
        if not isinstance(value, dict):
            continue
        schema = cast("Schema", value)
        yield schema
        for key, inner in schema.items():
            if key not in _VALUES:
                pending += cast("Schema", inner).values() if key in _NAMED and isinstance(inner, dict) else [inner]
