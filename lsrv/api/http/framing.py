"""How the events of a stream are told apart on the wire. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Framing:
    """`comment` makes what readers pass over of words without a line break; None: there is nothing like it."""

    media_type: bytes
    comment: Callable[[str], bytes] | None = None


def sse(payload: bytes) -> bytes:
    """One server-sent event; `payload` holds no newline."""
    return b"data: %b\n\n" % payload


def named_sse(name: bytes, payload: bytes) -> bytes:
    """One server-sent event with a name."""
    return b"event: %b\ndata: %b\n\n" % (name, payload)


def _comment(words: str) -> bytes:
    return f": {words}\n".encode()  # an empty line behind it would end an event, which some readers then decode


SERVER_SENT_EVENTS = Framing(b"text/event-stream; charset=utf-8", _comment)
JSON_LINES = Framing(b"application/x-ndjson")
