"""Arguments as keywords of a Python call, to JSON as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lsrv.chat.reading.json_text import member_start
from lsrv.chat.reading.literal import LiteralReader
from lsrv.chat.reading.schema import Parameter
from lsrv.chat.reading.tape import Steps, Tape, any_of, expect, look, misfit, skip_space, until

_N_KEY = 1024  # characters of a parameter's name


class KeywordReader:
    """Reads the keywords of a Python call."""

    def __init__(self, follows: Sequence[str]) -> None:
        self._follows = follows
        self._key_end = any_of("=")

    def read(self, tape: Tape, say: Callable[[str], None], schema: Parameter) -> Steps[None]:
        """Read all arguments, up to what follows, and say them as one JSON object. Quotes tell what is a text."""
        n = 0
        while not (yield from self._ends(tape, is_first=not n)):
            key = (yield from until(tape, self._key_end, _N_KEY)).strip()
            yield from expect(tape, "=")
            say(member_start(key, n))
            yield from LiteralReader(tape, say).value()
            n += 1
        say("}" if n else "{}")

    def _ends(self, tape: Tape, *, is_first: bool) -> Steps[bool]:
        if not is_first and (yield from skip_space(tape)) == ",":
            tape.at += 1
            is_first = True
        which, _ = yield from look(tape, self._follows)
        if which < 0 and not is_first:
            raise misfit(tape, self._follows, "a comma is missing between its arguments")
        return which >= 0
