"""What one sequence may write next, by its grammar. Belongs to the engine thread once it is made."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher

from lsrv.engine.grammar.matcher import error_of
from lsrv.engine.llama.candidates import FloatRow
from lsrv.engine.llama.vocab import Vocab
from lsrv.errors import GrammarError

_BITS = 32
_NEG_INF = np.float32("-inf")


class Constraint:
    """A grammar's state along one sequence."""

    def __init__(self, matcher: LLMatcher, vocab: Vocab) -> None:
        self._matcher = matcher
        self._vocab = vocab
        self._bits = np.zeros((vocab.n_tokens + _BITS - 1) // _BITS, np.int32)

    @property
    def is_complete(self) -> bool:
        """Whether nothing can follow any more."""
        return self._matcher.is_stopped()

    def admits(self, token: int) -> bool:
        """Whether `token` may come next; if so, go on past it, unless it ends the answer.

        Takes a microsecond or two, where a mask takes twenty times as long and more. Raises GrammarError.
        """
        if self._vocab.is_eog(token):
            return self._matcher.is_accepting()
        is_admitted = self._matcher.try_consume_tokens([token]) == 1
        self._check()
        return is_admitted

    def mask(self, logits: FloatRow) -> None:
        """Rule out, in place, what can't come next. logits: float32 (n_vocab,). Raises GrammarError."""
        self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
        self._check()
        np.copyto(logits, _NEG_INF, where=_unpacked(self._bits, len(logits)) == 0)

    def accept(self, token: int) -> None:
        """Go on past a token that `mask` allowed, and that doesn't end the answer. Raises GrammarError."""
        if not self._matcher.consume_token(token):
            raise self._error()

    def take_forced(self, n_max: int, *, is_leaving_one: bool = False) -> list[int]:
        """The tokens that must come next whatever the model thinks, at most `n_max`; they are accepted by this.

        `is_leaving_one`: not the very last one of what is forced.
        """
        if n_max <= 0:
            return []
        tokens = self._matcher.compute_ff_tokens()
        tokens = tokens[: min(n_max, len(tokens) - is_leaving_one)]
        if tokens and not self._matcher.consume_tokens(tokens):
            raise self._error()
        return tokens

    def possible(self, tokens: list[int]) -> list[int]:
        """The leading ones of `tokens` that may really come next."""
        return tokens[: self._matcher.validate_tokens(tokens)]

    def _check(self) -> None:
        if self._matcher.is_error():
            raise self._error()

    def _error(self) -> GrammarError:
        reason = error_of(self._matcher).partition("\n")[0]
        return GrammarError(f"the grammar of this answer can't be followed any further: {reason}; simplify it")


def _unpacked(bits: npt.NDArray[np.int32], n_tokens: int) -> npt.NDArray[np.uint8]:
    """One byte per token, 0 or 1: (n_tokens,)."""
    return np.unpackbits(bits.view(np.uint8), count=n_tokens, bitorder="little")
