"""Log-probabilities of a sampled token from its logits. Pure arrays; the vocabulary only names tokens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lsrv.engine.llama.vocab import Vocab
from lsrv.protocol.events import TokenLogprob

_FLOOR = -9999.0  # a masked token has -inf, which JSON can't carry


def token_logprob(logits: npt.NDArray[np.float32], token: int, n_top: int, vocab: Vocab) -> TokenLogprob:
    """ln p of `token` before any sampler touched it, with the `n_top` likeliest tokens in falling order.

    logits: float32 (n_vocab,).
    """
    shifted = logits.astype(np.float64) - float(logits.max())
    log_total = float(np.log(np.exp(shifted).sum()))
    top: list[TokenLogprob] = []
    if n_top:
        candidates = np.argpartition(shifted, -n_top)[-n_top:]
        ordered = candidates[np.argsort(-shifted[candidates], kind="stable")]
        top = [_named(int(t), float(shifted[t]) - log_total, [], vocab) for t in ordered]
    return _named(token, float(shifted[token]) - log_total, top, vocab)


def _named(token: int, logprob: float, top: list[TokenLogprob], vocab: Vocab) -> TokenLogprob:
    raw = vocab.special_piece(token)
    return TokenLogprob(raw.decode("utf-8", "replace"), max(logprob, _FLOOR), raw, top)
