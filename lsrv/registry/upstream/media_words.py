"""Pictures and sounds of a command in OpenAI's words: parts of the content they stand in. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import cast

from lsrv.protocol.commands import Generate, MediaFile
from lsrv.protocol.media_format import is_sound, media_format

_Message = dict[str, object]


def messages_of(command: Generate) -> list[_Message]:
    """The messages of a chat, with its media in the places of their marks."""
    messages = command.messages or []
    if not command.media:
        return messages
    files = iter(command.media)
    return [_with_media(message, command.media_marker, files) for message in messages]


def _with_media(message: _Message, marker: str, files: Iterator[MediaFile]) -> _Message:
    content = message.get("content")
    texts = [content] if isinstance(content, str) else [str(part["text"]) for part in cast("list[_Message]", content)]
    if not any(marker in text for text in texts):
        return message
    return message | {"content": [part for text in texts for part in _parts(text, marker, files)]}


def _parts(text: str, marker: str, files: Iterator[MediaFile]) -> Iterator[_Message]:
    first, *others = text.split(marker)
    if first.strip():
        yield {"type": "text", "text": first}
    for other in others:
        yield _part(next(files).data)
        if other.strip():
            yield {"type": "text", "text": other}


def _part(data: bytes) -> _Message:
    encoded = base64.b64encode(data).decode()
    kind = media_format(data) or "png"
    if is_sound(data):
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": kind}}
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{encoded}"}}
