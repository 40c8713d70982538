"""Server-sent events out of bytes as they come. Pure.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventTooLongError(Exception):
    """An event exceeds what is kept of it."""


class EventParser:
    """Gives the data of each complete event. Comments, names and ids of events are passed over."""

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._rest = bytearray()  # of a line whose end has not come
        self._data: list[bytes] = []
        self._n_bytes = 0

    def feed(self, received: bytes) -> list[bytes]:
        """The data of every event that ends in `received`. Raises EventTooLongError."""
        self._rest += received
        if b"\n" not in received and b"\r" not in self._rest[-len(received) - 1 :]:
            return self._checked([])
        text = bytes(self._rest)
        # A "\r" at the very end may be half of a "\r\n".
        held = 1 if text.endswith(b"\r") else 0
        *lines, rest = _LINE_END.split(text[: len(text) - held])
        self._rest = bytearray(rest + text[len(text) - held :])
        return self._checked([event for line in lines if (event := self._take(line)) is not None])

    def _checked(self, events: list[bytes]) -> list[bytes]:
        if self._n_bytes + len(self._rest) > self._max_event_bytes:
            raise EventTooLongError
        return events

    def _take(self, line: bytes) -> bytes | None:
        """The event that `line`, if it is empty, ends."""
        if not line:
            data, self._data, self._n_bytes = self._data, [], 0
            return b"\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._n_bytes += len(value)
            if self._n_bytes > self._max_event_bytes:
                raise EventTooLongError
        return None
