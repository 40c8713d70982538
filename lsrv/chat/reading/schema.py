"""What a tool's schema says of the types of its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast, get_args

from lsrv.chat.format.answer_format import JsonType
from lsrv.chat.format.pointer import pointed
from lsrv.chat.format.write import json_type

_Schema = dict[str, object]
Types = frozenset[JsonType]

ANY: Types = frozenset(get_args(JsonType))
_TEXT: Types = frozenset({"string"})
_NESTED: Types = frozenset({"object", "array"})
_N_LINKS = 32  # of references and alternatives that are followed: schemas may go in circles


class Parameter:
    """A schema, and the one it is a part of, in which its references point."""

    __slots__ = ("_root", "_schema", "types")

    def __init__(self, schema: object, root: _Schema | None = None) -> None:
        self._schema: _Schema = cast("_Schema", schema) if isinstance(schema, dict) else {}
        self._root: _Schema = self._schema if root is None else root
        self.types = self._found_types()

    @property
    def is_text(self) -> bool:
        """Whether any value is a text, whatever it looks like."""
        return self.types == _TEXT

    @property
    def is_nested(self) -> bool:
        """Whether any value is an object or an array."""
        return self.types <= _NESTED

    def allows(self, kind: JsonType) -> bool:
        return kind in self.types or (kind == "integer" and "number" in self.types)

    def of_key(self, key: str) -> Parameter:
        """The parameter of a member of an object."""
        for schema in self._alternatives():
            properties = schema.get("properties")
            if isinstance(properties, dict) and key in properties:
                return Parameter(cast("_Schema", properties)[key], self._root)
        extras = (schema.get("additionalProperties") for schema in self._alternatives())
        return Parameter(next((each for each in extras if isinstance(each, dict)), None), self._root)

    def of_item(self) -> Parameter:
        """The parameter of an item of an array."""
        return Parameter(next((s["items"] for s in self._alternatives() if "items" in s), None), self._root)

    def _found_types(self) -> Types:
        found: set[JsonType] = set()
        for schema in self._alternatives():
            found |= _own_types(schema)
        return frozenset(found) & ANY or ANY

    def _alternatives(self) -> Iterator[_Schema]:
        """The schema itself, and all that it may stand for."""
        waiting = [self._schema]
        for _ in range(_N_LINKS):
            if not waiting:
                return
            schema = waiting.pop(0)
            yield schema
            waiting += self._linked(schema)

    def _linked(self, schema: _Schema) -> list[_Schema]:
        found: list[object] = []
        for word in ("anyOf", "oneOf", "allOf"):
            each = schema.get(word)
            if isinstance(each, list):
                found += cast("list[object]", each)
        reference = schema.get("$ref")
        if isinstance(reference, str):
            found.append(pointed(self._root, reference))
        return [cast("_Schema", each) for each in found if isinstance(each, dict)]


def _own_types(schema: _Schema) -> set[JsonType]:
    said = schema.get("type")
    if isinstance(said, str):
        return {cast("JsonType", said)}
    if isinstance(said, list):
        return {cast("JsonType", each) for each in cast("list[object]", said) if isinstance(each, str)}
    values = schema.get("enum")
    if isinstance(values, list):
        return {json_type(each) for each in cast("list[object]", values)}
    return {json_type(schema["const"])} if "const" in schema else set()
