"""What a tool answered, as text for a model. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

MAX_OUTPUT_CHARS = 64 * 1024


def output_text(content: Sequence[object], structured: object) -> str:
    """The texts of `content` (blocks as the SDK has them); what is no text is named. Without any: `structured`."""
    parts = [_text(block) for block in content]
    text = "\n".join(part for part in parts if part)
    if not text and structured is not None:
        text = msgspec.json.encode(structured).decode()
    if len(text) > MAX_OUTPUT_CHARS:
        n_more = len(text) - MAX_OUTPUT_CHARS
        text = f"{text[:MAX_OUTPUT_CHARS]}\n[cut: {n_more} more characters]"
    return text.replace("\0", "")


def _text(block: object) -> str:
    kind = getattr(block, "type", "")
    if kind == "text":
        return str(getattr(block, "text", ""))
    if kind == "resource":
        resource = getattr(block, "resource", None)
        text, uri = getattr(resource, "text", None), getattr(resource, "uri", "")
        return text if isinstance(text, str) else f"[a file, which is no text: {uri}]"
    if kind == "resource_link":
        return f"[a file: {getattr(block, 'uri', '')}]"
    mime = getattr(block, "mime_type", "")
    return f"[{kind or 'something'}, which is no text: {mime}]"
