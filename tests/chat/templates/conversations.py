"""Conversations that every template is compared on. Imports nothing, so that transformers can be given them, too."""

from __future__ import annotations

from typing import Any

_PARAMETERS = {
    "type": "object",
    "properties": {
        "topic": {"type": "string", "description": "What to look up"},
        "limit": {"type": "integer", "description": "How many"},
    },
    "required": ["topic"],
}
TOOLS = [
    {"type": "function", "function": {"name": "look_up", "description": "Looks things up", "parameters": _PARAMETERS}},
    {"type": "function", "function": {"name": "add", "description": "Adds", "parameters": _PARAMETERS}},
]


def _said(role: str, content: Any, **others: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **others}


def _call(name: str, arguments: Any, id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


_USER, _MORE = _said("user", 'Why is the sky blue? <é> "quoted"'), _said("user", "And the sea?\n")
_SYSTEM, _ANSWER = _said("system", "Be brief.\nBe kind."), _said("assistant", "Because of Rayleigh.")
_THOUGHT = {**_ANSWER, "reasoning_content": "Light is scattered."}
_CALLS = [
    _call("look_up", {"topic": 'sky & "sea"', "limit": 3}, "abcd00001"),
    _call("add", {"topic": "é"}, "abcd00002"),
]
_RESULTS = [
    _said("tool", "Rayleigh <br> é", tool_call_id="abcd00001", name="look_up"),
    _said("tool", '{"sum": 3}', tool_call_id="abcd00002", name="add"),
]
_CALLED = [_USER, {"role": "assistant", "content": "", "tool_calls": _CALLS}, *_RESULTS]
_PARTS = [{"type": "text", "text": "Why is"}, {"type": "text", "text": "the sky blue?"}]
_DOCUMENTS = [{"title": "Sky", "text": "Blue."}, {"title": "Sea", "text": "Blue, too."}]
_CONTINUED = {"continue_final_message": True, "add_generation_prompt": False}

CONVERSATIONS: dict[str, dict[str, Any]] = {
    "question": {"messages": [_USER]},
    "closed": {"messages": [_USER, _ANSWER], "add_generation_prompt": False, "continue_final_message": False},
    "system": {"messages": [_SYSTEM, _USER]},
    "turns": {"messages": [_SYSTEM, _USER, _ANSWER, _MORE, _ANSWER, _USER]},
    "tools": {"messages": [_SYSTEM, _USER], "tools": TOOLS},
    "call": {"messages": [_USER, {**_CALLED[1], "tool_calls": _CALLS[:1]}, _RESULTS[0]], "tools": TOOLS},
    "calls": {"messages": _CALLED, "tools": TOOLS},
    "calls, answered": {"messages": [_SYSTEM, *_CALLED, _ANSWER, _MORE], "tools": TOOLS},
    "parts": {"messages": [_said("user", _PARTS)]},
    "documents": {"messages": [_USER], "documents": _DOCUMENTS},
    "thoughts": {"messages": [_USER, _THOUGHT, _MORE]},
    "thoughts with calls": {
        "messages": [_USER, {**_CALLED[1], "reasoning_content": "I look."}, *_RESULTS],
        "tools": TOOLS,
    },
    "thinking": {"messages": [_USER], "enable_thinking": True},
    "not thinking": {"messages": [_USER], "enable_thinking": False},
    "effort": {"messages": [_USER], "reasoning_effort": "high"},
    "any variable": {"messages": [_USER], "thinking": True, "custom": "x"},
    "continued": {"messages": [_USER, _ANSWER], **_CONTINUED},
    "continued later": {"messages": [_SYSTEM, _USER, _ANSWER, _MORE, _said("assistant", "|<")], **_CONTINUED},
}
