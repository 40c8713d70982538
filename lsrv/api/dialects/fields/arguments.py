"""The arguments of a call, for APIs that have them as an object. Pure."""

from __future__ import annotations

from typing import cast

import msgspec


def arguments_object(text: str) -> dict[str, object] | None:
    """What a model wrote; None: it is no object, for an answer may be cut off within it."""
    if not text.strip():
        return {}
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None
