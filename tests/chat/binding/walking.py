"""Random texts that a grammar allows, with a vocabulary of single bytes and no model."""

from __future__ import annotations

import json
import random
from functools import cache

from llguidance import LLMatcher, LLTokenizer

from lsrv.chat.binding.answer import answer_grammar
from lsrv.chat.binding.binding import Binding
from lsrv.chat.binding.marks import marks_of
from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.format.opening import AnswerBeginning, Opening
from lsrv.protocol.commands import ToolUse

_CLOSERS = frozenset(b"\"'}>])<,\n")
_N_MAX = 3000


def source_of(
    form: AnswerFormat,
    tool_use: ToolUse | None = None,
    *,
    beginning: AnswerBeginning = "answer",
    begun: str = "",
    schema: str | None = None,
) -> str:
    """The grammar of an answer, in a vocabulary that has no control tokens."""
    pieces = {mark: [mark] for mark in marks_of(form, has_tools=True)}
    document = None if schema is None else [{"name": "document", "json_schema": json.loads(schema)}]
    binding = Binding(form=form, pieces=pieces, opening=Opening(beginning, begun), tool_use=tool_use)
    return answer_grammar(binding, document)


def walk(source: str, seed: int) -> str | None:
    """A text that the grammar allows; None where none was found in time."""
    choices = random.Random(seed)
    matcher = begun(source)
    text = bytearray()
    while len(text) < _N_MAX and not matcher.is_stopped():
        if matcher.is_accepting() and choices.random() < 0.5:
            break
        allowed = [
            i * 8 + bit for i, byte in enumerate(matcher.compute_bitmask()[:32]) for bit in range(8) if byte >> bit & 1
        ]
        closers = [byte for byte in allowed if byte in _CLOSERS]
        byte = choices.choice(closers if closers and choices.random() < 0.4 else allowed)
        assert matcher.consume_token(byte), matcher.get_error()
        text.append(byte)
    return text.decode() if matcher.is_accepting() else None


def begun(source: str) -> LLMatcher:
    matcher = LLMatcher(_bytes(), source, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    return matcher


def is_allowed(source: str, text: str) -> bool:
    """Whether the grammar allows exactly this."""
    matcher = begun(source)
    tokens = list(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def forced(source: str, text: str = "") -> str:
    """What must come behind `text`."""
    matcher = begun(source)
    tokens = list(text.encode())
    assert matcher.try_consume_tokens(tokens) == len(tokens), "the grammar does not allow this"
    return matcher.compute_ff_bytes().decode()


@cache
def _bytes() -> LLTokenizer:
    return LLTokenizer("byte")
