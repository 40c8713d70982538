"""Whatever a model writes under the grammar of its template reads back as calls with valid arguments."""

from __future__ import annotations

import json
from functools import cache

import jsonschema
import pytest

from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.reading.answer import AnswerReader
from lsrv.protocol.commands import ToolUse
from tests.chat.binding.walking import source_of, walk
from tests.chat.format.test_find import found_in
from tests.chat.templates.published import PUBLISHED

SCHEMAS: dict[str, dict[str, object]] = {
    "look.up-it": {
        "type": "object",
        "properties": {
            "what": {"type": "string", "maxLength": 8},
            "n": {"type": "integer"},
            "is_new": {"type": "boolean"},
            "mode": {"enum": ["fast", "slow one", 3]},
            "note": {"anyOf": [{"type": "string", "maxLength": 4}, {"type": "null"}]},
            "place": {"$ref": "#/$defs/place"},
        },
        "required": ["what", "place"],
        "additionalProperties": False,
        "$defs": {
            "place": {
                "type": "object",
                "properties": {
                    "at": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 9}, "maxItems": 2},
                    "name": {"type": "string", "maxLength": 3},
                },
                "required": ["at"],
                "additionalProperties": False,
            }
        },
    },
    "look": {"type": "object", "properties": {}},
    "say": {"type": "object", "properties": {"text": {"type": "string", "pattern": "^[a-z ]{1,9}$"}}},
}
TOOLS: list[dict[str, object]] = [
    {"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in SCHEMAS.items()
]
REQUIRED = ToolUse(tools=TOOLS, names=list(SCHEMAS), choice="required")
AUTO = ToolUse(tools=TOOLS, names=list(SCHEMAS))
N_WALKS = 6


@cache
def form_of(name: str) -> AnswerFormat:
    return found_in(name)


def read(form: AnswerFormat, text: str) -> tuple[dict[int, tuple[str, str]], str, str]:
    """The calls of an answer by their place, its content, and the complaint about it."""
    reader = AnswerReader(form, "</think>" if form.thoughts is None else form.thoughts.closes, REQUIRED)
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    content = ""
    for said in (reader.push(text), reader.flush()):
        content += said.content
        for delta in said.calls:
            names[delta.index] = names.get(delta.index, "") + delta.name
            arguments[delta.index] = arguments.get(delta.index, "") + delta.arguments
    return {at: (names[at], arguments[at]) for at in names}, content, reader.complaint


@pytest.mark.parametrize("name", PUBLISHED)
def test_required_calls_read_back_with_valid_arguments(name: str) -> None:
    form = form_of(name)
    source = source_of(form, REQUIRED)
    answers = [text for seed in range(N_WALKS) if (text := walk(source, seed)) is not None]
    assert answers, "no walk came to its end"
    for text in answers:
        calls, content, complaint = read(form, text)
        assert calls and not content and not complaint, (complaint, content, text)
        for tool, arguments in calls.values():
            jsonschema.validate(json.loads(arguments), SCHEMAS[tool])


@pytest.mark.parametrize("name", PUBLISHED)
def test_free_text_never_ends_in_half_a_call(name: str) -> None:
    form = form_of(name)
    source = source_of(form, AUTO)
    for seed in range(N_WALKS):
        text = walk(source, seed)
        assert text is None or not read(form, text)[2], text
