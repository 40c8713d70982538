"""Tools in words, for templates that don't show them: a system message, and calls in the content of messages. Pure."""

from __future__ import annotations

import json
from typing import cast

from msgspec.structs import replace

from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.call import JsonValue, ToolCall
from lsrv.chat.format.write import write_calls
from lsrv.chat.templates.calls import arguments_object, calls_of, function_of
from lsrv.chat.templates.chat import Chat, Message

_EXAMPLE = ToolCall("function-name", {"argument-name": "value"}, "abcdef017")


def in_words(chat: Chat, form: AnswerFormat) -> Chat:
    """`chat` with all that its template drops of tools. Raises RequestError on arguments that are no JSON object."""
    if form.calls is None:
        return chat
    if not (form.shows_calls and form.shows_calls_beside_text):
        messages = [_spelled(message, form, f"messages[{at}]") for at, message in enumerate(chat.messages)]
        chat = replace(chat, messages=messages)
    if chat.tools and not form.shows_tools:
        told: Message = {"role": "system", "content": _instructions(chat.tools, form)}
        chat = replace(chat, messages=[told, *chat.messages], tools=None)
    return chat


def _instructions(tools: list[dict[str, object]], form: AnswerFormat) -> str:
    """What most models have been trained with to say so (Hermes, Qwen), around an example in the model's own way."""
    signatures = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    return (
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
        "You are provided with function signatures within <tools></tools> XML tags:\n"
        f"<tools>\n{signatures}\n</tools>\n\n"
        "For each function call, write the name of the function and its arguments like this:\n"
        f"{write_calls(form, [_EXAMPLE])}"
    )


def _spelled(message: Message, form: AnswerFormat, place: str) -> Message:
    """A message whose calls are the end of its content."""
    calls = calls_of(message)
    if not calls or (form.shows_calls and not message.get("content")):
        return message
    written = write_calls(form, [_call(call, f"{place}.tool_calls[{at}]") for at, call in enumerate(calls)])
    others = {name: value for name, value in message.items() if name != "tool_calls"}
    content = message.get("content")
    if isinstance(content, list):
        return {**others, "content": [*cast("list[object]", content), {"type": "text", "text": written}]}
    return {**others, "content": f"{content}\n{written}" if content else written}


def _call(call: dict[str, object], place: str) -> ToolCall:
    function = function_of(call)
    given = function.get("arguments")
    arguments = arguments_object(given, place) if isinstance(given, str) else given or {}
    return ToolCall(str(function.get("name")), cast("dict[str, JsonValue]", arguments), str(call.get("id", "")))
