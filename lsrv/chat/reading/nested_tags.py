"""Arguments whose objects and arrays are tags inside of tags, to JSON as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lsrv.chat.format.answer_format import NestedTagArguments
from lsrv.chat.reading.json_text import member_start
from lsrv.chat.reading.schema import Parameter
from lsrv.chat.reading.tape import Steps, Tape, any_of, expect, look, misfit, squeezed, until
from lsrv.chat.reading.value_text import Closing, read_value

_N_KEY = 1024  # characters of a parameter's name


class NestedReader:
    """Reads arguments whose objects and arrays are tags inside of tags."""

    def __init__(self, form: NestedTagArguments, follows: Sequence[str]) -> None:
        """`follows`: what may stand behind the last argument, without white space."""
        self._form = form
        self._follows = follows
        self._opens, _, end = form.opens.partition("{key}")
        self._open = squeezed(self._opens)
        self._open_end = squeezed(end)
        self._key_end = any_of(end.strip()[0])

    def read(self, tape: Tape, say: Callable[[str], None], schema: Parameter) -> Steps[None]:
        """Read all arguments, up to what follows, and say them as one JSON object."""
        yield from self._object(tape, say, schema, self._follows)

    def _object(self, tape: Tape, say: Callable[[str], None], schema: Parameter, follows: Sequence[str]) -> Steps[None]:
        n = 0
        while (yield from self._has_member(tape, self._open, follows)):
            key = yield from self._key(tape)
            say(member_start(key, n))
            yield from self._value(tape, say, schema.of_key(key), key, follows)
            n += 1
        say("}" if n else "{}")

    def _array(self, tape: Tape, say: Callable[[str], None], schema: Parameter, follows: Sequence[str]) -> Steps[None]:
        say("[")
        n = 0
        while (yield from self._has_member(tape, self._open, follows)):
            key = yield from self._key(tape)
            if n:
                say(", ")
            yield from self._value(tape, say, schema.of_item(), key, follows)
            n += 1
        say("]")

    def _has_member(self, tape: Tape, opens: str, follows: Sequence[str]) -> Steps[bool]:
        """Whether one more member begins here, whose first tag is read then; else what follows does, and stays."""
        which, n_read = yield from look(tape, [opens, *follows])
        if which < 0:
            raise misfit(tape, [opens, *follows], f"{opens!r} or the end of its arguments is missing")
        if which == 0:
            tape.at += n_read
        return which == 0

    def _key(self, tape: Tape) -> Steps[str]:
        key = (yield from until(tape, self._key_end, _N_KEY)).strip()
        yield from expect(tape, self._open_end)
        return key

    def _value(
        self, tape: Tape, say: Callable[[str], None], parameter: Parameter, key: str, follows: Sequence[str]
    ) -> Steps[None]:
        closes = self._form.closes.replace("{key}", key)
        end = squeezed(closes)
        if parameter.is_text:
            yield from read_value(tape, say, Closing(closes, [self._open, *follows]), parameter, is_text=True)
            return
        which, _ = yield from look(tape, [self._open, end])
        if which != 0:
            yield from read_value(tape, say, Closing(closes, [self._open, *follows]), parameter, is_text=False)
            return
        item = squeezed(self._form.opens.replace("{key}", self._form.item))
        first, _ = yield from look(tape, [item])
        read = self._array if first == 0 and parameter.allows("array") else self._object
        yield from read(tape, say, parameter, [end])
        yield from expect(tape, end)
