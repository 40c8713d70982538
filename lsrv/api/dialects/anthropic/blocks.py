"""The blocks that messages are made of, as clients send them. Fields that change nothing (cache_control, citations) are
not read.

https://platform.claude.com/docs/en/api/messages/create
"""

from __future__ import annotations

import msgspec

from lsrv.api.dialects.fields.media import Gathering
from lsrv.echo import echo
from lsrv.errors import RequestError, UnsupportedCapabilityError


class TextBlock(msgspec.Struct, tag="text"):
    text: str


class ImageSource(msgspec.Struct):
    """A picture in base64 (type base64, with `data`), or where it is (type url)."""

    type: str
    data: str | None = None
    url: str | None = None


class ImageBlock(msgspec.Struct, tag="image"):
    source: ImageSource


class DocumentSource(msgspec.Struct):
    """A text (type text, with `data`) or parts (type content, with `content`); other types hold no text."""

    type: str
    data: str | None = None
    content: str | list[TextBlock | ImageBlock] | None = None


class DocumentBlock(msgspec.Struct, tag="document"):
    source: DocumentSource
    title: str | None = None
    context: str | None = None


class SearchResultBlock(msgspec.Struct, tag="search_result"):
    source: str
    title: str
    content: list[TextBlock]


class ToolReferenceBlock(msgspec.Struct, tag="tool_reference"):
    tool_name: str


class ToolResultBlock(msgspec.Struct, tag="tool_result"):
    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | DocumentBlock | SearchResultBlock | ToolReferenceBlock] | None = None
    is_error: bool | None = None


class ThinkingBlock(msgspec.Struct, tag="thinking"):
    thinking: str


class RedactedThinkingBlock(msgspec.Struct, tag="redacted_thinking"):
    """Thoughts that only Anthropic's servers can read."""


class ToolUseBlock(msgspec.Struct, tag="tool_use"):
    id: str
    name: str
    input: dict[str, object] = {}


ReadableBlock = TextBlock | ImageBlock | DocumentBlock | SearchResultBlock | ToolReferenceBlock
ContentBlock = ReadableBlock | ToolResultBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock


def text_of(block: ReadableBlock, param: str, media: Gathering) -> str:
    """What a model reads of `block`; `media` gets pictures. Raises RequestError."""
    match block:
        case TextBlock():
            return block.text
        case DocumentBlock():
            said = (block.title, block.context, _source_text(block.source, f"{param}.source", media))
            return "\n".join(text for text in said if text)
        case SearchResultBlock():
            return "\n".join((block.title, block.source, *(part.text for part in block.content)))
        case ToolReferenceBlock():
            return f"The tool {block.tool_name} can be called."
        case ImageBlock():
            return _picture(block.source, f"{param}.source", media)


def texts_of(content: str | list[TextBlock | ImageBlock], param: str, media: Gathering) -> list[str]:
    """The texts of what may be one. Raises UnsupportedCapabilityError."""
    if isinstance(content, str):
        return [content]
    return [text_of(block, f"{param}[{i}]", media) for i, block in enumerate(content)]


def _source_text(source: DocumentSource, param: str, media: Gathering) -> str:
    if source.type == "content" and source.content is not None:
        return "\n".join(texts_of(source.content, f"{param}.content", media))
    if source.type != "text":
        raise UnsupportedCapabilityError(
            f"{param} is of type {echo(source.type)!r}; this server reads text and pictures: send type text with data.",
            param=param,
        )
    if source.data is None:
        raise RequestError(f"{param} has no data.", param=f"{param}.data")
    return source.data


def _picture(source: ImageSource, param: str, media: Gathering) -> str:
    if source.type == "base64" and source.data is not None:
        return media.add_base64(source.data, param)
    if source.type == "url" and source.url is not None:
        return media.add_url(source.url, param)
    raise RequestError(f"{param} is of type {echo(source.type)!r}; send type base64 with data.", param=param)
