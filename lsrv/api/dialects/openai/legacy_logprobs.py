"""Logprobs as `/v1/completions` writes them: parallel lists of tokens, those of an echoed prompt first. Pure.

https://platform.openai.com/docs/api-reference/completions/object
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from lsrv.protocol.events import PromptLogprob, TokenLogprob

_N_AHEAD = 64  # characters in front of a prompt's own that its tokens may stand for: BOS, a blank


class TextTokens:
    """The tokens of one answer as they come, and where each begins in its text: several may make one character."""

    def __init__(self, n_top: int, echoed: str | None = None) -> None:
        """`echoed`: the text that the answer begins with, if that is less than its first tokens; None: just theirs."""
        self._n_top = n_top
        self._echoed = echoed
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._n_read = 0

    def told(self, prompt: Sequence[PromptLogprob], answer: Sequence[TokenLogprob]) -> dict[str, object]:
        """The next ones: of the prompt, and of what was written behind it."""
        if self._echoed is not None and prompt:
            self._n_read = -_n_ahead(prompt, self._echoed)
            self._echoed = None
        return {
            "tokens": [_text(token) for token in prompt] + [token.text for token in answer],
            "token_logprobs": [token.logprob for token in (*prompt, *answer)],
            "top_logprobs": [self._top(token) for token in (*prompt, *answer)],
            "text_offset": [self._advance(token.raw) for token in (*prompt, *answer)],
        }

    def _top(self, token: PromptLogprob | TokenLogprob) -> dict[str, float | None] | None:
        """The likeliest tokens in place of one; None for the first of all, which is behind nothing."""
        return None if token.logprob is None else {_text(top): top.logprob for top in token.top[: self._n_top]}

    def _advance(self, raw: bytes) -> int:
        """Where a token begins; the next one begins behind it. Tokens in front of the text are at its start."""
        offset = self._n_read
        self._n_read += len(self._decoder.decode(raw))
        return max(0, offset)


def _text(token: PromptLogprob | TokenLogprob) -> str:
    return token.raw.decode("utf-8", "replace")


def _n_ahead(first: Sequence[PromptLogprob], text: str) -> int:
    """Characters of a prompt's first tokens that stand in front of its text.

    Such are the BOS that was added, and the blank that some vocabularies put before a word.
    """
    read = codecs.getincrementaldecoder("utf-8")("replace").decode(b"".join(token.raw for token in first))
    return next((n for n in range(min(_N_AHEAD, len(read)) + 1) if text.startswith(read[n:])), 0)
