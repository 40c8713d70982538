"""Where in a document something stands, and what a reference in it leads to. Pure."""

from __future__ import annotations

import json
from typing import cast
from urllib.parse import unquote

Schema = dict[str, object]

REMARKS = frozenset(
    ("title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly", "$id", "$schema")
) | {"$defs", "definitions", "$anchor", "id", "contentMediaType", "contentEncoding", "discriminator", "x-guidance"}
_MAX_LINKS = 64  # of references that are followed: they may go in circles
_MAX_PATH = 200


class SchemaPath(str):
    """A JSON pointer of a schema in its document, as errors name it."""

    __slots__ = ()

    def at(self, *names: str | int) -> SchemaPath:
        steps = [str(name).replace("~", "~0").replace("/", "~1") for name in names]
        return SchemaPath("/".join([self, *steps]))

    def refusal(self, reason: str) -> ValueError:
        shown = self if len(self) <= _MAX_PATH else f"{self[:_MAX_PATH]}…"
        return ValueError(f"at {shown}: {reason}")


def referred(root: object, reference: object, place: SchemaPath) -> object:
    """The schema that a reference inside of the document leads to. Raises ValueError."""
    if not isinstance(reference, str):
        raise place.at("$ref").refusal("it must be a string")
    if reference != "#" and not reference.startswith("#/"):
        return _named(root, reference, place.at("$ref"))
    at = root
    for name in unquote(reference[1:]).split("/")[1:]:
        at = _step(at, name.replace("~1", "/").replace("~0", "~"))
        if at is None:
            raise place.at("$ref").refusal(f"{json.dumps(reference)[:100]} leads nowhere in it")
    return at


def _named(root: object, reference: str, place: SchemaPath) -> object:
    """The schema whose own name a reference is."""
    pending = [root]
    while pending:
        at = pending.pop()
        pending += as_list(at)
        schema = as_schema(at)
        if reference in (schema.get("$id"), schema.get("id"), f"#{schema.get('$anchor')}"):
            return schema
        pending += schema.values()
    shown = json.dumps(reference)[:100]
    raise place.refusal(f"{shown} leads out of the document; put that schema into $defs of this one")


def _step(at: object, name: str) -> object:
    if isinstance(at, dict):
        return cast("Schema", at).get(name)
    if isinstance(at, list) and name.isdecimal() and int(name) < len(cast("list[object]", at)):
        return cast("list[object]", at)[int(name)]
    return None


def resolved(root: object, schema: object, place: SchemaPath) -> object:
    """`schema`, or what it is a bare reference to."""
    for _ in range(_MAX_LINKS):
        if not isinstance(schema, dict) or says(cast("Schema", schema)) != {"$ref"}:
            return schema
        schema = referred(root, cast("Schema", schema)["$ref"], place)
    raise place.refusal("its references lead to no end")


def says(schema: Schema) -> set[str]:
    """The keywords of a schema that are no remarks."""
    return schema.keys() - REMARKS


def as_schema(value: object) -> Schema:
    return cast("Schema", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
