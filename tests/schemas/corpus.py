"""Name to schema.

Shapes follow public collections: JSON-Schema-Test-Suite, SchemaStore, bodies of APIs, arguments of function calls.
Texts are short (`maxLength`, `maxItems`) and numbers round (`multipleOf`), so that an answer at a high temperature
ends.
"""

from __future__ import annotations

Schema = dict[str, object]

_TEXT: Schema = {"type": "string", "maxLength": 12}
_SHORT = {"maxLength": 12}  # a hot model may write on in a free key without end
_INT: Schema = {"type": "integer", "minimum": -1000, "maximum": 1000}
_NUMBER: Schema = {"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.25}
_BOOL: Schema = {"type": "boolean"}
_NULL: Schema = {"type": "null"}


def _object(properties: dict[str, Schema], required: list[str] | None = None, **more: object) -> Schema:
    names = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False, **more}


def _array(items: Schema, n_max: int = 3, **more: object) -> Schema:
    return {"type": "array", "items": items, "maxItems": n_max, **more}


_SCALARS: dict[str, Schema] = {
    "text": _TEXT,
    "text_min": {"type": "string", "minLength": 3, "maxLength": 8},
    "text_empty": {"type": "string", "maxLength": 0},
    "integer": _INT,
    "integer_min": {"type": "integer", "minimum": 5, "maximum": 9},
    "integer_exclusive": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3},
    "integer_multiple": {"type": "integer", "multipleOf": 7, "minimum": 0, "maximum": 700},
    "number": _NUMBER,
    "number_negative": {"type": "number", "minimum": -3.5, "maximum": -0.25, "multipleOf": 0.25},
    "number_exclusive": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "multipleOf": 0.1},
    "boolean": _BOOL,
    "null": _NULL,
    "const_text": {"const": "v1"},
    "const_number": {"const": 42},
    "const_object": {"const": {"a": [1, None]}},
    "enum_texts": {"enum": ["red", "green", "blue"]},
    "enum_mixed": {"enum": ["auto", 0, 1.5, True, None]},
    "types_two": {"type": ["string", "null"], "maxLength": 6},
    "types_many": {"type": ["integer", "boolean", "null"], "minimum": 0, "maximum": 50},
}

_PATTERNS: dict[str, Schema] = {
    "pattern_code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"},
    "pattern_semver": {"type": "string", "pattern": "^(0|[1-9][0-9]{0,2})\\.(0|[1-9][0-9]{0,2})\\.[0-9]$"},
    "pattern_hex": {"type": "string", "pattern": "^#([0-9a-f]{3}|[0-9a-f]{6})$"},
    "pattern_phone": {"type": "string", "pattern": "^(\\([0-9]{3}\\))?[0-9]{3}-[0-9]{4}$"},
    "pattern_slug": {"type": "string", "pattern": "^[a-z0-9]{1,4}(-[a-z0-9]{1,4}){0,2}$"},
    "pattern_inside": {"type": "string", "pattern": "[0-9]", "maxLength": 6},
    "pattern_choice": {"type": "string", "pattern": "^(yes|no|maybe)$"},
    "pattern_escapes": {"type": "string", "pattern": "^\\w{1,5}\\s\\d+$", "maxLength": 9},
    "format_date": {"type": "string", "format": "date"},
    "format_time": {"type": "string", "format": "time"},
    "format_date_time": {"type": "string", "format": "date-time"},
    "format_duration": {"type": "string", "format": "duration"},
    "format_uuid": {"type": "string", "format": "uuid"},
    "format_ipv4": {"type": "string", "format": "ipv4"},
    "format_ipv6": {"type": "string", "format": "ipv6"},
}

_ARRAYS: dict[str, Schema] = {
    "array_texts": _array(_TEXT),
    "array_numbers": _array(_NUMBER),
    "array_counted": _array(_INT, 4, minItems=2),
    "array_empty": {"type": "array", "maxItems": 0},
    "array_of_arrays": _array(_array(_INT, 2), 2),
    "array_of_objects": _array(_object({"id": _INT, "name": _TEXT}), 2),
    "array_of_enums": _array({"enum": ["a", "b"]}),
    "tuple": {"type": "array", "prefixItems": [_NUMBER, _NUMBER], "items": False, "minItems": 2},
    "tuple_open": {"type": "array", "prefixItems": [{"const": "rgb"}, _INT], "items": _INT, "maxItems": 4},
    "tuple_typed": {"type": "array", "prefixItems": [_TEXT, _BOOL, _NULL], "minItems": 3, "maxItems": 3},
    "matrix": _array(_array(_NUMBER, 2, minItems=2), 2, minItems=2),
}

