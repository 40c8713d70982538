"""Log-probabilities of tokens from logits. Pure arrays; the vocabulary only names tokens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lsrv.engine.llama.vocab import Vocab
from lsrv.protocol.events import PromptLogprob, TokenLogprob

_FLOOR = -9999.0  # a masked token has -inf, which JSON can't carry


def token_logprob(logits: npt.NDArray[np.float32], token: int, n_top: int, vocab: Vocab) -> TokenLogprob:
    """ln p of `token` before any sampler touched it, with the `n_top` likeliest tokens in falling order.

    logits: float32 (n_vocab,).
    """
    logprobs = _logprobs(logits)
    top = [_named(each, float(logprobs[each]), [], vocab) for each in _likeliest(logprobs, n_top)]
    return _named(token, float(logprobs[token]), top, vocab)


def prompt_logprob(logits: npt.NDArray[np.float32], token: int, n_top: int, vocab: Vocab) -> PromptLogprob:
    """The same of a prompt's `token`, with its rank. logits: those behind the token before it."""
    logprobs = _logprobs(logits)
    own = float(logprobs[token])
    top = [
        PromptLogprob(each, vocab.special_piece(each), max(float(logprobs[each]), _FLOOR), place)
        for place, each in enumerate(_likeliest(logprobs, n_top), 1)
    ]
    rank = int((logprobs > own).sum()) + 1
    return PromptLogprob(token, vocab.special_piece(token), max(own, _FLOOR), rank, top)


def _logprobs(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - float(logits.max())
    shifted -= np.log(np.exp(shifted).sum())
    return shifted


def _likeliest(logprobs: npt.NDArray[np.float64], n_top: int) -> list[int]:
    """The `n_top` likeliest tokens in falling order."""
    if not n_top:
        return []
    candidates = np.argpartition(logprobs, -n_top)[-n_top:]
    return [int(token) for token in candidates[np.argsort(-logprobs[candidates], kind="stable")]]


def _named(token: int, logprob: float, top: list[TokenLogprob], vocab: Vocab) -> TokenLogprob:
    raw = vocab.special_piece(token)
    return TokenLogprob(raw.decode("utf-8", "replace"), max(logprob, _FLOOR), raw, top, token)
