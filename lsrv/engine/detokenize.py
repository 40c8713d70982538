"""Token bytes to text that can be sent: whole UTF-8 characters, nothing past a stop string. Knows no vocabulary."""

from __future__ import annotations

import codecs
from typing import Protocol

_new_decoder = codecs.getincrementaldecoder("utf-8")


class StopWatch(Protocol):
    """Looks at the text of one sequence for where it has to stop.

    `stop_string` is set once one was found; `n_withheld`: characters at the end of what was pushed that are held back,
    or cut off.
    """

    @property
    def stop_string(self) -> str | None: ...

    @property
    def n_withheld(self) -> int: ...

    def push(self, text: str) -> str:
        """The text that is ready now; often empty."""
        ...

    def flush(self) -> str:
        """What was held back, at the end of the sequence."""
        ...


class StopStrings:
    """Holds back what may be the beginning of a stop string; text from the first character of one on is dropped."""

    __slots__ = ("_held", "_stops", "n_withheld", "stop_string")

    def __init__(self, stops: list[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stop_string: str | None = None
        self.n_withheld = 0

    def push(self, text: str) -> str:
        if self.stop_string is not None:
            self.n_withheld += len(text)
            return ""
        pending = self._held + text
        found = [(pending.find(stop), stop) for stop in self._stops if stop in pending]
        if found:
            # The earliest match wins; of two at one place the longer, so that the result does not depend on order.
            start, self.stop_string = min(found, key=lambda match: (match[0], -len(match[1])))
            self._held = ""
            self.n_withheld = len(pending) - start
            return pending[:start]
        self.n_withheld = max((_overlap(pending, stop) for stop in self._stops), default=0)
        n_ready = len(pending) - self.n_withheld
        self._held = pending[n_ready:]
        return pending[:n_ready]

    def flush(self) -> str:
        held, self._held = self._held, ""
        self.n_withheld -= len(held)
        return held


class TextAssembler:
    """The text of one sequence, piece by piece.

    A character split over several tokens is held back until it is whole. `n_read` characters have come in, of which
    `n_returned` were handed on.
    """

    __slots__ = ("_decoder", "_watch", "n_read")

    def __init__(self, watch: StopWatch | None = None) -> None:
        """`watch`: None where nothing stops the text."""
        self._decoder = _new_decoder("replace")
        self._watch = watch
        self.n_read = 0

    @property
    def stop_string(self) -> str | None:
        """What the text was stopped by; from its first character on nothing is ever returned."""
        return None if self._watch is None else self._watch.stop_string

    @property
    def n_returned(self) -> int:
        return self.n_read if self._watch is None else self.n_read - self._watch.n_withheld

    def push(self, piece: bytes) -> str:
        """The text that `piece` completes; often empty."""
        text = self._decoder.decode(piece)
        self.n_read += len(text)
        return text if self._watch is None else self._watch.push(text)

    def flush(self) -> str:
        """What was held back, at the end of the sequence; nothing of a character that is not whole."""
        return "" if self._watch is None else self._watch.flush()


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    for n in range(min(len(text), len(stop) - 1), 0, -1):
        if stop.startswith(text[-n:]):
            return n
    return 0