_OBJECTS: dict[str, Schema] = {
    "object_flat": _object({"name": _TEXT, "age": _INT, "is_member": _BOOL}),
    "object_optional": _object({"a": _INT, "b": _INT, "c": _INT}, required=["b"]),
    "object_no_required": _object({"a": _INT, "b": _BOOL}, required=[]),
    "object_empty": {"type": "object", "properties": {}, "additionalProperties": False},
    "object_nested": _object({"user": _object({"name": _object({"first": _TEXT, "last": _TEXT})})}),
    "object_deep": _object({"a": _object({"b": _object({"c": _object({"d": _object({"e": _BOOL})})})})}),
    "object_array": _object({"tags": _array(_TEXT), "scores": _array(_NUMBER)}),
    "object_map": {"type": "object", "additionalProperties": _INT, "maxProperties": 2, "propertyNames": _SHORT},
    "object_pattern_map": {
        "type": "object",
        "patternProperties": {"^x-[a-z]{1,3}$": _INT},
        "additionalProperties": False,
        "maxProperties": 2,
    },
    "object_counted": {
        "type": "object",
        "additionalProperties": _BOOL,
        "minProperties": 1,
        "maxProperties": 2,
        "propertyNames": _SHORT,
    },
    "object_key_and_more": {
        "type": "object",
        "properties": {"kind": {"const": "k"}},
        "required": ["kind"],
        "patternProperties": {"^x[a-z]{0,8}$": _BOOL},  # a free key may be as long as all that is left
        "additionalProperties": False,
        "maxProperties": 2,
    },
    "object_quoted_keys": _object({'say "hi"': _INT, "tab\there": _INT, "ü": _INT, "a b": _INT}),
    "object_many_keys": _object({f"field_{i}": _BOOL for i in range(20)}),
    "object_many_optional": _object({f"flag{i}": _BOOL for i in range(12)}, required=[]),
    "object_nullable": _object({"middle": {"anyOf": [_TEXT, _NULL]}}),
    "object_defaults": _object({"level": {"enum": ["low", "high"], "default": "low", "description": "how much"}}),
}

_CHOICES: dict[str, Schema] = {
    "any_of_scalars": {"anyOf": [_INT, _TEXT, _NULL]},
    "any_of_objects": {"anyOf": [_object({"a": _INT}), _object({"b": _TEXT})]},
    "any_of_array_or_one": {"anyOf": [_TEXT, _array(_TEXT, 2)]},
    "one_of_tagged": {
        "oneOf": [
            _object({"type": {"const": "circle"}, "radius": _NUMBER}),
            _object({"type": {"const": "square"}, "side": _NUMBER}),
        ]
    },
    "one_of_scalars": {"oneOf": [_BOOL, _INT]},
    "all_of_merged": {
        "allOf": [
            {"type": "object", "properties": {"a": _INT}, "required": ["a"]},
            {"type": "object", "properties": {"b": _BOOL}, "required": ["b"]},
        ],
        "maxProperties": 2,
    },
    "all_of_narrowed": {"allOf": [{"type": "integer", "minimum": 0}, {"maximum": 9}]},
    "any_of_inside": _object({"value": {"anyOf": [_INT, _object({"unit": {"enum": ["C", "F"]}, "amount": _INT})]}}),
}

_REFS: dict[str, Schema] = {
    "ref_definition": {**_object({"from": {"$ref": "#/$defs/point"}}), "$defs": {"point": _object({"x": _INT})}},
    "ref_definitions_old": {
        **_object({"home": {"$ref": "#/definitions/address"}}),
        "definitions": {"address": _object({"street": _TEXT, "zip": {"type": "string", "pattern": "^[0-9]{5}$"}})},
    },
    "ref_shared": {
        **_object({"start": {"$ref": "#/$defs/day"}, "end": {"$ref": "#/$defs/day"}}),
        "$defs": {"day": {"type": "string", "format": "date"}},
    },
    "ref_chain": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"enum": [1, 2]}}},
    "recursive_list": {
        "$ref": "#/$defs/node",
        "$defs": {"node": _object({"value": _INT, "next": {"anyOf": [_NULL, {"$ref": "#/$defs/node"}]}})},
    },
    "recursive_tree": {
        "$ref": "#/$defs/tree",
        "$defs": {"tree": _object({"v": _BOOL, "children": _array({"$ref": "#/$defs/tree"}, 1)})},
    },
    "recursive_root": _object({"name": {"enum": ["n"]}, "parent": {"anyOf": [_NULL, {"$ref": "#"}]}}),
    "recursive_expression": {
        "$ref": "#/$defs/e",
        "$defs": {
            "e": {"anyOf": [_INT, _object({"op": {"enum": ["+", "*"]}, "left": _INT, "right": {"$ref": "#/$defs/e"}})]}
        },
    },
}

