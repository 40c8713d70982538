"""Thoughts as clients without a store keep them: one opaque text, which only we read again. Pure.

It hides nothing: the thoughts are the client's own, and stand beside it.
"""

from __future__ import annotations

import base64
import binascii

_MARK = b"lsrv1:"


def sealed(thoughts: str) -> str:
    """`encrypted_content` of a reasoning item."""
    return base64.b64encode(_MARK + thoughts.encode()).decode()


def unsealed(text: str) -> str | None:
    """The thoughts in it; None: another server wrote it."""
    try:
        raw = base64.b64decode(text, validate=True)
        return raw.removeprefix(_MARK).decode() if raw.startswith(_MARK) else None
    except (binascii.Error, ValueError):
        return None
