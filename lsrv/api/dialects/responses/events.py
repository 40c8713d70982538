"""Named events, numbered in the order in which they are written. Pure."""

from __future__ import annotations

import re
import secrets

import msgspec

from lsrv.api.http.framing import named_sse

_NUMBER = re.compile(rb'"sequence_number":(\d+)')  # texts of clients stand behind it, or have their quotes escaped

_encode = msgspec.json.Encoder().encode


class EventNumbers:
    """Writes the events of one answer. Each has its name twice, as clients expect, and a number, from `first`."""

    def __init__(self, first: int = 0) -> None:
        self._n_written = first

    def event(self, name: str, fields: dict[str, object]) -> bytes:
        """One event."""
        return named_sse(name.encode(), _encode({"type": name, "sequence_number": self._next()} | fields))

    def delta(self, prefix: bytes, text: str) -> bytes:
        """An event that is constant but for its number and its text."""
        return b'%b%d,"delta":%b}\n\n' % (prefix, self._next(), _encode(text))

    def _next(self) -> int:
        number = self._n_written
        self._n_written += 1
        return number


def delta_prefix(name: str, fields: dict[str, object]) -> bytes:
    """What `EventNumbers.delta` begins with."""
    return b'event: %b\ndata: %b,"sequence_number":' % (name.encode(), _encode({"type": name} | fields)[:-1])


def new_item_id(prefix: str) -> str:
    """An id as OpenAI writes those of this API."""
    return f"{prefix}_{secrets.token_hex(24)}"


def events_after(data: bytes, number: int) -> bytes:
    """The events in `data` that come after the one of that number."""
    events = (event + b"\n\n" for event in data.split(b"\n\n") if event)
    return b"".join(event for event in events if (found := _NUMBER.search(event)) and int(found[1]) > number)
