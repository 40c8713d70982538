"""Values as Python writes them, or with bare keys and quotes of a model's own, to JSON as they come."""

from __future__ import annotations

import re
from collections.abc import Callable

from lsrv.chat.reading.json_text import escaped, is_json
from lsrv.chat.reading.marks import mark_set, say_until
from lsrv.chat.reading.tape import (
    CutOffError,
    Steps,
    Tape,
    UnreadableError,
    any_of,
    char,
    expect,
    look,
    misfit,
    skip_space,
    until,
)
from lsrv.echo import echo

_N_DEEP = 64  # of values inside each other; each costs a little at every piece of text
_N_NAME = 1024  # characters of a key, or of a number
_WORD_END = re.compile(r"[\s,\]})]")
_KEY_END = any_of(":,}")
_PLAIN = {'"': re.compile(r'["\\]'), "'": re.compile(r"['\\]")}
_WORDS = {"True": "true", "False": "false", "None": "null", "true": "true", "false": "false", "null": "null"}
_N_DIGITS = {"x": 2, "u": 4, "U": 8}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v", "\n": ""}


class LiteralReader:
    """Reads one value after another and says it as JSON. Its methods raise UnreadableError where there is none."""

    __slots__ = ("_marks", "_quote", "_say", "_tape")

    def __init__(self, tape: Tape, say: Callable[[str], None], quote: str = "") -> None:
        """`quote`: what stands around texts, beside the usual quotes; nothing is escaped in them."""
        self._tape = tape
        self._say = say
        self._quote = quote
        self._marks = mark_set(quote)

    def value(self, n_deep: int = 0) -> Steps[None]:
        letter = yield from skip_space(self._tape)
        if n_deep > _N_DEEP:
            raise UnreadableError("a call can't be read: values in it are nested too deeply")
        if self._quote and letter == self._quote[0] and (yield from self._has_quote()):
            yield from self._quoted()
        elif letter in ('"', "'"):
            yield from self._string()
        elif letter == "{":
            yield from self._object(n_deep)
        elif letter in ("[", "("):
            yield from self._array("]" if letter == "[" else ")", n_deep)
        else:
            yield from self._word()

    def _has_quote(self) -> Steps[bool]:
        which, _ = yield from look(self._tape, [self._quote])
        return which == 0

    def _quoted(self) -> Steps[None]:
        """A text between two of the model's own quotes. It may hold such a quote: what stands behind it tells."""
        yield from expect(self._tape, self._quote)
        self._say('"')
        while mark := (yield from say_until(self._tape, self._marks, self._say_escaped)):
            which, _ = yield from look(self._tape, [",", "}", "]", ":", ")"], len(mark))
            if which >= 0:
                self._tape.at += len(mark)
                self._say('"')
                return
            self._say_escaped(mark)
            self._tape.at += len(mark)
        raise CutOffError

    def _say_escaped(self, text: str) -> None:
        self._say(escaped(text))

    def _string(self) -> Steps[None]:
        """A text as Python's repr, or JSON, writes it."""
        tape = self._tape
        quote = yield from char(tape)
        tape.at += 1
        self._say('"')
        while True:
            found = _PLAIN[quote].search(tape.text, tape.at)
            end = found.start() if found is not None else len(tape.text)
            if end > tape.at:
                self._say_escaped(tape.text[tape.at : end])
            tape.at = end
            if found is None:
                if tape.is_over:
                    raise CutOffError
                yield
                continue
            tape.at += 1
            if found.group() == quote:
                self._say('"')
                return
            yield from self._escape()

    def _escape(self) -> Steps[None]:
        """What stands behind a backslash."""
        letter = yield from self._next()
        n_digits = _N_DIGITS.get(letter)
        if n_digits is None:
            known = _ESCAPES.get(letter)
            self._say_escaped(known if known is not None else letter if letter in "\"'/\\" else "\\" + letter)
            return
        digits = ""
        while len(digits) < n_digits:
            digits += yield from self._next()
        try:
            code = int(digits, 16)
            # One half of a pair is no character by itself, but JSON may write it.
            self._say(f"\\u{digits}" if letter == "u" else escaped(chr(code).encode().decode()))
        except (ValueError, OverflowError) as error:
            raise UnreadableError(f"a call can't be read: \\{letter}{digits} is no character") from error

    def _next(self) -> Steps[str]:
        letter = yield from char(self._tape)
        if not letter:
            raise CutOffError
        self._tape.at += 1
        return letter

    def _object(self, n_deep: int) -> Steps[None]:
        self._tape.at += 1
        self._say("{")
        is_first = True
        while not (yield from self._ends("}", is_first=is_first)):
            if not is_first:
                self._say(", ")
            is_first = False
            yield from self._key()
            yield from expect(self._tape, ":")
            self._say(": ")
            yield from self.value(n_deep + 1)

    def _key(self) -> Steps[None]:
        letter = yield from skip_space(self._tape)
        if self._quote and letter == self._quote[0] and (yield from self._has_quote()):
            yield from self._quoted()
        elif letter in ('"', "'"):
            yield from self._string()
        else:
            key = yield from until(self._tape, _KEY_END, _N_NAME)
            self._say(f'"{escaped(key.strip())}"')

    def _array(self, closes: str, n_deep: int) -> Steps[None]:
        self._tape.at += 1
        self._say("[")
        is_first = True
        while not (yield from self._ends(closes, is_first=is_first)):
            if not is_first:
                self._say(", ")
            is_first = False
            yield from self.value(n_deep + 1)

    def _ends(self, closes: str, *, is_first: bool) -> Steps[bool]:
        """Read a comma, where it is not the first, and the end if it stands here (also behind a last comma)."""
        letter = yield from skip_space(self._tape)
        if letter == "," and not is_first:
            self._tape.at += 1
            letter = yield from skip_space(self._tape)
        elif not is_first and letter != closes:
            raise misfit(self._tape, [closes], f"there is {letter!r} in the place of a comma or {closes!r}")
        if letter != closes:
            return False
        self._tape.at += 1
        self._say("}" if closes == "}" else "]")
        return True

    def _word(self) -> Steps[None]:
        """A number, or a word for true, false or nothing."""
        tape = self._tape
        word = ""
        while True:
            found = _WORD_END.search(tape.text, tape.at)
            end = found.start() if found is not None else len(tape.text)
            word += tape.text[tape.at : end]
            tape.at = end
            if found is not None or tape.is_over:
                break
            if len(word) > _N_NAME:
                raise UnreadableError("a call can't be read: a number in it has no end")
            yield
        value = _WORDS.get(word, word)
        if not value:
            raise misfit(tape, [""], "a value is missing")
        if not is_json(value):
            raise UnreadableError(f"a call can't be read: {echo(word, 60)!r} is no value")
        self._say(value)
