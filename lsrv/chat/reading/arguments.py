"""Arguments in any of the ways that models write them, to JSON as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from lsrv.chat.format.answer_format import (
    Arguments,
    BareArguments,
    JsonArguments,
    NestedTagArguments,
    PythonArguments,
    TaggedArguments,
)
from lsrv.chat.reading.json_text import read_json
from lsrv.chat.reading.keywords import KeywordReader
from lsrv.chat.reading.literal import LiteralReader
from lsrv.chat.reading.nested_tags import NestedReader
from lsrv.chat.reading.schema import Parameter
from lsrv.chat.reading.tagged import TaggedReader
from lsrv.chat.reading.tape import Steps, Tape, UnreadableError, skip_space, squeezed


class ArgumentReader(Protocol):
    def read(self, tape: Tape, say: Callable[[str], None], schema: Parameter) -> Steps[None]:
        """Read all arguments and say them as one JSON object. Raises UnreadableError where they are none."""
        ...


def argument_reader(form: Arguments, follows: Sequence[str]) -> ArgumentReader:
    """`follows`: what may stand behind the arguments, without white space."""
    match form:
        case JsonArguments():
            return _JsonReader()
        case TaggedArguments():
            return TaggedReader(form, follows)
        case NestedTagArguments():
            return NestedReader(form, follows)
        case PythonArguments():
            return KeywordReader(follows)
        case BareArguments():
            return _BareReader(form.quote)


def first_word(form: Arguments) -> str:
    """What arguments begin with, where there is any; "" where that differs."""
    match form:
        case JsonArguments() | BareArguments():
            return "{"
        case TaggedArguments():
            return squeezed(form.before_key)
        case NestedTagArguments():
            return squeezed(form.opens.partition("{key}")[0])
        case PythonArguments():
            return ""


class _JsonReader:
    def read(self, tape: Tape, say: Callable[[str], None], schema: Parameter) -> Steps[None]:
        del schema  # JSON tells the types itself
        yield from read_json(tape, say)


class _BareReader:
    def __init__(self, quote: str) -> None:
        self._quote = quote

    def read(self, tape: Tape, say: Callable[[str], None], schema: Parameter) -> Steps[None]:
        del schema  # texts have quotes
        if (yield from skip_space(tape)) not in ("{", ""):
            raise UnreadableError("a call can't be read: its arguments are no object")
        yield from LiteralReader(tape, say, self._quote).value()
