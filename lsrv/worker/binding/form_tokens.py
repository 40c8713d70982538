"""The marks of a model's answers in its vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import msgspec

from lsrv.chat.binding.lark import ControlToken, MarkPiece
from lsrv.chat.binding.marks import marks_of
from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.thoughts import ThoughtMarks

_encode = msgspec.msgpack.Encoder().encode


class FormTokens:
    """The marks of one form."""

    def __init__(self, vocab: Vocab, form: AnswerFormat) -> None:
        self._vocab = vocab
        self._form = form

    @cached_property
    def visible(self) -> frozenset[int]:
        """Control tokens by which the parts of an answer without calls are told apart."""
        return self._vocab.control_tokens(marks_of(self._form, has_tools=False))

    @cached_property
    def visible_with_calls(self) -> frozenset[int]:
        """Control tokens by which the parts of any answer are told apart."""
        return self._vocab.control_tokens(marks_of(self._form, has_tools=True))

    @cached_property
    def pieces(self) -> dict[str, list[MarkPiece]]:
        """What each mark is made of."""
        return {mark: self._pieces(mark) for mark in marks_of(self._form, has_tools=True)}

    def _pieces(self, mark: str) -> list[MarkPiece]:
        found: list[MarkPiece] = []
        for token, name in self._vocab.special_tokens(mark):
            before, _, mark = mark.partition(name)
            found += [before, ControlToken(token, name)] if before else [ControlToken(token, name)]
        return [*found, mark] if mark else found

    @cached_property
    def thought_marks(self) -> ThoughtMarks | None:
        """What thoughts begin and end with; None where there are none."""
        channels, thoughts = self._form.channels, self._form.thoughts
        if channels is not None:
            end = channels.ends[0]
            return self._marks([header + channels.message for header in channels.thoughts], end, end + channels.start)
        return None if thoughts is None else self._marks([thoughts.opens], thoughts.closes, thoughts.closes)

    def _marks(self, opens: list[str], closes: str, closing: str) -> ThoughtMarks:
        tokens = self._vocab.tokenize(closing, add_special=False, parse_special=True).tolist()
        return ThoughtMarks(tuple(each.encode() for each in opens if each), (closes.encode(),), tuple(tokens))


class KnownForms:
    """Every form of one model: most have one, and few have several templates."""

    def __init__(self, vocab: Vocab) -> None:
        self._make: Callable[[AnswerFormat], FormTokens] = lambda form: FormTokens(vocab, form)
        self._known: dict[bytes, FormTokens] = {}

    def get(self, form: AnswerFormat) -> FormTokens:
        key = _encode(form)
        if key not in self._known:
            self._known[key] = self._make(form)
        return self._known[key]
