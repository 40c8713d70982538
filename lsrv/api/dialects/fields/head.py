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


_decoder = msgspec.json.Decoder(_HeadFields)


def head_of(raw: bytes) -> Head:
    """The head of a body, which may hold what not everybody takes. Raises RequestError."""
    fields = decode_body(_decoder, raw)
    keys = (fields.session_id, fields.user)  # a session is narrower than a user
    sticky_key = next((key for key in keys if isinstance(key, str) and key), None)
    return Head(model=fields.model, is_streaming=bool(fields.stream), sticky_key=sticky_key)
