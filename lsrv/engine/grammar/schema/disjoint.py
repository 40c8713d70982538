"""Whether no value fits two schemas at once, as far as their words tell it. Pure."""

from __future__ import annotations

import json
import math

from lsrv.engine.grammar.schema.path import Schema, SchemaPath, as_list, as_schema, resolved

_ALL = frozenset(("null", "boolean", "number", "string", "array", "object"))
_COUNTS = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}
_MAX_DEPTH = 6


def are_disjoint(root: object, one: object, other: object, depth: int = 0) -> bool:
    """Whether no value fits both. False: it may be that one does."""
    if one is False or other is False:
        return True
    a, b = _plain(root, one), _plain(root, other)
    if depth > _MAX_DEPTH:
        return False
    for schema, against in ((a, b), (b, a)):
        for word in ("anyOf", "oneOf"):
            parts = as_list(schema.get(word))
            if parts and all(are_disjoint(root, part, against, depth + 1) for part in parts):
                return True
        if any(are_disjoint(root, part, against, depth + 1) for part in as_list(schema.get("allOf"))):
            return True
    shared = _types(a) & _types(b)
    values = _values(a), _values(b)
    if values[0] is not None and values[1] is not None:
        return not values[0] & values[1]
    for listed, schema in ((values[0], b), (values[1], a)):
        if listed is not None and len(listed) > 1:
            return all(are_disjoint(root, {"const": json.loads(each)}, schema, depth + 1) for each in listed)
    return all(_are_apart(root, kind, a, b, depth) for kind in shared)


def clashing_tags(root: object, one: object, other: object) -> list[str]:
    """Keys that both name, and whose values differ."""
    a, b = as_schema(_plain(root, one).get("properties")), as_schema(_plain(root, other).get("properties"))
    return [name for name in a if name in b and are_disjoint(root, a[name], b[name], 1)]


def _plain(root: object, schema: object) -> Schema:
    return as_schema(resolved(root, schema, SchemaPath("#")))


def _types(schema: Schema) -> frozenset[str]:
    values = _values(schema)
    if values is not None:
        return frozenset(_type(json.loads(each)) for each in values)
    said = schema.get("type", list(_ALL))
    return frozenset("number" if each == "integer" else str(each) for each in (as_list(said) or [said]))


def _type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _values(schema: Schema) -> set[str] | None:
    """The values that it lists, written alike where they are equal."""
    if "const" in schema:
        return {_written(schema["const"])}
    values = schema.get("enum")
    return {_written(each) for each in as_list(values)} if isinstance(values, list) else None


def _written(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _are_apart(root: object, kind: str, a: Schema, b: Schema, depth: int) -> bool:
    """Whether no value of one type fits both."""
    match kind:
        case "number":
            return _are_ranges_apart(_range(a), _range(b)) or _are_ranges_apart(_range(b), _range(a))
        case "string" | "array":
            least, most = _COUNTS[kind]
            return any(_count(x, least, 0) > _count(y, most, math.inf) for x, y in ((a, b), (b, a)))
        case "object":
            return _are_objects_apart(root, a, b, depth)
        case _:
            return False


def _count(schema: Schema, word: str, unsaid: float) -> float:
    value = schema.get(word)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else unsaid


def _range(schema: Schema) -> tuple[tuple[float, bool], tuple[float, bool]]:
    """The bounds of its numbers, each with whether it is left out itself."""
    values = _values(schema)
    if values is not None:
        numbers = [each for each in map(json.loads, values) if _type(each) == "number"]
        return (min(numbers, default=math.inf), False), (max(numbers, default=-math.inf), False)
    lower = max(
        (_count(schema, "minimum", -math.inf), schema.get("exclusiveMinimum") is True),
        (_count(schema, "exclusiveMinimum", -math.inf), True),
    )
    upper = min(
        (_count(schema, "maximum", math.inf), schema.get("exclusiveMaximum") is not True),
        (_count(schema, "exclusiveMaximum", math.inf), False),
    )
    return lower, (upper[0], not upper[1])


def _are_ranges_apart(
    low: tuple[tuple[float, bool], tuple[float, bool]], high: tuple[tuple[float, bool], tuple[float, bool]]
) -> bool:
    (most, is_most_out), (least, is_least_out) = low[1], high[0]
    return most < least or (most == least and (is_most_out or is_least_out))


def _are_objects_apart(root: object, a: Schema, b: Schema, depth: int) -> bool:
    """Whether a key that has to be there has values that fit one of both only."""
    required = {each for schema in (a, b) for each in as_list(schema.get("required")) if isinstance(each, str)}
    return any(are_disjoint(root, _member(a, name), _member(b, name), depth + 1) for name in required)


def _member(schema: Schema, name: str) -> object:
    properties = as_schema(schema.get("properties"))
    if name in properties:
        return properties[name]
    return True if "patternProperties" in schema else schema.get("additionalProperties", True)
