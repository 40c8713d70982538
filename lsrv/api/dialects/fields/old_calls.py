"""`function_call` and role `function`, the words of before, in the history of a chat: as calls of tools. Pure."""

from __future__ import annotations

_Message = dict[str, object]


def with_tool_calls(messages: list[_Message]) -> list[_Message]:
    """`messages` in the words of today. The result of a function belongs to the call of that name before it."""
    renewed: list[_Message] = []
    ids: dict[object, str] = {}
    for i, message in enumerate(messages):
        if isinstance(call := message.pop("function_call", None), dict) and "tool_calls" not in message:
            ids[call.get("name")] = call_id = f"call_{i}"
            message["tool_calls"] = [{"id": call_id, "type": "function", "function": call}]
        if message["role"] == "function":
            message = {**message, "role": "tool"}
            message.setdefault("tool_call_id", ids.get(message.get("name"), f"call_{i}"))
        renewed.append(message)
    return renewed
