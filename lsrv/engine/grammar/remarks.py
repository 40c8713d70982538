"""What a JSON Schema says and binds nothing by: llguidance refuses some of it, where it need only be left out. Pure."""

from __future__ import annotations

from lsrv.engine.grammar.json_schema import Schema, schemas_in

# Any other is a remark, by JSON Schema's own words: OpenAPI's "int64" or "binary", pydantic's "path".
_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri", "unknown")
)
_ANYTHING: tuple[object, ...] = (True, {})
# Keywords, and the values with which they forbid nothing.
_FORBIDDING_NOTHING: dict[str, tuple[object, ...]] = {
    "propertyNames": (*_ANYTHING, {"type": "string"}),  # zod writes it for every record
    "uniqueItems": (False,),
    "unevaluatedProperties": _ANYTHING,
    "unevaluatedItems": _ANYTHING,
    "dependentRequired": ({},),
    "dependentSchemas": ({},),
    "dependencies": ({},),
}


def drop_remarks(document: object) -> bool:
    """Take out of a schema, in place, what binds nothing. Returns whether there was any."""
    has_any = False
    for schema in schemas_in(document):
        remarks = [keyword for keyword in schema if _is_remark(schema, keyword)]
        for keyword in remarks:
            del schema[keyword]
        has_any = has_any or bool(remarks)
    return has_any


def _is_remark(schema: Schema, keyword: str) -> bool:
    value = schema[keyword]
    if keyword == "format":
        return isinstance(value, str) and value not in _FORMATS
    return any(type(value) is type(nothing) and value == nothing for nothing in _FORBIDDING_NOTHING.get(keyword, ()))
