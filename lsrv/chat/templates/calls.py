"""Calls and results of earlier turns, as a template wants them. Pure."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from typing import cast

from lsrv.chat.templates.chat import Message
from lsrv.chat.templates.needs import TemplateNeeds
from lsrv.errors import RequestError

_N_ID = 9
_SHORT_ID = re.compile(rf"[A-Za-z0-9]{{{_N_ID}}}")
_Call = dict[str, object]


def with_calls(messages: list[Message], needs: TemplateNeeds) -> list[Message]:
    """`messages` with arguments, ids, names and contents of calls and results as the template takes them.

    Raises RequestError on arguments that are no JSON object, where it takes nothing else.
    """
    names: dict[object, object] = {}  # of tools, by the id of a call
    fitted: list[Message] = []
    for at, message in enumerate(messages):
        if calls := calls_of(message):
            names |= {call.get("id"): function_of(call).get("name") for call in calls}
            message = _with_empty_content(message, needs)
            places = (f"messages[{at}].tool_calls[{i}]" for i in range(len(calls)))
            message["tool_calls"] = [_fitted(call, needs, place) for call, place in zip(calls, places, strict=True)]
        elif message.get("role") == "tool":
            message = _result(message, needs, names)
        fitted.append(message)
    return fitted


def with_single_calls(messages: list[Message]) -> list[Message]:
    """`messages` in which each call that has a result is a message of its own, and is followed by it."""
    fitted: list[Message] = []
    results: list[Message] = []  # of the calls before
    for at, message in enumerate(messages):
        if any(message is result for result in results):
            continue
        calls = calls_of(message)
        results = list(itertools.takewhile(_is_result, messages[at + 1 :])) if len(calls) > 1 else results
        if len(calls) < 2 or not results:
            fitted.append(message)
            continue
        left = list(results)
        for i, call in enumerate(calls):
            fitted.append({**(message if i == 0 else {"role": "assistant", "content": ""}), "tool_calls": [call]})
            own = [result for result in left if result.get("tool_call_id") == call.get("id")] or left[:1]
            fitted += own
            left = [result for result in left if not any(result is each for each in own)]
        fitted += left
    return fitted


def _is_result(message: Message) -> bool:
    return message.get("role") == "tool"


def calls_of(message: Message) -> list[_Call]:
    """The calls of an assistant's message."""
    calls = message.get("tool_calls")
    return cast("list[_Call]", calls) if isinstance(calls, list) else []


def function_of(call: _Call) -> dict[str, object]:
    function = call.get("function")
    return cast("dict[str, object]", function) if isinstance(function, dict) else {}


def _with_empty_content(message: Message, needs: TemplateNeeds) -> Message:
    content = message.get("content")
    if content:
        return {**message}
    others = {name: value for name, value in message.items() if name != "content"}
    if content is not None and needs.content != "null":
        return {**others, "content": content}
    match needs.content:
        case "missing":
            return others
        case "empty":
            return {**others, "content": ""}
        case "null":
            return {**others, "content": None}


def _fitted(call: _Call, needs: TemplateNeeds, place: str) -> _Call:
    if needs.short_ids:
        call = {**call, "id": _short_id(call.get("id"))}
    function = function_of(call)
    if not function:
        return call
    given = function.get("arguments")
    if given is None:
        given = "{}"  # templates stumble over what is missing
    arguments = given if needs.arguments == "any" else _arguments(given, needs, place)
    return {**call, "function": {**function, "arguments": arguments}}


def _arguments(given: object, needs: TemplateNeeds, place: str) -> object:
    if needs.arguments == "text":
        return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    return arguments_object(given, place) if isinstance(given, str) else given


def arguments_object(given: str, place: str) -> dict[str, object]:
    """Arguments that are a text, as what they say. Raises RequestError that names the call at `place`."""
    try:
        found = json.loads(given or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        param = f"{place}.function.arguments"
        raise RequestError(f"{param} is no JSON object, and this model's chat template takes nothing else", param=param)
    return cast("dict[str, object]", found)


def _result(message: Message, needs: TemplateNeeds, names: dict[object, object]) -> Message:
    id_ = message.get("tool_call_id")
    if needs.wants_names and "name" not in message and id_ in names:
        message = {**message, "name": names[id_]}
    if needs.short_ids:
        message = {**message, "tool_call_id": _short_id(id_)}
    return message


def _short_id(given: object) -> str:
    """The same for the same id, so that calls and results stay together."""
    text = str(given)
    if _SHORT_ID.fullmatch(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_N_ID]
