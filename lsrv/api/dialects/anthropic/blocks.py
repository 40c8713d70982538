"""The blocks that messages are made of, as clients send them. Fields that change nothing (cache_control, citations) are
not read.

https://platform.claude.com/docs/en/api/messages/create
"""

from __future__ import annotations

import msgspec

from lsrv.echo import echo
from lsrv.errors import RequestError, UnsupportedCapabilityError


class TextBlock(msgspec.Struct, tag="text"):
    text: str


class ImageBlock(msgspec.Struct, tag="image"):
    """Refused: this version reads text only."""


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


def text_of(block: ReadableBlock, param: str) -> str:
    """What a model reads of `block`. Raises UnsupportedCapabilityError for what is no text."""
    match block:
        case TextBlock():
            return block.text
        case DocumentBlock():
            said = (block.title, block.context, _source_text(block.source, f"{param}.source"))
            return "\n".join(text for text in said if text)
        case SearchResultBlock():
            return "\n".join((block.title, block.source, *(part.text for part in block.content)))
        case ToolReferenceBlock():
            return f"The tool {block.tool_name} can be called."
        case ImageBlock():
            raise UnsupportedCapabilityError(
                f"{param} is of type image; this version reads text only. Leave it out.", param=param
            )


def texts_of(content: str | list[TextBlock | ImageBlock], param: str) -> list[str]:
    """The texts of what may be one. Raises UnsupportedCapabilityError."""
    if isinstance(content, str):
        return [content]
    return [text_of(block, f"{param}[{i}]") for i, block in enumerate(content)]


def _source_text(source: DocumentSource, param: str) -> str:
    if source.type == "content" and source.content is not None:
        return "\n".join(texts_of(source.content, f"{param}.content"))
    if source.type != "text":
        raise UnsupportedCapabilityError(
            f"{param} is of type {echo(source.type)!r}; this version reads text only: send type text with data.",
            param=param,
        )
    if source.data is None:
        raise RequestError(f"{param} has no data.", param=f"{param}.data")
    return source.data
