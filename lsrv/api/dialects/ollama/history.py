"""Ollama's messages as OpenAI's, which is what templates are given. Pure.

Calls have no ids there, and results name their tool at most: a result answers the first call that has none yet.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lsrv.api.dialects.fields.media import Gathering
from lsrv.api.http.body import check_plain
from lsrv.errors import RequestError


class OllamaCalledFunction(msgspec.Struct):
    name: str
    arguments: dict[str, object] = {}


class OllamaCall(msgspec.Struct):
    function: OllamaCalledFunction
    id: str | None = None


class OllamaMessage(msgspec.Struct, kw_only=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[OllamaCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class _OpenCall(msgspec.Struct):
    id: str
    name: str


_encode = msgspec.json.Encoder().encode


def with_images(text: str, images: list[str] | None, param: str, media: Gathering) -> str:
    """`text` behind its pictures, each in base64; `media` gets them. Raises RequestError."""
    return "".join(media.add_base64(each, f"{param}[{i}]") for i, each in enumerate(images or [])) + text


def openai_messages(messages: list[OllamaMessage], media: Gathering) -> list[dict[str, object]]:
    """The same conversation in OpenAI's words, arguments as JSON texts; `media` gets pictures. Raises RequestError."""
    open_calls: list[_OpenCall] = []
    found: list[dict[str, object]] = []
    for i, message in enumerate(messages):
        param = f"messages[{i}]"
        role = "system" if message.role == "developer" else message.role
        content = with_images(message.content or "", message.images, f"{param}.images", media)
        result: dict[str, object] = {"role": role, "content": content}
        if message.thinking:
            result["reasoning_content"] = message.thinking
        if message.tool_calls:
            result["tool_calls"] = _calls(message.tool_calls, open_calls, i, param)
        if role == "tool":
            result |= _answered(message, open_calls, param)
        found.append(result)
    return found


def _calls(calls: list[OllamaCall], open_calls: list[_OpenCall], at: int, param: str) -> list[dict[str, object]]:
    open_calls.clear()  # what was not answered until now never is
    written: list[dict[str, object]] = []
    for k, call in enumerate(calls):
        function = call.function
        check_plain(function.arguments, f"{param}.tool_calls[{k}].function.arguments")
        call_id = call.id or f"call{at:03d}{k:02d}"  # nine letters and digits, which is all that some templates take
        open_calls.append(_OpenCall(call_id, function.name))
        said = {"name": function.name, "arguments": _encode(function.arguments).decode()}
        written.append({"id": call_id, "type": "function", "function": said})
    return written


def _answered(message: OllamaMessage, open_calls: list[_OpenCall], param: str) -> dict[str, object]:
    """Which call a result belongs to."""
    if not open_calls and message.tool_call_id is None and message.tool_name is None:
        raise RequestError(
            f"{param} is a tool's result, and no call stands before it; send the message with tool_calls, too.",
            param=param,
        )
    names = [call.name for call in open_calls]
    at = names.index(message.tool_name) if message.tool_name in names else 0
    call = open_calls.pop(at) if open_calls and message.tool_call_id is None else None
    call_id = message.tool_call_id or (call.id if call is not None else "")
    name = message.tool_name or (call.name if call is not None else "")
    return {key: value for key, value in (("tool_call_id", call_id), ("name", name)) if value}
