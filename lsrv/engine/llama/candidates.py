"""llama_token_data_array: what a sampler chain chooses from, and which tokens of a large vocabulary need be in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lsrv.engine.llama.library import lib

_FIELDS = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama_token_data of llama.h
FloatRow = npt.NDArray[np.float32]  # one token's logits: (n_vocab,)

_N_ROWS = 64  # blocks of the search are columns of this many tokens


class TokenCandidates:
    """Room for all tokens of a vocabulary, shared by every chain of an engine. Belongs to the engine thread."""

    def __init__(self, n_vocab: int) -> None:
        self._data = (lib.llama_token_data * n_vocab)()
        self._view = np.frombuffer(self._data, _FIELDS)

    def fill(self, logits: FloatRow, tokens: npt.NDArray[np.intp]) -> Any:
        """A llama_token_data_array of `tokens` with their logits, to be applied at once."""
        n = len(tokens)
        view = self._view[:n]
        view["id"] = tokens
        view["logit"] = logits[tokens]
        return lib.llama_token_data_array(self._data, n, -1, False)

    @staticmethod
    def chosen(array: Any) -> int:
        """The token that a chain selected from `array`."""
        return array.data[array.selected].id


def possible(logits: FloatRow) -> npt.NDArray[np.intp]:
    """Ids, ascending, of tokens that nothing has ruled out. logits: float32 (n_vocab,), -inf where ruled out.

    llama.cpp's typical_p takes the logarithm of their probability, 0, and has no numbers left to sort by.
    """
    return (logits > -np.inf).nonzero()[0]


def likeliest(logits: FloatRow, k: int) -> npt.NDArray[np.intp]:
    """Ids, ascending, of tokens among which are the `k` likeliest; rarely more than a few above `k`.

    logits: float32 (n_vocab,). The k-th greatest of the block maxima is a lower bound of the k-th greatest logit, as k
    blocks hold a logit that great: one cheap pass instead of a selection over the whole vocabulary. None of them is
    ruled out (-inf).
    """
    n_columns = len(logits) // _N_ROWS
    if n_columns < k:
        return possible(logits)
    maxima = logits[: n_columns * _N_ROWS].reshape(_N_ROWS, n_columns).max(axis=0)
    bound = np.partition(maxima, n_columns - k)[n_columns - k]
    return np.flatnonzero(logits >= bound) if bound > -np.inf else possible(logits)
