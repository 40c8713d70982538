"""One server-sent event as bytes. Pure."""

from __future__ import annotations


def sse(payload: bytes) -> bytes:
    """One server-sent event; `payload` holds no newline."""
    return b"data: %b\n\n" % payload
