"""Arguments of which each stands between tags, to JSON as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lsrv.chat.format.answer_format import TaggedArguments
from lsrv.chat.reading.json_text import member_start
from lsrv.chat.reading.literal import LiteralReader
from lsrv.chat.reading.schema import Parameter
from lsrv.chat.reading.tape import Steps, Tape, any_of, choose, expect, look, misfit, skip_space, squeezed, until
from lsrv.chat.reading.value_text import Closing, read_value, skip_exactly

_N_KEY = 1024  # characters of a parameter's name


class TaggedReader:
    """Reads the arguments of calls in one format."""

    def __init__(self, form: TaggedArguments, follows: Sequence[str]) -> None:
        """`follows`: what may stand behind the last argument, without white space."""
        self._follows = follows
        self._first = squeezed(form.before_key)
        self._next = squeezed(form.between + form.before_key)
        tags = {squeezed(text): text for text in form.after_key.values()}
        self._key_ends = list(tags)
        self._key_end = any_of("".join({tag[0] for tag in tags}))
        self._is_telling = len(tags) > 1  # of the type of a value
        self._text_tag = squeezed(form.after_key["string"])
        self._spaces = [text[len(text.rstrip()) :] for text in tags.values()]
        behind = [self._next, self._first, *follows]
        self._closing = Closing(form.after_value, behind)
        self._guard = squeezed(form.guards.opens) if form.guards is not None else ""
        self._guarded = Closing(form.guards.closes + form.after_value, behind) if form.guards is not None else None

    def read(self, tape: Tape, say: Callable[[str], None], schema: Parameter) -> Steps[None]:
        """Read all arguments, up to what follows, and say them as one JSON object."""
        words, n = [self._first, self._next, *self._follows], 0
        while True:
            which, n_read = yield from look(tape, words)
            if which < 0:
                raise misfit(
                    tape,
                    [self._first, self._next, *self._follows],
                    f"{self._first!r} or the end of its arguments is missing",
                )
            if which > 1:
                break
            tape.at += n_read
            yield from self._argument(tape, say, schema, n)
            n += 1
        say("}" if n else "{}")

    def _argument(self, tape: Tape, say: Callable[[str], None], schema: Parameter, n: int) -> Steps[None]:
        key = (yield from until(tape, self._key_end, _N_KEY)).strip()
        which = yield from choose(tape, self._key_ends)
        if which < 0:
            raise misfit(tape, self._key_ends, f"{self._key_ends[0]!r} is missing behind the name of an argument")
        parameter = schema.of_key(key)
        is_text = self._key_ends[which] == self._text_tag if self._is_telling else parameter.is_text
        say(member_start(key, n))
        yield from skip_exactly(tape, self._spaces[which])
        if self._guarded is not None:
            which, n_guard = yield from look(tape, [self._guard])
            if which == 0:
                tape.at += n_guard
                yield from read_value(tape, say, self._guarded, parameter, is_text=True)
                return
        if is_text or not parameter.is_nested or (yield from skip_space(tape)) not in ("{", "["):
            yield from read_value(tape, say, self._closing, parameter, is_text=is_text)
            return
        # Objects and arrays may be long, and what of them is there goes out.
        yield from LiteralReader(tape, say).value()
        yield from expect(tape, self._closing.core)
