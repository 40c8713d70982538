"""Keywords that llguidance doesn't know: those that say nothing are left out, others said in words it knows. Pure."""

from __future__ import annotations

import json
import re

from lsrv.engine.grammar.schema.path import Schema, SchemaPath, as_list, as_schema

_FORMATS = frozenset(("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"))
_TYPES = frozenset(("null", "boolean", "integer", "number", "string", "array", "object"))
_DEPENDENT = ("dependentRequired", "dependentSchemas", "dependencies")
_ALWAYS: tuple[object, ...] = (True, {})
_OPEN = ("unevaluatedProperties", "unevaluatedItems")
_ADVICE = {
    "not": "describe what is allowed instead",
    "if": "write the cases as anyOf",
    "then": "write the cases as anyOf",
    "else": "write the cases as anyOf",
    "contains": "name the items at their places with prefixItems, or describe all of them with items",
    "minContains": "it needs contains, which can't be kept either",
    "maxContains": "it needs contains, which can't be kept either",
    "uniqueItems": "leave it out and check the answer, or give an object one boolean property for each possible item",
    "propertyNames": "let one enum, pattern or length be its only rule, or describe the keys with patternProperties",
    "dependentRequired": "write the cases as anyOf, each with its required",
    "dependentSchemas": "write the cases as anyOf",
    "dependencies": "write the cases as anyOf",
    "unevaluatedProperties": "say additionalProperties: false in one object that names all properties",
    "unevaluatedItems": "say items: false beside prefixItems",
    "$dynamicRef": "use $ref",
    "$recursiveRef": "use $ref",
    # Of drafts before 4: llguidance would pass over them.
    "extends": "use allOf",
    "disallow": "describe what is allowed instead",
    "divisibleBy": "use multipleOf",
}
_LOOK_AROUND = re.compile(r"(?<!\\)(?:\\\\)*\(\?(?:[=!]|<[=!])")
_LOOK_AHEAD = re.compile(r"\^\(\?=((?:[^()\\]|\\.)*)\)")  # at the start of a pattern, without groups in it
_SECONDS = r"\d+([.,]\d+)?S"
_TIME = rf"T(?:\d+H(\d+M)?({_SECONDS})?|\d+M({_SECONDS})?|{_SECONDS})"
# What zod writes for z.iso.duration(), and the same without look-around.
_KNOWN_PATTERNS = {
    r"^P(?:(\d+W)|(?!.*W)(?=\d|T\d)(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?)$": (
        rf"^P(?:\d+W|\d+Y(\d+M)?(\d+D)?({_TIME})?|\d+M(\d+D)?({_TIME})?|\d+D({_TIME})?|{_TIME})$"
    )
}
_BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*(?:\\[1-9]|\\k<|\(\?P=)")


def spoken(schema: Schema, place: SchemaPath) -> Schema | bool:
    """`schema` without words that say nothing. Raises ValueError for those that can't be kept."""
    kept = {word: value for word, value in schema.items() if not _is_silent(word, value, schema)}
    if kept.get("not") in _ALWAYS:
        return False
    if "unevaluatedProperties" in kept and not kept.keys() & {"allOf", "anyOf", "oneOf", "$ref"}:
        kept.setdefault("additionalProperties", kept.pop("unevaluatedProperties"))
    if kept.get("contains") in _ALWAYS and "maxContains" not in kept:
        least = kept.pop("minContains", 1)
        del kept["contains"]
        if isinstance(least, (int, float)):
            kept["minItems"] = max(least, _count(kept.get("minItems")))
    _refuse(kept, place)
    _check_types(kept, place)
    return _without_look_ahead(kept, place)


def _count(value: object) -> float:
    return value if isinstance(value, (int, float)) else 0


def _is_silent(word: str, value: object, schema: Schema) -> bool:
    match word:
        case "format":
            return not isinstance(value, str) or value not in _FORMATS
        case "propertyNames":
            return value in _ALWAYS or (isinstance(value, dict) and as_schema(value).items() <= {("type", "string")})
        case "uniqueItems":
            return value is False or _count(schema.get("maxItems", 2)) <= 1
        case "contains" | "minContains" | "maxContains":
            return "contains" not in schema or ("maxContains" not in schema and schema.get("minContains") == 0)
        case "if" | "then" | "else":
            return "if" not in schema or not {"then", "else"} & schema.keys()
        case "not":
            return value is False
        case "$schema":
            return True
        case _:
            says_nothing = word in _DEPENDENT and all(each in (*_ALWAYS, []) for each in as_schema(value).values())
            return says_nothing or (word in _OPEN and value in _ALWAYS)


def _refuse(schema: Schema, place: SchemaPath) -> None:
    for word, advice in _ADVICE.items():
        if word in schema:
            raise place.at(word).refusal(f"{word} can't be kept; {advice}")
    if isinstance(schema.get("required"), bool):
        raise place.at("required").refusal("required as true or false can't be kept; name the keys at the object")


def _check_types(schema: Schema, place: SchemaPath) -> None:
    said = schema.get("type")
    for each in as_list(said) if isinstance(said, list) else [said]:
        if "type" in schema and (not isinstance(each, str) or each not in _TYPES):
            shown = json.dumps(each)[:60]
            raise place.at("type").refusal(f"{shown} is no type of JSON; use one of {', '.join(sorted(_TYPES))}")


def _without_look_ahead(schema: Schema, place: SchemaPath) -> Schema:
    """Look-ahead at the start of a pattern is a second pattern, for the same text."""
    pattern = schema.get("pattern")
    if not isinstance(pattern, str):
        return schema
    if pattern in _KNOWN_PATTERNS:
        return schema | {"pattern": _KNOWN_PATTERNS[pattern]}
    patterns: list[str] = []
    while (found := _LOOK_AHEAD.match(pattern)) is not None:
        patterns.append(f"^{found[1]}")
        pattern = f"^{pattern[found.end() :]}"
    if _LOOK_AROUND.search(pattern) or _BACK_REFERENCE.search(pattern):
        raise place.at("pattern").refusal(
            "look-around and back-references can't be kept; write the pattern without them, or leave it out"
        )
    if not patterns:
        return schema
    also = [{"type": "string", "pattern": each} for each in patterns]
    return schema | {"pattern": pattern, "allOf": [*as_list(schema.get("allOf")), *also]}
