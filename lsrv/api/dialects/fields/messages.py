"""Chat messages as clients send them, and as templates want them."""

from __future__ import annotations

from typing import Literal

import msgspec

from lsrv.api.dialects.fields.earlier_calls import check_calls, check_function
from lsrv.api.dialects.fields.media import Gathering
from lsrv.api.dialects.fields.old_calls import with_tool_calls
from lsrv.errors import RequestError, UnsupportedCapabilityError

_TEXT_PARTS = ("text", "input_text", "output_text")


class ImageUrl(msgspec.Struct):
    url: str


class InputAudio(msgspec.Struct):
    data: str


class ContentPart(msgspec.Struct):
    """A part of a message in OpenAI's words: of chats (image_url, input_audio) and of Responses (input_image)."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | ImageUrl | None = None
    input_audio: InputAudio | None = None
    file_id: str | None = None


class ChatMessage(msgspec.Struct, kw_only=True):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[dict[str, object]] | None = None
    tool_call_id: str | None = None
    function_call: dict[str, object] | None = None


def template_messages(messages: str | list[ChatMessage], media: Gathering) -> list[dict[str, object]]:
    """What a chat template gets: roles it knows, content as text or in parts of text. Raises RequestError.

    `media` gets the pictures and sounds.
    """
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if not messages:
        raise RequestError("messages is empty; send at least one.", param="messages")
    return with_tool_calls([_template_message(message, f"messages[{i}]", media) for i, message in enumerate(messages)])


def _template_message(message: ChatMessage, param: str, media: Gathering) -> dict[str, object]:
    role = "system" if message.role == "developer" else message.role
    content = message_content(message.content, f"{param}.content", media)
    result: dict[str, object] = {"role": role, "content": content}
    if message.name is not None:
        result["name"] = message.name
    if message.reasoning_content is not None:
        result["reasoning_content"] = message.reasoning_content
    if message.tool_calls:
        check_calls(message.tool_calls, f"{param}.tool_calls")
        result["tool_calls"] = message.tool_calls
    if message.function_call is not None:
        check_function(message.function_call, f"{param}.function_call")
        result["function_call"] = message.function_call
    if message.tool_call_id is not None:
        result["tool_call_id"] = message.tool_call_id
    return result


def message_content(content: str | list[ContentPart] | None, param: str, media: Gathering) -> object:
    """Text; or its parts, for templates that take them. Where it is known that one doesn't, they are joined.

    Raises RequestError for parts that are none.
    """
    if content is None or isinstance(content, str):
        return content or ""
    texts = [_part_text(part, f"{param}[{i}]", media) for i, part in enumerate(content)]
    return [{"type": "text", "text": text} for text in texts] if any(texts) else ""


def _part_text(part: ContentPart, param: str, media: Gathering) -> str:
    if part.type == "refusal":
        return part.refusal or ""
    if part.type in ("image_url", "input_image"):
        url = part.image_url.url if isinstance(part.image_url, ImageUrl) else part.image_url
        if url is None:
            raise RequestError(f"{param} has no image_url; send data:image/png;base64,…", param=f"{param}.image_url")
        return media.add_url(url, param)
    if part.type == "input_audio":
        if part.input_audio is None:
            raise RequestError(f"{param} has no input_audio.", param=f"{param}.input_audio")
        return media.add_base64(part.input_audio.data, param)
    if part.type not in _TEXT_PARTS:
        raise UnsupportedCapabilityError(
            f"{param} is of type {part.type[:64]!r}; this server reads text, image_url and input_audio.", param=param
        )
    if part.text is None:
        raise RequestError(f"{param} has no text.", param=f"{param}.text")
    return part.text
