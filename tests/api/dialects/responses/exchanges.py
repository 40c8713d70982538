"""Requests in the words of OpenAI's Responses API whose answers are kept."""

from __future__ import annotations

from typing import Any

from tests.api.dialects.transcripts import Exchange
from tests.conftest import TINY

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}


def _asked(name: str, **body: Any) -> Exchange:
    asked = {"model": TINY, "input": "Once upon a time", "temperature": 0, "max_output_tokens": 8, "store": False}
    return Exchange(f"{name}", "POST", "/v1/responses", asked | body)


EXCHANGES = (
    _asked("whole"),
    _asked("stream", stream=True),
    _asked("whole_text", grammar={"type": "regex", "value": "yes"}, max_output_tokens=None, metadata={"a": "b"}),
    _asked("logprobs", top_logprobs=1, max_output_tokens=2),
    _asked("json_schema", text={"format": {"type": "json_schema", "name": "n", "schema": {"enum": ["yes"]}}}),
    _asked(
        "unknown_tools",
        tools=[{"type": "web_search"}],
        truncation="auto",
        input=[{"type": "memory_of_another", "id": "c"}, {"role": "user", "content": "a"}],
    ),
    _asked("image", input=[{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]),
    _asked("no_input", input=None),
    _asked("lost_result", input=[{"type": "function_call_output", "call_id": "c", "output": "7"}]),
    _asked("unknown_model", model="nope"),
    _asked("unknown_choice", tools=[{"type": "web_search"}, TOOL], tool_choice={"type": "function", "name": "g"}),
    _asked("too_long", input="Once upon a time " * 200, stream=True),
    Exchange("no_json", "POST", "/v1/responses", "{"),
    Exchange("wrong_method", "GET", "/v1/responses"),
)
