"""A JSON Schema as llguidance can keep to it: what fits the outcome fits what was given. Pure."""

from __future__ import annotations

import json
from typing import cast

from lsrv.engine.grammar.schema.bounds import bounded
from lsrv.engine.grammar.schema.closing import NAMED, closed, is_composed, open_references
from lsrv.engine.grammar.schema.disjoint import are_disjoint, clashing_tags
from lsrv.engine.grammar.schema.names import with_named_keys
from lsrv.engine.grammar.schema.path import Schema, SchemaPath, as_list, as_schema, referred, says
from lsrv.engine.grammar.schema.size import check_size
from lsrv.engine.grammar.schema.words import spoken

_ONE = ("additionalProperties", "additionalItems", "items")
_SEVERAL = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_DEFINITIONS = ("$defs", "definitions")


def kept_schema(source: str) -> Schema | bool:
    """The schema in `source`. Raises ValueError with the place of what can't be kept, and what to write instead."""
    try:
        document: object = json.loads(source)
        return _Keeper(document).whole()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


class _Keeper:
    """Rewrites the schemas of one document."""

    def __init__(self, document: object) -> None:
        self._document = document
        self._open = open_references(document)
        self._tags: dict[str, list[str]] = {}  # keys that schemas, by their places, must require
        guidance = as_schema(as_schema(document).get("x-guidance"))
        self._is_one_any = guidance.get("coerce_one_of") is True

    def whole(self) -> Schema | bool:
        kept = self._kept(self._document, SchemaPath("#"), is_part=False)
        for place, tags in self._tags.items():
            schema = as_schema(referred(kept, place, SchemaPath(place)))
            schema["required"] = [*as_list(schema.get("required")), *tags]
        return kept

    def _kept(self, value: object, place: SchemaPath, *, is_part: bool) -> Schema | bool:
        """A schema rewritten. `is_part`: others say more of the same values."""
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            raise place.refusal("a schema is an object, true or false")
        schema = spoken(with_named_keys(self._document, cast("Schema", value), place), place)
        if isinstance(schema, bool):
            return schema
        if "$ref" in schema:
            referred(self._document, schema["$ref"], place)
        schema = bounded(schema, place)
        check_size(schema, place)
        is_part = is_part or place in self._open or is_composed(schema)
        kept = {word: self._inner(word, inner, place.at(word), is_part=is_part) for word, inner in schema.items()}
        if "oneOf" in kept and not self._is_one_any:
            self._keep_apart(as_list(kept["oneOf"]), as_list(schema["oneOf"]), place.at("oneOf"))
        return kept if is_part else closed(kept)

    def _inner(self, word: str, value: object, place: SchemaPath, *, is_part: bool) -> object:
        """The value of a keyword, rewritten if it has schemas."""
        if word in NAMED and isinstance(value, dict):
            is_part = is_part and word not in _DEFINITIONS
            named = cast("Schema", value).items()
            return {name: self._kept(each, place.at(name), is_part=is_part) for name, each in named}
        if word in _SEVERAL and isinstance(value, list):
            each_at = enumerate(cast("list[object]", value))
            return [self._kept(each, place.at(at), is_part=is_part) for at, each in each_at]
        return self._kept(value, place, is_part=is_part) if word in _ONE else value

    def _keep_apart(self, kept: list[object], given: list[object], place: SchemaPath) -> None:
        """See to it that what fits one alternative fits no other, if need be by a key that both name."""
        for at, one in enumerate(kept):
            for other_at, other in enumerate(given):
                if at == other_at or are_disjoint(self._document, one, other):
                    continue
                tags = clashing_tags(self._document, one, other)
                if not tags:
                    raise place.refusal(
                        f"alternatives {min(at, other_at)} and {max(at, other_at)} may hold at once; write anyOf,"
                        " or give both a required key whose values differ"
                    )
                self._require(tags[0], one, place.at(at))

    def _require(self, tag: str, schema: object, place: SchemaPath) -> None:
        while says(as_schema(schema)) == {"$ref"}:
            place = SchemaPath(as_schema(schema)["$ref"])
            schema = referred(self._document, place, place)
        tags = self._tags.setdefault(place, [])
        if tag not in tags:
            tags.append(tag)
