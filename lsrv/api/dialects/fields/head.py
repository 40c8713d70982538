"""The fields that say who is asked, and how: in OpenAI's words, which others took over. Pure."""

from __future__ import annotations

import msgspec

from lsrv.api.dialects.contract import Head
from lsrv.api.http.body import decode_body


class _HeadFields(msgspec.Struct):
    model: str | None = None
    stream: bool | None = None
    user: object = None
    session_id: object = None
    mcp: object = None


LATEST = ":latest"  # how Ollama's clients write a name without a tag, in whatever API they go on

_decoder = msgspec.json.Decoder(_HeadFields)


def head_of(raw: bytes) -> Head:
    """The head of a body, which may hold what not everybody takes. Raises RequestError."""
    fields = decode_body(_decoder, raw)
    keys = (fields.session_id, fields.user)  # a session is narrower than a user
    sticky_key = next((key for key in keys if isinstance(key, str) and key), None)
    return Head(
        fields.model, bool(fields.stream), sticky_key, bool(fields.mcp), other_spellings=without_latest(fields.model)
    )


def without_latest(model: str | None) -> tuple[str, ...]:
    """What else `model` may be called: VS Code takes a name from /api/tags to /v1/chat/completions."""
    return (model.removesuffix(LATEST),) if model and model.endswith(LATEST) else ()
