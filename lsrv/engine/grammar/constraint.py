"""What one sequence may write next, by its grammar. Belongs to the engine thread once it is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher

from lsrv.engine.grammar.matcher import error_of
from lsrv.engine.llama.candidates import FloatRow
from lsrv.engine.llama.vocab import Vocab
from lsrv.errors import GrammarError

_BITS = 32
_NEG_INF = np.float32("-inf")


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Thoughts in front of the answer, which no grammar binds. Token ids of the tags."""

    opens: int
    closes: int
    is_open: bool  # the prompt has opened it already


class Constraint:
    """A grammar's state along one sequence.

    Thoughts in front of the answer are free, and have to end: while they go on, only the end of the answer is barred.
    """

    def __init__(self, matcher: LLMatcher, vocab: Vocab, reasoning: Reasoning | None = None) -> None:
        self._matcher = matcher
        self._vocab = vocab
        self._reasoning = reasoning
        self._is_thinking = reasoning is not None and reasoning.is_open
        self._may_open = reasoning is not None and not reasoning.is_open
        self._bits = np.zeros((vocab.n_tokens + _BITS - 1) // _BITS, np.int32)

    @property
    def is_complete(self) -> bool:
        """Whether nothing can follow any more."""
        return self._matcher.is_stopped()

    def mask(self, logits: FloatRow) -> None:
        """Rule out, in place, what can't come next. logits: float32 (n_vocab,). Raises GrammarError."""
        if self._is_thinking:
            logits[self._vocab.eog_ids] = _NEG_INF
            return
        self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
        self._check()
        allowed = _unpacked(self._bits, len(logits))
        if self._may_open and self._reasoning is not None:
            allowed[self._reasoning.opens] = 1
        np.copyto(logits, _NEG_INF, where=allowed == 0)

    def accept(self, token: int) -> None:
        """Go on past a token that `mask` allowed, and that doesn't end the answer. Raises GrammarError."""
        reasoning, may_open = self._reasoning, self._may_open
        self._may_open = False
        if reasoning is not None and self._is_thinking:
            self._is_thinking = token != reasoning.closes
        elif reasoning is not None and may_open and token == reasoning.opens:
            self._is_thinking = True
        elif not self._matcher.consume_token(token):
            raise self._error()

    def take_forced(self, n_max: int, *, is_leaving_one: bool = False) -> list[int]:
        """The tokens that must come next whatever the model thinks, at most `n_max`; they are accepted by this.

        `is_leaving_one`: not the very last one of what is forced.
        """
        if self._is_thinking or self._may_open or n_max <= 0:
            return []
        tokens = self._matcher.compute_ff_tokens()
        tokens = tokens[: min(n_max, len(tokens) - is_leaving_one)]
        if tokens and not self._matcher.consume_tokens(tokens):
            raise self._error()
        return tokens

    def possible(self, tokens: list[int]) -> list[int]:
        """The leading ones of `tokens` that may really come next."""
        if self._may_open:
            return []
        return tokens if self._is_thinking else tokens[: self._matcher.validate_tokens(tokens)]

    def _check(self) -> None:
        if self._matcher.is_error():
            raise self._error()

    def _error(self) -> GrammarError:
        reason = error_of(self._matcher).partition("\n")[0]
        return GrammarError(f"the grammar of this answer can't be followed any further: {reason}; simplify it")


def _unpacked(bits: npt.NDArray[np.int32], n_tokens: int) -> npt.NDArray[np.uint8]:
    """One byte per token, 0 or 1: (n_tokens,)."""
    return np.unpackbits(bits.view(np.uint8), count=n_tokens, bitorder="little")
