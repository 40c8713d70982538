"""What generators of schemas write, as it can be kept: silent words dropped, bounds clamped, alternatives compared."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from lsrv.engine.grammar.schema.kept import kept_schema


def kept(schema: object) -> object:
    return kept_schema(json.dumps(schema))


@pytest.mark.parametrize(
    "silent",
    [
        {"format": "path"},
        {"format": "starts_with"},
        {"propertyNames": {"type": "string"}},
        {"propertyNames": {}},
        {"uniqueItems": False},
        {"uniqueItems": True, "maxItems": 1},
        {"dependentRequired": {}},
        {"dependentRequired": {"a": []}},
        {"dependentSchemas": {"a": True}},
        {"contains": {"type": "null"}, "minContains": 0},
        {"minContains": 0},
        {"maxContains": 2},
        {"if": {"type": "null"}},
        {"then": {"type": "null"}},
        {"not": False},
        {"unevaluatedProperties": True},
        {"unevaluatedItems": {}},
        {"$schema": "https://example.org/own"},
    ],
)
def test_what_says_nothing_is_dropped(silent: dict[str, object]) -> None:
    left = {"maxItems": 1} if "maxItems" in silent else {}
    assert kept({"items": silent}) == {"items": left}


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"maximum": 2**64 - 1}, {"maximum": 2**63 - 1024}),
        ({"minimum": -(2**63)}, {"minimum": -(2**63) + 1024}),
        ({"minimum": -1.7e308, "maximum": 1.7e308}, {"minimum": -(2**63) + 1024, "maximum": 2**63 - 1024}),
        ({"maximum": 2**53 + 3}, {"maximum": 2**53 + 2}),
        ({"minimum": 10**18}, {"minimum": 10**18, "maximum": 2**63 - 1024}),
        ({"exclusiveMinimum": True, "minimum": 1}, {"exclusiveMinimum": True, "minimum": 1}),
        ({"maxLength": 2**40}, {}),
        ({"maxItems": 3.0}, {"maxItems": 3}),
    ],
)
def test_bounds_are_clamped_to_what_can_be_written(given: object, outcome: object) -> None:
    assert kept(given) == outcome


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"properties": {"a/b": {"not": {"type": "null"}}}}, "at #/properties/a~1b/not: not can't be kept; describe"),
        ({"items": {"uniqueItems": True}}, "at #/items/uniqueItems"),
        ({"properties": {"a": {"type": "Date"}}}, 'at #/properties/a/type: "Date" is no type'),
        ({"anyOf": [{}, {"pattern": "^a(?!b)"}]}, "at #/anyOf/1/pattern: look-around"),
        ({"pattern": r"(a)\1"}, "at #/pattern"),
        ({"$ref": "#/$defs/gone"}, 'at #/$ref: "#/$defs/gone" leads nowhere'),
        ({"$ref": "other.json"}, "leads out of the document"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "at #/oneOf: alternatives 0 and 1 may hold at once"),
        ({"minimum": 2**64}, "at #/minimum: bounds can be kept up to"),
        ({"minLength": 2**30}, "at #/minLength"),
        ({"properties": {"a": 3}}, "at #/properties/a: a schema is an object"),
        ({"$defs": {"a": {"if": {}, "then": False}}}, "at #/$defs/a/if"),
    ],
)
def test_what_can_not_be_kept_is_named_by_its_place(schema: object, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        kept(schema)
    assert words in str(caught.value)


def test_objects_that_name_their_keys_are_closed() -> None:
    named = {"properties": {"a": {"properties": {"b": {}}}}}
    assert kept(named) == {
        "properties": {"a": {"properties": {"b": {}}, "additionalProperties": False}},
        "additionalProperties": False,
    }


def test_what_an_object_requires_and_does_not_describe_is_one_of_its_keys() -> None:
    schema = {"properties": {"a": {}}, "required": ["b"]}
    assert kept(schema) == schema | {"properties": {"a": {}, "b": {}}, "additionalProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"properties": {}},
        {"properties": {"a": {}}, "additionalProperties": True},
        {"properties": {"a": {}}, "patternProperties": {"^x": {}}},
        {"properties": {"a": {}}, "minProperties": 2},
        {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
        {"allOf": [{"$ref": "#/$defs/a"}, {"properties": {"b": {}}}], "$defs": {"a": {"properties": {"a": {}}}}},
        {"$ref": "#/$defs/a", "properties": {"b": {}}, "$defs": {"a": {"properties": {"a": {}}}}},
        {"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}, {"required": ["a"]}]},
        {"allOf": [{"properties": {"a": {"properties": {"b": {}}}}}, {"properties": {"a": {"properties": {"c": {}}}}}]},
    ],
)
def test_objects_that_others_may_add_to_stay_open(schema: object) -> None:
    assert kept(schema) == schema


def test_alternatives_without_words_beside_them_are_closed_and_so_is_what_one_reference_leads_to() -> None:
    inner = {"properties": {"a": {}}}
    schema = {"anyOf": [inner, {"$ref": "#/$defs/b"}], "$defs": {"b": inner}, "description": "either"}
    closed = inner | {"additionalProperties": False}
    assert kept(schema) == schema | {"anyOf": [closed, {"$ref": "#/$defs/b"}], "$defs": {"b": closed}}
    assert kept({"allOf": [inner]}) == {"allOf": [closed]}


@pytest.mark.parametrize(
    "alternatives",
    [
        [{"enum": ["a", "b"]}, {"enum": ["c"]}],
        [{"const": 1}, {"const": True}],
        [{"type": "integer", "maximum": 4}, {"type": "number", "exclusiveMinimum": 4}],
        [{"type": "string", "maxLength": 2}, {"type": "string", "minLength": 3}],
        [{"type": "array", "maxItems": 1}, {"type": "array", "minItems": 2}],
        [{"type": ["string", "null"]}, {"type": "integer"}],
        [{"enum": [1, 9]}, {"type": "number", "minimum": 2, "maximum": 8}],
        [{"anyOf": [{"const": 1}, {"const": 2}]}, {"const": 3}],
        [
            {"type": "object", "properties": {"t": {"const": 1}}, "required": ["t"], "additionalProperties": False},
            {"type": "object", "properties": {"t": {"const": 2}}, "required": ["t"], "additionalProperties": False},
        ],
        [
            {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False},
            {"type": "object", "properties": {"b": {}}, "required": ["b"], "additionalProperties": False},
        ],
    ],
)
def test_alternatives_that_can_not_hold_at_once_are_taken(alternatives: object) -> None:
    assert kept({"oneOf": alternatives}) == {"oneOf": alternatives}


@pytest.mark.parametrize(
    "alternatives",
    [
        [{"enum": ["a", "b"]}, {"enum": ["b"]}],
        [{"const": 1}, {"const": 1.0}],
        [{"maximum": 4, "type": "number"}, {"minimum": 4, "type": "number"}],
        [{"maximum": 4}, {"minimum": 5}],
        [{"properties": {"a": {}}}, {"properties": {"b": {}}}],
        [{"enum": [1, 5]}, {"type": "number", "minimum": 2, "maximum": 8}],
    ],
)
def test_alternatives_that_may_hold_at_once_are_refused(alternatives: object) -> None:
    with pytest.raises(ValueError, match="may hold at once"):
        kept({"oneOf": alternatives})


def test_tags_with_defaults_are_required_where_they_tell_alternatives_apart() -> None:
    tagged = [{"type": "object", "properties": {"t": {"const": n, "default": n}}} for n in (1, 2)]
    schema = {"oneOf": [{"$ref": "#/$defs/one"}, tagged[1]], "$defs": {"one": tagged[0]}}
    outcome = kept(schema)
    closed = [each | {"additionalProperties": False, "required": ["t"]} for each in tagged]
    assert outcome == {"oneOf": [{"$ref": "#/$defs/one"}, closed[1]], "$defs": {"one": closed[0]}}


def test_rules_for_the_names_of_keys_become_keys() -> None:
    number = {"type": "number"}
    by_enum = {"propertyNames": {"$ref": "#/$defs/n"}, "additionalProperties": number, "$defs": {"n": {"enum": ["a"]}}}
    assert kept(by_enum) == {
        "properties": {"a": number},
        "additionalProperties": False,
        "$defs": {"n": {"enum": ["a"]}},
    }
    by_pattern = {"propertyNames": {"type": "string", "pattern": "^x"}, "additionalProperties": number}
    assert kept(by_pattern) == {"patternProperties": {"^x": number}, "additionalProperties": False}


def test_unevaluated_properties_over_plain_objects_are_named() -> None:
    parts = [{"properties": {"a": {}}}, {"properties": {"b": {}}}]
    assert kept({"allOf": parts, "unevaluatedProperties": False}) == {
        "properties": {"a": True, "b": True},
        "additionalProperties": False,
        "allOf": parts,
    }


def test_look_ahead_at_the_start_of_a_pattern_is_a_second_pattern() -> None:
    assert kept({"type": "string", "pattern": "^(?=.{1,9}$)[a-z]+$"}) == {
        "type": "string",
        "pattern": "^[a-z]+$",
        "allOf": [{"type": "string", "pattern": "^.{1,9}$"}],
    }


def test_a_schema_that_refers_to_itself_or_to_a_name_is_followed() -> None:
    tree = {"$id": "T", "properties": {"next": {"$ref": "T"}}, "additionalProperties": False}
    assert kept(tree) == tree
    with pytest.raises(ValueError, match="nested too deeply"):
        kept_schema('{"items": ' * 4000 + "1" + "}" * 4000)


ZOD_DURATION = r"^P(?:(\d+W)|(?!.*W)(?=\d|T\d)(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?)$"


def test_the_pattern_of_zods_durations_means_the_same_without_look_around() -> None:
    """All texts of up to six letters, those of a duration among them."""
    words = kept({"type": "string", "format": "duration", "pattern": ZOD_DURATION})
    assert isinstance(words, dict) and "(?=" not in words["pattern"] and "(?!" not in words["pattern"]
    texts = ["P" + "".join(rest) for n in range(6) for rest in itertools.product("1WYMDTHS.", repeat=n)]
    found = [text for text in texts if re.fullmatch(ZOD_DURATION, text)]
    assert found == [text for text in texts if re.fullmatch(words["pattern"], text)] and "P1DT1H" in found
