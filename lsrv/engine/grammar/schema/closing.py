"""Which objects may be closed: those that name their keys, where no other schema adds some. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from lsrv.engine.grammar.schema.path import Schema, as_list, as_schema, says

_OTHER_SAY = {"additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames"}
_PARTS = {"allOf", "anyOf", "oneOf", "$ref", "not", "if", "then", "else", "dependentSchemas", "dependencies"}
_VALUES = ("const", "enum", "default", "examples")  # keywords whose values are no schemas
NAMED = ("properties", "patternProperties", "$defs", "definitions")  # keywords whose values have schemas by name


def closed(schema: Schema) -> Schema:
    """`schema` without other keys than those it names, if it names some and says nothing of others.

    What it requires and doesn't describe may be anything.
    """
    properties = schema.get("properties")
    if not isinstance(properties, dict) or schema.keys() & (_OTHER_SAY | _PARTS):
        return schema
    required = [name for name in as_list(schema.get("required")) if isinstance(name, str)]
    named: Schema = cast("Schema", properties) | {name: {} for name in required if name not in properties}
    least = schema.get("minProperties", 0)
    if not properties or (isinstance(least, (int, float)) and least > len(named)):
        return schema
    return schema | {"properties": named, "additionalProperties": False}


def is_composed(schema: Schema) -> bool:
    """Whether its parts (alternatives, references) stand beside words of its own, and don't say all of an object."""
    parts = says(schema) & _PARTS
    return len(as_list(schema.get("allOf"))) > 1 or len(parts) > 1 or bool(parts and says(schema) - parts - {"type"})


def open_references(document: object) -> set[str]:
    """References to schemas that others add to: the objects there are no whole ones."""
    return {
        reference
        for schema in schemas_in(document)
        if is_composed(schema)
        for part in schemas_in(schema)
        if isinstance(reference := part.get("$ref"), str)
    }


def schemas_in(document: object) -> Iterator[Schema]:
    """A schema and those inside, as far as they can be told from names of properties and from plain values."""
    pending = [document]
    while pending:
        value = pending.pop()
        pending += as_list(value)
        if not isinstance(value, dict):
            continue
        schema = cast("Schema", value)
        yield schema
        for key, inner in schema.items():
            if key not in _VALUES:
                pending += as_schema(inner).values() if key in NAMED else [inner]
