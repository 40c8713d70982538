"""Anthropic's messages as OpenAI's, which is what templates are given. Pure.

A message there may hold texts, thoughts, calls and results side by side. Turns of one role in a row are one turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import msgspec

from lsrv.api.dialects.anthropic.blocks import (
    ContentBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    text_of,
)
from lsrv.api.dialects.fields.media import Gathering
from lsrv.api.http.body import check_plain
from lsrv.echo import echo
from lsrv.errors import RequestError

# The coding client's account of itself, another one in each request: no cached prefix would ever fit behind it.
_BILLING = "x-anthropic-billing-header:"

CALL_PREFIX = "toolu_"  # before our own ids, for clients; templates get them without it

_Message = dict[str, object]
_encode = msgspec.json.Encoder().encode


class SaidMessage(msgspec.Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[ContentBlock]


def template_history(
    system: str | list[TextBlock] | None, messages: Sequence[SaidMessage], media: Gathering
) -> list[_Message]:
    """The same conversation in OpenAI's words; `media` gets the pictures. Raises RequestError."""
    if not messages:
        raise RequestError("messages is empty; send at least one.", param="messages")
    called: dict[str, str] = {}
    found = _system(system)
    for i, message in enumerate(messages):
        for each in _translated(message, called, f"messages[{i}].content", media):
            _add(found, each)
    return found


def _system(system: str | list[TextBlock] | None) -> list[_Message]:
    texts = [system] if isinstance(system, str) else [block.text for block in system or []]
    text = "\n\n".join(text for text in texts if text and not text.startswith(_BILLING))
    return [{"role": "system", "content": text}] if text else []


def _translated(message: SaidMessage, called: dict[str, str], param: str, media: Gathering) -> list[_Message]:
    """`called`: the names of tools by the ids of calls so far."""
    if isinstance(message.content, str):
        return [{"role": message.role, "content": message.content}]
    if message.role == "assistant":
        return [_answer(message.content, called, param, media)]
    results: list[_Message] = []
    texts: list[str] = []
    for i, block in enumerate(message.content):
        place = f"{param}[{i}]"
        if isinstance(block, ToolResultBlock):
            results.append(_result(block, called, place, media))
        elif isinstance(block, ThinkingBlock | RedactedThinkingBlock | ToolUseBlock):
            raise RequestError(f"{place}: only the assistant can have written this block.", param=place)
        else:
            texts.append(text_of(block, place, media))
    if results and not texts:
        return results
    return [*results, {"role": message.role, "content": "\n\n".join(texts)}]


def _answer(content: list[ContentBlock], called: dict[str, str], param: str, media: Gathering) -> _Message:
    """What the model wrote itself, and reads again as it was."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[_Message] = []
    for i, block in enumerate(content):
        place = f"{param}[{i}]"
        match block:
            case ThinkingBlock():
                thoughts.append(block.thinking)
            case ToolUseBlock():
                calls.append(_call(block, called, place))
            case ToolResultBlock():
                raise RequestError(f"{place}: a tool_result belongs into a message of the user.", param=place)
            case RedactedThinkingBlock():
                pass
            case _:
                texts.append(text_of(block, place, media))
    said: _Message = {"reasoning_content": "".join(thoughts), "tool_calls": calls}
    return {"role": "assistant", "content": "".join(texts)} | {name: value for name, value in said.items() if value}


def _call(block: ToolUseBlock, called: dict[str, str], param: str) -> _Message:
    check_plain(block.input, f"{param}.input")
    called[block.id] = block.name
    function = {"name": block.name, "arguments": _encode(block.input).decode()}
    return {"id": block.id.removeprefix(CALL_PREFIX), "type": "function", "function": function}


def _result(block: ToolResultBlock, called: dict[str, str], param: str, media: Gathering) -> _Message:
    if block.tool_use_id not in called:
        raise RequestError(
            f"{param}: unexpected `tool_use_id` found in `tool_result` blocks: {echo(block.tool_use_id)}. Each must "
            "have a `tool_use` block with that id in a message before it.",
            param=f"{param}.tool_use_id",
        )
    content, place = block.content or "", f"{param}.content"
    parts = [content] if isinstance(content, str) else [text_of(part, place, media) for part in content]
    text = "\n".join(parts)
    return {
        "role": "tool",
        "tool_call_id": block.tool_use_id.removeprefix(CALL_PREFIX),
        "name": called[block.tool_use_id],
        "content": f"Error: {text}" if block.is_error else text,
    }


def _add(found: list[_Message], message: _Message) -> None:
    """`message` behind the others, or as more of the last one. Results stay by themselves: each has its call."""
    last = found[-1] if found else None
    if last is None or last["role"] != message["role"] or message["role"] == "tool":
        found.append(message)
        return
    texts = [cast(str, each["content"]) for each in (last, message)]
    last["content"] = ("" if message["role"] == "assistant" else "\n\n").join(text for text in texts if text)
    for name in ("reasoning_content", "tool_calls"):  # a text, and a list
        if name in message:
            last[name] = (
                cast("list[object]", last[name]) + cast("list[object]", message[name])
                if name in last
                else message[name]
            )
