"""A llama_batch of embeddings instead of tokens: part of one sequence. Written through numpy views."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from lsrv.engine.llama.library import lib
from lsrv.engine.media.span import MediaSpan

_N_POS = 4  # positions of one embedding at most (M-RoPE)


class EmbeddedBatch:
    """Up to `capacity` embeddings. Source: llama_batch.embd; llama_batch_allocr reads positions section by section."""

    def __init__(self, capacity: int) -> None:
        self.n_tokens = 0
        self.is_causal = True
        self._pos = np.zeros(capacity * _N_POS, np.int32)
        self._output = np.zeros(capacity, np.int8)
        self._n_seq_id = np.ones(capacity, np.int32)
        self._seq_id = np.zeros(1, np.int32)
        self._embeddings = np.empty((0, 0), np.float32)  # kept: llama.cpp reads it in place
        int32_p = ctypes.POINTER(ctypes.c_int32)
        self._seq_id_rows = np.full(capacity, self._seq_id.ctypes.data, np.uint64)
        self.raw: Any = lib.llama_batch()
        self.raw.pos = self._pos.ctypes.data_as(int32_p)
        self.raw.n_seq_id = self._n_seq_id.ctypes.data_as(int32_p)
        self.raw.seq_id = ctypes.cast(ctypes.c_void_p(self._seq_id_rows.ctypes.data), ctypes.POINTER(int32_p))
        self.raw.logits = self._output.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))

    def fill(self, span: MediaSpan, start: int, end: int, pos: int, seq_id: int, *, n_outputs: int) -> None:
        """Hold embeddings `start` to `end` of a span that begins at position `pos`; `n_outputs` of the last ones."""
        n_tokens = end - start
        self.n_tokens, self.is_causal = n_tokens, span.is_causal
        self._embeddings = np.ascontiguousarray(span.embeddings[start:end], np.float32)
        if span.positions is None:
            self._pos[:n_tokens] = np.arange(pos + start, pos + end, dtype=np.int32)
        else:
            self._pos[: n_tokens * _N_POS] = (span.positions[:, start:end] + np.int32(pos)).reshape(-1)
        self._seq_id[0] = seq_id
        self._output[:n_tokens] = 0
        self._output[n_tokens - n_outputs : n_tokens] = 1
        self.raw.embd = self._embeddings.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
