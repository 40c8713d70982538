"""Requests in Anthropic's words whose answers are kept."""

from __future__ import annotations

from typing import Any

from tests.api.dialects.transcripts import Exchange
from tests.conftest import EMBEDDING, OTHER, TINY

MESSAGES = [{"role": "user", "content": "Once upon a time"}]
WEATHER = {
    "name": "weather",
    "description": "Tells it.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"enum": ["Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
USE = {"type": "tool_use", "id": "toolu_a1", "name": "weather", "input": {"city": "Rome"}}
HISTORY = [
    {"role": "user", "content": [{"type": "text", "text": "Weather?", "cache_control": {"type": "ephemeral"}}]},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "Rome.", "signature": "x"}, USE]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_a1", "content": "Sun."}]},
]


def _ask(name: str, **body: Any) -> Exchange:
    asked = {"model": TINY, "max_tokens": 8, "temperature": 0, "messages": MESSAGES} | body
    return Exchange(name, "POST", "/v1/messages", {key: value for key, value in asked.items() if value is not None})


def _count(name: str, **body: Any) -> Exchange:
    return Exchange(name, "POST", "/v1/messages/count_tokens", {"model": TINY, "messages": MESSAGES} | body)


EXCHANGES = (
    _ask("whole"),
    _ask("stream", stream=True),
    _ask("stop_sequence", stop_sequences=["there"], max_tokens=40),
    _ask("call", max_tokens=60, tools=[WEATHER], tool_choice={"type": "any", "disable_parallel_tool_use": True}),
    _ask("call_stream", max_tokens=60, tools=[WEATHER], tool_choice={"type": "tool", "name": "weather"}, stream=True),
    _ask("after_a_call", messages=HISTORY, tools=[WEATHER], system=[{"type": "text", "text": "Be short."}]),
    _ask("bound", max_tokens=40, output_config={"format": {"type": "json_schema", "schema": {"enum": ["yes"]}}}),
    _ask("context_full", max_tokens=4000),
    _ask("server_tool", tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    _ask("unknown_tool", tools=[{"type": "bash_20250124", "name": "bash"}]),
    _ask("wrong_tool", tools=[WEATHER, WEATHER | {"name": "a b"}]),
    _ask("unknown_choice", tools=[WEATHER], tool_choice={"type": "tool", "name": "nope"}),
    _ask("unknown_block", messages=[{"role": "user", "content": [{"type": "video"}]}]),
    _ask("image", messages=[{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "x"}}]}]),
    _ask("result_without_call", messages=HISTORY[2:]),
    _ask("no_max_tokens", max_tokens=None),
    _ask("no_messages", messages=[]),
    _ask("unknown_model", model="nope"),
    _ask("no_writer", model=EMBEDDING),
    _ask("too_long", messages=[{"role": "user", "content": "Once upon a time " * 200}]),
    _count("count", model=OTHER),
    _count("count_with_tools", tools=[WEATHER], system="Be short."),
    _count("count_unknown_model", model="nope"),
    Exchange("no_json", "POST", "/v1/messages", "{"),
    Exchange("wrong_method", "GET", "/v1/messages"),
    Exchange("hello", "GET", "/api/hello"),
    Exchange("event_logging", "POST", "/api/event_logging/batch", {"events": []}),
)
