"""One call of a tool after another, as the model's format has them."""

from __future__ import annotations

import re

from lsrv.chat.format.answer_format import CallFormat, Hole
from lsrv.chat.reading.arguments import argument_reader, first_word
from lsrv.chat.reading.said import Saying
from lsrv.chat.reading.schema import Parameter
from lsrv.chat.reading.tape import (
    CutOffError,
    Steps,
    Tape,
    UnreadableError,
    any_of,
    choose,
    expect,
    is_cut_off,
    skip_space,
    squeezed,
    until,
)
from lsrv.echo import echo

_N_NAME = 256  # characters of a name or an id
_TAG = re.compile(r"<[^<>\s]*>|\[\w+\]")
_NUMBER_END = re.compile(r"[^\s\d]")


class CallReader:
    """Reads the calls of answers in one format."""

    def __init__(self, form: CallFormat, schemas: dict[str, Parameter]) -> None:
        """`schemas`: of the parameters of each tool that may be called, by its name."""
        self._form = form
        self._schemas = schemas
        first = form.parts[0]
        self._first = squeezed(first) if isinstance(first, str) else ""
        self._parts = form.parts[1:] if isinstance(first, str) else form.parts
        self._next_words = [squeezed(form.between) + self._first]
        if form.closes.strip():
            self._next_words.append(squeezed(form.closes))
        self._are_listed = bool((form.opens + form.between + form.closes).strip())
        at = next(n for n, part in enumerate(self._parts) if isinstance(part, Hole) and part.kind == "arguments")
        self._arguments = argument_reader(form.arguments, self._behind(at))
        self._name_ends = {n: any_of("".join({word[0] for word in self._behind(n)}) or "\n") for n in self._names()}

    @property
    def trigger(self) -> str:
        """The text that tells that calls begin, where it stands in an answer."""
        first = self._form.parts[0]
        text = self._form.opens.strip() or (first.strip() if isinstance(first, str) else "")
        tag = _TAG.match(text)
        return tag.group() if tag is not None else text

    def has_tool(self, name: str) -> bool:
        return name in self._schemas

    def read_all(self, tape: Tape, saying: Saying, begun: str = "") -> Steps[None]:
        """Read the calls that begin here with `begun`, up to what is none.

        Raises UnreadableError at one that can't be read; all of it is what the tape kept then.
        """
        tape.keep()
        tape.at += len(begun)
        first = squeezed(self._form.opens) + self._first
        yield from expect(tape, first.removeprefix(squeezed(begun)))
        while True:
            yield from self._call(tape, saying, "")
            tape.forget()
            # Calls that stand by themselves are found as the first one is, beside marks of text.
            if not self._are_listed or not (yield from skip_space(tape)):
                return
            tape.keep()
            which = yield from self._closing(tape, self._next_words)
            if which != 0:
                tape.forget()
                return

    def read_one(self, tape: Tape, saying: Saying, name: str) -> Steps[None]:
        """Read the call of `name` that a message to its channel is. Raises UnreadableError as `read_all`."""
        tape.keep()
        if self._first:
            yield from expect(tape, self._first)
        yield from self._call(tape, saying, name)
        tape.forget()

    def _call(self, tape: Tape, saying: Saying, name: str) -> Steps[None]:
        call_id = ""
        for n, part in enumerate(self._parts):
            if isinstance(part, str):
                yield from expect(tape, squeezed(part))
                continue
            match part.kind:
                case "name":
                    name = yield from self._name(tape, n)
                case "id":
                    call_id = (yield from until(tape, self._name_ends[n], _N_NAME)).strip()
                case "index" | "number":
                    yield from until(tape, _NUMBER_END, _N_NAME)
                case "arguments":
                    saying.begin_call(name, call_id)
                    yield from self._arguments.read(tape, saying.say_arguments, self._schemas[name])
                    saying.end_call()
                    yield from self._rest(tape, n + 1)
                    return

    def _name(self, tape: Tape, n: int) -> Steps[str]:
        name = (yield from until(tape, self._name_ends[n], _N_NAME)).strip()
        if name not in self._schemas:
            raise UnreadableError(f"the answer calls {echo(name, 80)!r}, and no such tool may be called")
        return name

    def _rest(self, tape: Tape, at: int) -> Steps[None]:
        """Read what stands behind the arguments as far as it is there: the call is whole without it.

        An id that comes only here is not used: the call has been told under another.
        """
        for n, part in enumerate(self._parts[at:], at):
            if isinstance(part, str):
                if (yield from self._closing(tape, [squeezed(part)])) < 0:
                    return
                continue
            try:
                yield from until(tape, self._name_ends.get(n, _NUMBER_END), _N_NAME)
            except CutOffError:
                return

    def _closing(self, tape: Tape, words: list[str]) -> Steps[int]:
        """What `choose` tells; half of a word at the end of an answer is read, for it is none of its text.

        But not half of what begins another call: that is told as it is.
        """
        which = yield from choose(tape, words)
        if which < 0 and is_cut_off(tape, [word for word in words if word != self._next_words[0]]):
            tape.at = len(tape.text)
        return which

    def _names(self) -> list[int]:
        """The places of the parts that are texts of any kind."""
        return [n for n, part in enumerate(self._parts) if isinstance(part, Hole) and part.kind in ("name", "id")]

    def _behind(self, at: int) -> list[str]:
        """What may stand behind part `at`, without white space."""
        for part in self._parts[at + 1 :]:
            if isinstance(part, str):
                if part.strip():
                    return [squeezed(part)]
            elif part.kind == "arguments":
                behind = self._behind(self._parts.index(part))
                return [word for word in (first_word(self._form.arguments), *behind) if word]
            else:
                break
        return [word for word in self._next_words if word]