_TOOLS: dict[str, Schema] = {
    "tool_weather": _object({"location": _TEXT, "unit": {"enum": ["celsius", "fahrenheit"]}}, required=["location"]),
    "tool_search": _object({"query": _TEXT, "limit": {"type": "integer", "minimum": 1, "maximum": 20}}),
    "tool_mail": _object({"to": _array({"type": "string", "pattern": "^[a-z]{1,5}@ex\\.org$"}, 2), "subject": _TEXT}),
    "tool_calculator": _object({"operation": {"enum": ["add", "subtract"]}, "operands": _array(_NUMBER, 2)}),
    "tool_calendar": _object({"title": _TEXT, "start": {"type": "string", "format": "date-time"}, "all_day": _BOOL}),
    "tool_sql": _object(
        {"table": {"enum": ["users", "orders"]}, "where": _array(_object({"col": _TEXT, "eq": _INT}), 2)}
    ),
    "tool_none": _object({}),
    "tool_calls": _array(
        {
            "anyOf": [
                _object({"name": {"const": "add"}, "arguments": _object({"a": _INT, "b": _INT})}),
                _object({"name": {"const": "now"}, "arguments": _object({})}),
            ]
        },
        2,
        minItems=1,
    ),
    "tool_file": _object({"path": {"type": "string", "pattern": "^(/[a-z]{1,4}){1,3}$"}, "mode": {"enum": ["r", "w"]}}),
    "tool_booking": _object(
        {"guests": {"type": "integer", "minimum": 1, "maximum": 8}, "smoking": _BOOL, "note": _TEXT}
    ),
}

_FORMS: dict[str, Schema] = {
    "form_invoice": _object(
        {
            "number": {"type": "string", "pattern": "^INV-[0-9]{3}$"},
            "lines": _array(_object({"sku": _TEXT, "quantity": _INT, "price": _NUMBER}), 2),
            "paid": _BOOL,
        }
    ),
    "form_person": _object(
        {"name": _TEXT, "born": {"type": "string", "format": "date"}, "email": {"anyOf": [_TEXT, _NULL]}}
    ),
    "form_recipe": _object({"title": _TEXT, "steps": _array(_TEXT), "minutes": _INT}),
    "form_sentiment": _object({"label": {"enum": ["positive", "neutral", "negative"]}, "confidence": _NUMBER}),
    "form_entities": _array(_object({"text": _TEXT, "type": {"enum": ["PER", "ORG", "LOC"]}, "start": _INT}), 2),
    "form_answer": _object({"reasoning": _TEXT, "answer": _INT}),
    "form_quiz": _object(
        {"question": _TEXT, "options": _array(_TEXT, 4, minItems=4), "correct": {"enum": [0, 1, 2, 3]}}
    ),
    "form_plan": _object({"steps": _array(_object({"do": _TEXT, "why": _TEXT}), 2, minItems=1), "final": _TEXT}),
    "form_geojson": _object(
        {
            "type": {"const": "Point"},
            "coordinates": {"type": "array", "prefixItems": [_NUMBER, _NUMBER], "items": False, "minItems": 2},
        }
    ),
    "form_package": _object(
        {
            "name": {"type": "string", "pattern": "^[a-z]{2,6}$"},
            "version": {"type": "string", "pattern": "^[0-9]\\.[0-9]\\.[0-9]$"},
            "dependencies": {
                "type": "object",
                "additionalProperties": {"enum": ["*", "latest"]},
                "maxProperties": 2,
                "propertyNames": _SHORT,
            },
        }
    ),
    "form_ci": _object(
        {
            "on": _array({"enum": ["push", "pull_request"]}, 2),
            "jobs": _object({"build": _object({"steps": _array(_TEXT, 2)})}),
        }
    ),
    "form_log": _object(
        {"time": {"type": "string", "format": "time"}, "level": {"enum": ["INFO", "WARN"]}, "message": _TEXT}
    ),
    "form_menu": _object({"items": _array(_object({"id": _INT, "label": {"anyOf": [_TEXT, _NULL]}}), 3)}),
    "form_patch": _array(
        _object({"op": {"enum": ["add", "remove"]}, "path": {"type": "string", "pattern": "^(/[a-z]{1,3}){0,2}$"}}), 2
    ),
    "form_rating": _object(
        {
            "stars": {"enum": [1, 2, 3, 4, 5]},
            "would_return": _BOOL,
            "comment": {"type": ["string", "null"], "maxLength": 8},
        }
    ),
}

CORPUS: dict[str, Schema] = {
    **_SCALARS, **_PATTERNS, **_ARRAYS, **_OBJECTS, **_CHOICES, **_REFS, **_TOOLS, **_FORMS,
}  # fmt: skip
