"""How long one sequence may think: its thoughts are watched, and ended by force. Knows no format and no grammar."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ThoughtMarks:
    """Bytes that open thoughts and that close them, and the tokens that are written to close one by force."""

    opens: tuple[bytes, ...]
    closes: tuple[bytes, ...]
    closing: tuple[int, ...]


class ThoughtLimit:
    """The thoughts of one sequence. Once they have taken `n_max` tokens, each is closed as soon as it goes on.

    `n_max` None: they take as long as they like, unless somebody ends them.
    """

    def __init__(self, marks: ThoughtMarks, n_max: int | None, *, is_open: bool) -> None:
        self._marks = marks
        self._n_left = math.inf if n_max is None else n_max
        self._is_open = is_open
        self._closing: list[int] = []  # tokens that come next, whatever the model wants
        self._tail = b""  # of what was written: a mark may begin in it
        self._n_tail = max(map(len, (*marks.opens, *marks.closes))) - 1

    def next_closing(self, may_come: Callable[[list[int]], bool]) -> int | None:
        """The token that must come next, to end a thought; None while it may go on.

        `may_come`: whether all these tokens can follow now. Where they can't, the thought goes on until they can.
        """
        if not self._closing and self._is_open and self._n_left <= 0 and _is_whole(self._tail):
            closing = list(self._marks.closing)
            self._closing = closing if may_come(closing) else []
        return self._closing.pop(0) if self._closing else None

    def end(self) -> None:
        """No thought goes on from now."""
        self._n_left = 0

    @property
    def is_closing(self) -> bool:
        """Whether tokens that end a thought come next, whatever a grammar forces."""
        return bool(self._closing)

    def saw(self, piece: bytes) -> None:
        """The sequence has a token more, with these bytes."""
        text = self._tail + piece
        if self._is_open:
            self._n_left -= 1
        marks = self._marks.closes if self._is_open else self._marks.opens
        end = max((text.rfind(mark) + len(mark) for mark in marks if mark in text), default=0)
        if end:
            self._is_open = not self._is_open
            text = text[end:]
        self._tail = text[-self._n_tail :] if self._n_tail else b""


def _is_whole(text: bytes) -> bool:
    """Whether `text` ends with a whole character, as far as its last four bytes tell."""
    for n in range(1, min(4, len(text)) + 1):
        byte = text[-n]
        if byte & 0xC0 != 0x80:
            n_bytes = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return n >= n_bytes
    return True
