"""JSON Schemas of tools as grammars need them: without what binds nothing, and in parts. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast, get_args

from lsrv.chat.format.answer_format import JsonType
from lsrv.chat.format.pointer import pointed

ToolSchema = dict[str, object]

_TYPES: tuple[JsonType, ...] = get_args(JsonType)
KINDS: tuple[JsonType, ...] = ("string", "number", "boolean", "null", "object", "array")  # integers are numbers
# Values that are words. With what closes them they are one text: half of it might be the beginning of another text.
WORDS: dict[JsonType, tuple[object, ...]] = {"boolean": (True, False), "null": (None,)}
_REMARKS = ("title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly")
_VALUES = ("const", "enum")  # keywords whose values are no schemas
_NAMED = ("properties", "patternProperties", "$defs", "definitions")  # keywords whose values have schemas by name
_UNIONS = ("anyOf", "oneOf")
_ROOT = "whole"  # the name of a tool's schema in one of a part of it
_N_LINKS = 64  # of references that are followed: they may go in circles
_COMPILING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "lenient": False}


class SchemaPart:
    """A schema inside of a tool's, in which its references point."""

    def __init__(self, schema: object, root: ToolSchema) -> None:
        self.schema: ToolSchema = _as_schema(schema)
        self.root = root

    def json(self, kind: JsonType | None = None) -> str:
        """What `%json` takes, for values of the schema; of one type, where the schema says none."""
        schema = self.schema if kind is None else {"type": kind} | self.schema
        if "x-guidance" in self.root:
            schema = schema | {"x-guidance": self.root["x-guidance"]}
        if self.schema is self.root or not _has_reference(schema):
            return json_body(schema)
        return json_body(cast("ToolSchema", _moved(schema)) | {"$defs": {_ROOT: _moved(self.root)}})

    def alternatives(self) -> list[SchemaPart]:
        """The schemas, without references, unions and lists of types at their top, one of which values follow."""
        return [SchemaPart(schema, self.root) for schema in self._resolved(self.schema, _N_LINKS)]

    def _resolved(self, schema: ToolSchema, n_links: int) -> Iterator[ToolSchema]:
        if n_links == 0:
            raise ValueError("its references lead to no end")
        rest = {word: value for word, value in schema.items() if word not in ("$ref", *_UNIONS)}
        if isinstance(reference := schema.get("$ref"), str):
            yield from self._resolved(_merged(rest, self._referred(reference)), n_links - 1)
            return
        if isinstance(parts := schema.get("allOf"), list) and len(cast("list[object]", parts)) == 1:
            rest = {word: value for word, value in schema.items() if word != "allOf"}
            yield from self._resolved(_merged(rest, _as_schema(cast("list[object]", parts)[0])), n_links - 1)
            return
        union = next((schema[word] for word in _UNIONS if isinstance(schema.get(word), list)), None)
        if union is not None:
            for each in cast("list[object]", union):
                yield from self._resolved(_merged(rest, _as_schema(each)), n_links - 1)
        elif isinstance(kinds := schema.get("type"), list):
            for kind in cast("list[object]", kinds):
                yield schema | {"type": kind}
        else:
            yield schema

    def _referred(self, reference: str) -> ToolSchema:
        at = pointed(self.root, reference)
        if not isinstance(at, dict):
            raise ValueError(f"$ref {json.dumps(reference)[:100]} leads nowhere in it")
        return _as_schema(cast("ToolSchema", at))

    @property
    def properties(self) -> dict[str, SchemaPart]:
        named = self.schema.get("properties")
        members = cast("ToolSchema", named) if isinstance(named, dict) else {}
        return {key: SchemaPart(schema, self.root) for key, schema in members.items()}

    @property
    def required(self) -> set[str]:
        names = self.schema.get("required")
        return (
            {name for name in cast("list[object]", names) if isinstance(name, str)}
            if isinstance(names, list)
            else set()
        )

    @property
    def others(self) -> SchemaPart | None:
        """What members that have no name in the schema must be; None where there may be none."""
        if not self.properties and "additionalProperties" not in self.schema and "properties" not in self.schema:
            return SchemaPart({}, self.root)
        schema = self.schema.get("additionalProperties", False)
        return None if schema is False else SchemaPart(schema, self.root)

    @property
    def items(self) -> SchemaPart:
        return SchemaPart(self.schema.get("items"), self.root)

    @property
    def values(self) -> list[object] | None:
        """The values that it allows, if it lists them."""
        if "const" in self.schema:
            return [self.schema["const"]]
        values = self.schema.get("enum")
        return cast("list[object]", values) if isinstance(values, list) else None

    @property
    def kind(self) -> JsonType | None:
        """The type of its values, if it says one; of an alternative that lists no values."""
        said = self.schema.get("type")
        if said in _TYPES:
            return said
        for word, kind in _TELLING.items():
            if word in self.schema:
                return kind
        return None


