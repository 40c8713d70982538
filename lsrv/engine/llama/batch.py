"""The tokens of one llama_decode, written through numpy views. Knows no sequence, only numbers."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from lsrv.engine.llama.library import lib
from lsrv.engine.llama.vocab import Tokens


class Batch:
    """llama_batch of fixed capacity. One sequence per token, positions given, outputs asked for one by one.

    Views: token, pos int32 (capacity,), seq_id int32 (capacity,), output int8 (capacity,).
    """

    is_causal = True

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.n_tokens = 0
        self._token = np.zeros(capacity, np.int32)
        self._pos = np.zeros(capacity, np.int32)
        self._seq_id = np.zeros(capacity, np.int32)
        self._output = np.zeros(capacity, np.int8)
        self._n_seq_id = np.ones(capacity, np.int32)
        self._counting = np.arange(capacity, dtype=np.int32)
        # seq_id is int32**: row i points at the i-th number of our own array.
        self._seq_id_rows = (self._seq_id.ctypes.data + 4 * np.arange(capacity, dtype=np.uint64)).astype(np.uint64)
        self.raw = self._make_raw()

    def _make_raw(self) -> Any:
        int32_p = ctypes.POINTER(ctypes.c_int32)
        raw = lib.llama_batch()
        raw.token = self._token.ctypes.data_as(int32_p)
        raw.pos = self._pos.ctypes.data_as(int32_p)
        raw.n_seq_id = self._n_seq_id.ctypes.data_as(int32_p)
        raw.seq_id = ctypes.cast(ctypes.c_void_p(self._seq_id_rows.ctypes.data), ctypes.POINTER(int32_p))
        raw.logits = self._output.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        return raw

    def clear(self) -> None:
        self.n_tokens = 0

    def add_decode(self, token: int, pos: int, seq_id: int) -> None:
        """Add the next token of a sequence, with an output."""
        i = self.n_tokens
        self._token[i] = token
        self._pos[i] = pos
        self._seq_id[i] = seq_id
        self._output[i] = 1
        self.n_tokens = i + 1

    def add_chunk(self, tokens: Tokens, start_pos: int, seq_id: int, *, n_outputs: int) -> None:
        """Add consecutive tokens of a sequence; `n_outputs`: of the last ones."""
        i = self.n_tokens
        end = i + len(tokens)
        self._token[i:end] = tokens
        self._pos[i:end] = self._counting[: len(tokens)] + start_pos
        self._seq_id[i:end] = seq_id
        self._output[i:end] = 0
        self._output[end - n_outputs : end] = 1
        self.n_tokens = end
