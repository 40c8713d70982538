"""Values that stand between two tags: a text as it is, or what reads as another value."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from lsrv.chat.format.answer_format import JsonType
from lsrv.chat.format.write import json_type
from lsrv.chat.reading.json_text import escaped, is_json
from lsrv.chat.reading.literal import LiteralReader
from lsrv.chat.reading.marks import mark_set, say_until
from lsrv.chat.reading.schema import Parameter
from lsrv.chat.reading.tape import CutOffError, Steps, Tape, UnreadableError, char, look


class Closing:
    """What ends a value: `text`, with or without the white space at its beginning, and something of `follows` behind.

    A text may hold the closing tag itself: then what stands behind it tells that the value goes on.
    """

    __slots__ = ("_follows", "_marks", "_space", "core")

    def __init__(self, text: str, follows: Sequence[str]) -> None:
        """`follows` have no white space."""
        self.core = text.strip()
        self._space = text[: len(text) - len(text.lstrip())]
        self._marks = mark_set(self._space + self.core, self.core)
        self._follows = follows

    def say_text(self, tape: Tape, say: Callable[[str], None]) -> Steps[None]:
        """Say the value as it comes, and read its end."""
        while mark := (yield from say_until(tape, self._marks, say)):
            if (yield from self._ends(tape, len(mark))):
                tape.at += len(mark)
                return
            say(tape.text[tape.at])
            tape.at += 1
        raise CutOffError

    def _ends(self, tape: Tape, n: int) -> Steps[bool]:
        which, _ = yield from look(tape, self._follows, n)
        return which >= 0 or (tape.is_over and not tape.text[tape.at + n :].strip())


def read_value(
    tape: Tape, say: Callable[[str], None], closing: Closing, parameter: Parameter, *, is_text: bool
) -> Steps[None]:
    """Say a value as JSON, and read its end. `is_text`: it is a string, whatever it looks like."""
    if is_text:
        say('"')
        yield from closing.say_text(tape, lambda piece: say(escaped(piece)))
        say('"')
        return
    pieces: list[str] = []
    yield from closing.say_text(tape, pieces.append)
    say(as_json("".join(pieces), parameter))


def as_json(text: str, parameter: Parameter) -> str:
    """A whole value as JSON: what reads as a value that the parameter may have is that, all else is a text."""
    value = _json_value(text)
    if value is not None:
        kind = json_type(msgspec.json.decode(value))
        if parameter.allows(kind) or not parameter.allows("string"):
            return value
    if not text.strip() and not parameter.allows("string"):
        return next((empty for kind, empty in _EMPTY if parameter.allows(kind)), "null")
    return f'"{escaped(text)}"'


_EMPTY: list[tuple[JsonType, str]] = [("object", "{}"), ("array", "[]")]


def _json_value(text: str) -> str | None:
    """`text` as JSON where it is that, or as Python writes it; None where it is neither."""
    text = text.strip()
    if is_json(text):
        return text
    pieces: list[str] = []
    tape = Tape(text, is_over=True)
    try:
        for _ in LiteralReader(tape, pieces.append).value():
            pass  # it has all that it needs
    except UnreadableError:
        return None
    return "".join(pieces) if tape.at == len(tape.text) else None


def skip_exactly(tape: Tape, space: str) -> Steps[None]:
    """Read as much of this white space as stands here."""
    for letter in space:
        if (yield from char(tape)) != letter:
            return
        tape.at += 1
