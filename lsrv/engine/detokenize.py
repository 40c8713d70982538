"""Token bytes to text that can be sent: whole UTF-8 characters, nothing past a stop string. Knows no vocabulary."""

from __future__ import annotations

import codecs

_new_decoder = codecs.getincrementaldecoder("utf-8")


class TextAssembler:
    """The text of one sequence, piece by piece.

    A character split over several tokens is held back until it is whole; so is text that may be the beginning of a
    stop string. `stop_string` is set once one has matched; text from its first character on is never returned.
    `n_read` characters have come in, of which `n_returned` were handed on.
    """

    __slots__ = ("_decoder", "_held", "_stops", "n_read", "n_returned", "stop_string")

    def __init__(self, stops: list[str]) -> None:
        self._decoder = _new_decoder("replace")
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stop_string: str | None = None
        self.n_read = 0
        self.n_returned = 0

    def push(self, piece: bytes) -> str:
        """The text that `piece` completes; often empty."""
        return self._returned(self._read(piece))

    def flush(self) -> str:
        """What was held back, at the end of the sequence; an unfinished character becomes U+FFFD."""
        ready = self._read(b"", is_last=True)
        held, self._held = self._held, ""
        return self._returned(ready if self.stop_string is not None else ready + held)

    def _read(self, piece: bytes, *, is_last: bool = False) -> str:
        text = self._decoder.decode(piece, is_last)
        self.n_read += len(text)
        return self._release(text) if self._stops else text

    def _returned(self, text: str) -> str:
        self.n_returned += len(text)
        return text

    def _release(self, text: str) -> str:
        if not text and not self._held:
            return ""
        pending = self._held + text
        found = [(pending.find(stop), stop) for stop in self._stops if stop in pending]
        if found:
            # The earliest match wins; of two at one place the longer, so that the result does not depend on order.
            start, stop = min(found, key=lambda match: (match[0], -len(match[1])))
            self.stop_string = stop
            self._held = ""
            return pending[:start]
        n_held = max(_overlap(pending, stop) for stop in self._stops)
        self._held = pending[len(pending) - n_held :]
        return pending[: len(pending) - n_held]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    for n in range(min(len(text), len(stop) - 1), 0, -1):
        if stop.startswith(text[-n:]):
            return n
    return 0
