"""Texts that end a part of an answer, found while it streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache

from lsrv.chat.reading.tape import Steps, Tape, any_of


class MarkSet:
    """Some texts, of which the first is looked for, and of those that begin at one place the longest."""

    __slots__ = ("_beginnings", "_firsts", "_n_max", "_pattern", "marks")

    def __init__(self, marks: Collection[str]) -> None:
        self.marks = sorted({mark for mark in marks if mark}, key=lambda mark: -len(mark))
        self._pattern = re.compile("|".join(map(_pattern, self.marks)) or r"(?!)")
        self._firsts = any_of("".join({mark[0] for mark in self.marks}))
        self._beginnings = {mark[:n] for mark in self.marks for n in range(1, len(mark) + 1)}
        self._n_max = max(map(len, self.marks), default=0)

    def find(self, tape: Tape) -> tuple[int, int] | None:
        """Where in the unread text a mark begins and ends, as far as what is there tells."""
        found = self._pattern.search(tape.text, tape.at)
        if found is None or (found.end() == len(tape.text) and not tape.is_over and self._may_grow(found.group())):
            return None
        return found.span()

    def n_sure(self, tape: Tape) -> int:
        """Up to where the unread text has no beginning of a mark in it, after `find` found none."""
        text, end = tape.text, len(tape.text)
        if tape.is_over or not self._n_max:
            return end
        at = max(tape.at, end - self._n_max)
        while (found := self._firsts.search(text, at)) is not None:
            if text[found.start() :] in self._beginnings:
                return found.start()
            at = found.start() + 1
        return end

    def _may_grow(self, text: str) -> bool:
        """Whether what comes may make another mark of it, or none."""
        return text[-1].isalnum() or any(mark.startswith(text) and mark != text for mark in self.marks)


@lru_cache(256)
def mark_set(*marks: str) -> MarkSet:
    """The same set for the same marks: answers of one model look for the same ones."""
    return MarkSet(marks)


def _pattern(mark: str) -> str:
    """A mark that ends with a word (`>>>all`) is none where the word goes on (`>>>allocate`)."""
    return re.escape(mark) + (r"(?!\w)" if mark[-1].isalnum() else "")


def say_until(tape: Tape, marks: MarkSet, say: Callable[[str], None]) -> Steps[str]:
    """Say all text in front of the next mark, as it comes; the mark, which stays, or "" at the end of the answer."""
    while True:
        found = marks.find(tape)
        end = found[0] if found is not None else marks.n_sure(tape)
        if end > tape.at:
            say(tape.text[tape.at : end])
            tape.at = end
        if found is not None:
            return tape.text[found[0] : found[1]]
        if tape.is_over:
            return ""
        yield