_TELLING: dict[str, JsonType] = {
    "properties": "object",
    "items": "array",
    "minLength": "string",
    "maxLength": "string",
    "pattern": "string",
}


def _has_reference(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_has_reference, cast("list[object]", value)))
    if not isinstance(value, dict):
        return False
    return "$ref" in value or any(map(_has_reference, cast("ToolSchema", value).values()))


def _moved(value: object) -> object:
    """A schema whose references point below the whole of what it was a part of."""
    if isinstance(value, list):
        return [_moved(each) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    return {
        word: f"#/$defs/{_ROOT}{inner[1:]}"
        if word == "$ref" and isinstance(inner, str) and inner.startswith("#")
        else _moved(inner)
        for word, inner in cast("ToolSchema", value).items()
    }


def json_body(schema: ToolSchema) -> str:
    """`%json` of a schema. Where it doesn't say how, there is one way to write white space."""
    return "%json " + json.dumps({"x-guidance": _COMPILING} | schema, ensure_ascii=False)


def parameters_of(tool: dict[str, object]) -> ToolSchema:
    """The schema of a tool's arguments, without remarks. Raises ValueError if it is none of an object.

    A tool that says nothing takes no arguments, and one that names some takes no others unless it says so.
    """
    function = _as_schema(tool.get("function"))
    given = function.get("parameters")
    if given is None or given == {}:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    if not isinstance(given, dict):
        raise ValueError("it is no JSON Schema: send an object")
    schema = cast("ToolSchema", bare(cast("ToolSchema", given)))
    if schema.get("type", "object") != "object":
        raise ValueError('arguments are an object: its type must be "object"')
    if not any(word in schema for word in ("$ref", "allOf", *_UNIONS)):
        schema = {"type": "object"} | schema
        if "properties" in schema and "additionalProperties" not in schema and "patternProperties" not in schema:
            schema["additionalProperties"] = False
            schema["properties"] = _with_required(schema)
    return schema


def _with_required(schema: ToolSchema) -> object:
    """Properties of `schema`, and those that it only requires: they may be anything."""
    named, required = schema["properties"], schema.get("required")
    if not isinstance(named, dict) or not isinstance(required, list):
        return named
    properties = cast("ToolSchema", named)
    return properties | {
        name: {} for name in cast("list[object]", required) if isinstance(name, str) and name not in properties
    }


def bare(value: object, *, is_named: bool = False) -> object:
    """A schema without its remarks. `is_named`: `value` has schemas by name, and no keywords."""
    if isinstance(value, list):
        return [bare(each) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    schema = cast("ToolSchema", value)
    return {
        word: inner if word in _VALUES and not is_named else bare(inner, is_named=word in _NAMED and not is_named)
        for word, inner in schema.items()
        if is_named or word not in _REMARKS
    }


def _merged(outer: ToolSchema, inner: ToolSchema) -> ToolSchema:
    """Both at once, as far as one schema can say it: members are joined, and of one keyword twice the inner counts."""
    merged = outer | inner
    if isinstance(outer.get("properties"), dict) and isinstance(inner.get("properties"), dict):
        merged["properties"] = _as_schema(outer["properties"]) | _as_schema(inner["properties"])
    if isinstance(outer.get("required"), list) and isinstance(inner.get("required"), list):
        merged["required"] = [*cast("list[object]", outer["required"]), *cast("list[object]", inner["required"])]
    return merged


def _as_schema(value: object) -> ToolSchema:
    return cast("ToolSchema", value) if isinstance(value, dict) else {}
