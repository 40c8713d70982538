"""Arguments that are JSON already: they pass, and are found to end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import msgspec

from lsrv.chat.reading.tape import CutOffError, Steps, Tape, UnreadableError, skip_space

_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'["\\]')


def read_json(tape: Tape, say: Callable[[str], None]) -> Steps[None]:
    """Read one JSON object and say it as it comes. Raises UnreadableError where that is none."""
    if (yield from skip_space(tape)) not in ("{", ""):
        raise UnreadableError("a call can't be read: its arguments are no JSON object")
    end = ObjectEnd()
    pieces: list[str] = []
    while True:
        at, is_whole = end.find(tape.text, tape.at)
        if at > tape.at:
            pieces.append(tape.text[tape.at : at])
            tape.at = at
            say(pieces[-1])
        if is_whole:
            break
        if tape.is_over:
            raise CutOffError
        yield
    if not is_json("".join(pieces)):
        raise UnreadableError("a call can't be read: its arguments are no valid JSON")


class ObjectEnd:
    """Where a JSON object ends, looked for in pieces of text that follow each other."""

    __slots__ = ("_depth", "_is_escaped", "_is_inside")

    def __init__(self) -> None:
        self._depth = 0
        self._is_inside = False  # of a string
        self._is_escaped = False  # the next character belongs to a backslash

    def find(self, text: str, at: int) -> tuple[int, bool]:
        """Up to where `text` from `at` on belongs to the object, and whether it ends there."""
        if self._is_escaped and at < len(text):
            self._is_escaped = False
            at += 1
        while (found := (_INSIDE if self._is_inside else _OUTSIDE).search(text, at)) is not None:
            at = found.end()
            match found.group():
                case '"':
                    self._is_inside = not self._is_inside
                case "\\":
                    if at == len(text):
                        self._is_escaped = True
                    at += 1
                case "{" | "[":
                    self._depth += 1
                case _:
                    self._depth -= 1
                    if self._depth <= 0:
                        return at, True
        return len(text), False


def is_json(text: str) -> bool:
    """Whether `text` is one JSON value."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def escaped(text: str) -> str:
    """`text` as it stands between the quotes of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def member_start(key: str, n: int) -> str:
    """What stands in front of the value of member `n` of an object."""
    return f'{", " if n else "{"}"{escaped(key)}": '
