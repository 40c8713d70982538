"""What a schema says of keys in general, said of each: propertyNames, unevaluatedProperties over allOf. Pure."""

from __future__ import annotations

from lsrv.engine.grammar.schema.path import Schema, SchemaPath, as_list, as_schema, resolved, says

_PLAIN = {"type", "properties", "required", "additionalProperties"}


def with_named_keys(root: object, schema: Schema, place: SchemaPath) -> Schema:
    """`schema` without propertyNames and unevaluatedProperties, as far as other words can say them."""
    if "propertyNames" in schema:
        schema = _each_name(root, schema, place)
    if schema.get("unevaluatedProperties") is False:
        schema = _all_evaluated(root, schema, place)
    return schema


def _each_name(root: object, schema: Schema, place: SchemaPath) -> Schema:
    rule = as_schema(resolved(root, schema["propertyNames"], place.at("propertyNames")))
    words = says(rule) - ({"type"} if rule.get("type") == "string" else set())
    rest = {word: value for word, value in schema.items() if word != "propertyNames"}
    others = schema.get("additionalProperties", True)
    if words in ({"enum"}, {"const"}):
        names = as_list(rule["enum"]) if "enum" in rule else [rule["const"]]
        own = as_schema(schema.get("properties"))
        named = {name: own.get(name, others) for name in names if isinstance(name, str)}
        return rest | {"properties": named, "additionalProperties": False}
    if (
        words
        and words <= {"pattern", "minLength", "maxLength"}
        and not {"properties", "patternProperties"} & rest.keys()
    ):
        patterns = [*as_list([rule["pattern"]] if "pattern" in rule else []), *_length(rule)]
        if len(patterns) == 1:
            return rest | {"patternProperties": {str(patterns[0]): others}, "additionalProperties": False}
    return schema


def _length(rule: Schema) -> list[object]:
    if not {"minLength", "maxLength"} & rule.keys():
        return []
    return [f"^(?s:.{{{rule.get('minLength', 0)},{rule.get('maxLength', '')}}})$"]


def _all_evaluated(root: object, schema: Schema, place: SchemaPath) -> Schema:
    """No key but those of its parts, where they are plain objects."""
    if {"anyOf", "oneOf", "$ref"} & schema.keys():
        return schema
    names = dict[str, object]()
    for at, each in enumerate(as_list(schema.get("allOf"))):
        part = as_schema(resolved(root, each, place.at("allOf", at)))
        if says(part) - _PLAIN or "additionalProperties" in part:
            return schema
        names |= dict.fromkeys(as_schema(part.get("properties")), True)
    rest = {word: value for word, value in schema.items() if word != "unevaluatedProperties"}
    named = names | as_schema(schema.get("properties"))
    return {"properties": named, "additionalProperties": False} | {k: v for k, v in rest.items() if k != "properties"}
