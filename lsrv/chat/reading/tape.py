"""The text of an answer while it comes: what is unread of it, and the steps that readers are made of.

A reader is a generator: it yields where it needs more text than there is, and goes on where it was once some has come,
so nothing is read twice. All of them work on one `Tape`; where that is over, they yield no more.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import TypeVar

T = TypeVar("T")
Steps = Generator[None, None, T]

_NO_SPACE = re.compile(r"\S")


class UnreadableError(Exception):
    """What was taken for a call can't be read as one; its text says why. Never leaves this room."""


class CutOffError(UnreadableError):
    """The answer ended in the middle of a call."""

    def __init__(self) -> None:
        super().__init__("the answer ends in the middle of a call")


class Tape:
    """`text` from `at` on is unread; `is_over`: nothing comes behind it. `kept`: what was read since `keep`."""

    __slots__ = ("_from", "_kept", "at", "is_over", "text")

    def __init__(self, text: str = "", *, is_over: bool = False) -> None:
        self.text = text
        self.at = 0
        self.is_over = is_over
        self._from = 0
        self._kept: list[str] | None = None

    def add(self, text: str) -> None:
        if self._kept is not None:
            self._kept.append(self.text[self._from : self.at])
            self._from = 0
        self.text = self.text[self.at :] + text
        self.at = 0

    def keep(self) -> None:
        """Remember what is read from here on."""
        self._kept, self._from = [], self.at

    def kept(self) -> str:
        """What was read since `keep`; it is remembered no longer."""
        assert self._kept is not None
        text = "".join(self._kept) + self.text[self._from : self.at]
        self._kept = None
        return text

    def forget(self) -> None:
        """Remember nothing any more."""
        self._kept = None


def char(tape: Tape, n: int = 0) -> Steps[str]:
    """The character `n` behind the next one; "" where the answer is over before it."""
    while len(tape.text) - tape.at <= n:
        if tape.is_over:
            return ""
        yield
    return tape.text[tape.at + n]


def skip_space(tape: Tape) -> Steps[str]:
    """Read white space; the character behind it, which stays."""
    while True:
        found = _NO_SPACE.search(tape.text, tape.at)
        if found is not None:
            tape.at = found.start()
            return found.group()
        tape.at = len(tape.text)
        if tape.is_over:
            return ""
        yield


def squeezed(text: str) -> str:
    """`text` without any white space: how texts that models space as they like are compared."""
    return "".join(text.split())


def look(tape: Tape, words: Sequence[str], n_ahead: int = 0) -> Steps[tuple[int, int]]:
    """Which of `words` stands `n_ahead` behind here, and where it ends; white space counts for nothing.

    The place in `words` (which have no white space) of the longest one, and how many characters from here it ends;
    (-1, 0) where there is none. Reads nothing.
    """
    found, n, n_same = (-1, 0), n_ahead, 0
    alive = range(len(words))
    while True:
        ended = [which for which in alive if len(words[which]) == n_same]
        if ended:
            found = (ended[0], n)
        alive = [which for which in alive if len(words[which]) > n_same]
        while alive:
            letter = yield from char(tape, n)
            n += 1
            if not letter.isspace():
                break
        else:
            return found
        alive = [which for which in alive if words[which][n_same] == letter]
        n_same += 1


def choose(tape: Tape, words: Sequence[str]) -> Steps[int]:
    """Read the longest of `words` that stands here; its place in them, or -1 and nothing is read."""
    which, n = yield from look(tape, words)
    tape.at += n
    return which


def expect(tape: Tape, word: str) -> Steps[None]:
    """Read `word`. Raises UnreadableError if something else stands here."""
    if tape.text.startswith(word, tape.at):
        tape.at += len(word)
    elif (yield from choose(tape, [word])) < 0:
        raise misfit(tape, [word], f"{word!r} is missing")


def until(tape: Tape, ends: re.Pattern[str], n_max: int) -> Steps[str]:
    """Read up to the first of the characters `ends`, which stays. Raises UnreadableError if it is too far away."""
    pieces: list[str] = []
    n_room = n_max
    while True:
        found = ends.search(tape.text, tape.at)
        end = found.start() if found is not None else len(tape.text)
        pieces.append(tape.text[tape.at : end])
        n_room -= end - tape.at
        tape.at = end
        if n_room < 0:
            raise UnreadableError("a name in it has no end")
        if found is not None:
            return "".join(pieces)
        if tape.is_over:
            raise CutOffError
        yield


def any_of(characters: str) -> re.Pattern[str]:
    """A pattern of one of these characters; of none, where there are none."""
    return re.compile("[" + re.escape(characters) + "]" if characters else "(?!)")


def misfit(tape: Tape, words: Sequence[str], why: str) -> UnreadableError:
    """What to raise where none of `words` stands here: the answer may have ended in the middle of one."""
    return CutOffError() if is_cut_off(tape, words) else UnreadableError(f"a call can't be read: {why}")


def is_cut_off(tape: Tape, words: Sequence[str]) -> bool:
    """Whether the answer is over in the middle of one of `words`, or in front of it."""
    return tape.is_over and any(word.startswith(squeezed(tape.text[tape.at :])) for word in words)
