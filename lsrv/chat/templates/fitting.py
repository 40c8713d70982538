"""A chat as its template needs it: where it needs nothing, what transformers would give it. Pure, but for the date."""

from __future__ import annotations

import json
from typing import cast

from msgspec.structs import replace

from lsrv.chat.templates.calls import with_calls, with_single_calls
from lsrv.chat.templates.chat import Chat, Message
from lsrv.chat.templates.environment import strftime_now
from lsrv.chat.templates.needs import TemplateNeeds
from lsrv.chat.templates.turns import with_turns

_THOUGHTS = ("reasoning_content", "thinking", "reasoning")  # names that templates read; the first is the usual one
_DATE = "%b %d %Y"
_NOTHING: dict[str, object] = {"type": "object", "properties": {}}


def fitted(chat: Chat, needs: TemplateNeeds) -> Chat:
    """Raises RequestError on a call whose arguments this template can't take."""
    messages = [_plain(message) for message in chat.messages]
    messages = with_calls(messages, needs)
    messages = with_turns(with_single_calls(messages) if needs.single_calls else messages, needs)
    messages = [_with_content(message, needs) for message in messages]
    return _with_tools(replace(chat, messages=messages), needs)


def _plain(message: Message) -> Message:
    """A message without what is null, and with thoughts under each of their names. Source: transformers."""
    said = {name: value for name, value in message.items() if value is not None}
    thought = next((said[name] for name in _THOUGHTS if name in said), None)
    return said if thought is None else {"thinking": thought, **said, "reasoning_content": thought}


def _with_content(message: Message, needs: TemplateNeeds) -> Message:
    role, content = message.get("role"), message.get("content")
    if isinstance(content, list) and role not in needs.parts:
        return {**message, "content": _joined(content)}
    if isinstance(content, str) and role in needs.only_parts:
        return {**message, "content": [{"type": "text", "text": content}]}
    return message


def _joined(parts: list[dict[str, object]]) -> object:
    """Text in several parts as one; what is no text stays what it is."""
    texts = [part.get("text") for part in parts]
    return "\n".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else parts


def _with_tools(chat: Chat, needs: TemplateNeeds) -> Chat:
    tools = chat.tools
    if tools is not None and (needs.full_tools or needs.full_parameters):
        tools = [_full(tool, needs) for tool in tools]
    if needs.no_tools == "text":
        functions = json.dumps([tool.get("function") for tool in tools or []], indent=4, ensure_ascii=False)
        names: dict[str, object] = {"functions": functions, "datetime": strftime_now(_DATE)}
        return replace(chat, tools=tools, kwargs=names | chat.kwargs)
    return replace(chat, tools=[] if tools is None and needs.no_tools == "empty" else tools)


def _full(tool: dict[str, object], needs: TemplateNeeds) -> dict[str, object]:
    function = tool.get("function")
    if not isinstance(function, dict):
        return tool
    told = cast("dict[str, object]", function)
    parameters = told.get("parameters", {})
    if isinstance(parameters, dict):
        parameters = _filled(cast("dict[str, object]", parameters), _NOTHING)
        if needs.full_parameters:
            parameters["properties"] = _described(parameters["properties"])
    return {**tool, "function": _filled({**told, "parameters": parameters}, {"description": ""})}


def _described(properties: object) -> object:
    if not isinstance(properties, dict):
        return properties
    each = cast("dict[str, object]", properties).items()
    bare: dict[str, object] = {"description": ""}
    return {
        name: _filled(cast("dict[str, object]", told), bare) if isinstance(told, dict) else told for name, told in each
    }


def _filled(given: dict[str, object], missing: dict[str, object]) -> dict[str, object]:
    """`given`, in its order, and behind it what it lacks."""
    return {**given, **{name: value for name, value in missing.items() if name not in given}}
