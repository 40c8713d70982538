"""A llama_context: decode a batch, read its outputs; its memory has a class of its own. Knows no request."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lsrv.engine.llama.adapter import Adapter
from lsrv.engine.llama.library import lib
from lsrv.engine.llama.memory import Memory
from lsrv.engine.llama.model import Model
from lsrv.errors import LoadFailedError, LsrvError
from lsrv.protocol.commands import LoadParams, Pooling

_FLASH_ATTENTION = {
    "auto": lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
POOLINGS: dict[int, Pooling] = {
    lib.LLAMA_POOLING_TYPE_NONE: "none",
    lib.LLAMA_POOLING_TYPE_MEAN: "mean",
    lib.LLAMA_POOLING_TYPE_CLS: "cls",
    lib.LLAMA_POOLING_TYPE_LAST: "last",
    lib.LLAMA_POOLING_TYPE_RANK: "rank",
}
_POOLING_NUMBERS = {name: number for number, name in POOLINGS.items()}
_ROPE_SCALINGS = {
    "auto": lib.LLAMA_ROPE_SCALING_TYPE_UNSPECIFIED,
    "none": lib.LLAMA_ROPE_SCALING_TYPE_NONE,
    "linear": lib.LLAMA_ROPE_SCALING_TYPE_LINEAR,
    "yarn": lib.LLAMA_ROPE_SCALING_TYPE_YARN,
}
_CACHE_TYPES = {
    "f32": lib.GGML_TYPE_F32,
    "f16": lib.GGML_TYPE_F16,
    "bf16": 30,  # GGML_TYPE_BF16 of ggml.h; the binding leaves it out
    "q8_0": lib.GGML_TYPE_Q8_0,
    "q5_1": lib.GGML_TYPE_Q5_1,
    "q5_0": lib.GGML_TYPE_Q5_0,
    "q4_1": lib.GGML_TYPE_Q4_1,
    "q4_0": lib.GGML_TYPE_Q4_0,
    "iq4_nl": lib.GGML_TYPE_IQ4_NL,
}

_FLOAT_BYTES = 4

_NO_CELLS = 1  # what llama_decode returns: nothing has changed then

FloatRows = npt.NDArray[np.float32]


class DecodeError(LsrvError):
    """llama_decode failed for good; the context's memory can't be trusted any more."""

    code = "decode_failed"


class NoCellsError(DecodeError):
    """A shared KV cache has no room for the batch. Everything is as it was before."""


class AnyBatch(Protocol):
    """What can be decoded: tokens, or embeddings in their place."""

    n_tokens: int
    raw: Any  # llama_batch

    @property
    def is_causal(self) -> bool: ...  # whether its tokens see only those before them


class Context:
    """llama_context. Every method belongs to the engine thread."""

    def __init__(self, model: Model, params: LoadParams) -> None:
        """Allocate KV cache and compute buffers; `params` has no "choose for me" values left.

        Raises LoadFailedError if they can't be had. Source: llama_init_from_model.
        """
        raw = lib.llama_context_default_params()
        self.reads_in_parts = params.is_embedding and model.reads_in_parts(params.pooling)
        # Embeddings forget their cells after each round; generating slots keep theirs.
        n_ctx_round = max(params.n_ctx_seq, params.n_batch)
        raw.n_ctx = n_ctx_round if params.is_embedding else params.n_cells
        raw.n_seq_max = params.n_slots
        raw.kv_unified = params.kv == "shared"
        raw.n_batch = params.n_batch
        raw.n_ubatch = params.n_batch if params.is_embedding else params.n_ubatch  # pooling sees one ubatch
        raw.n_threads = params.n_threads
        raw.n_threads_batch = params.n_threads_batch
        raw.type_k = _CACHE_TYPES[params.cache_type_k]
        raw.type_v = _CACHE_TYPES[params.cache_type_v]
        raw.flash_attn_type = _FLASH_ATTENTION[params.flash_attention]
        raw.rope_scaling_type = _ROPE_SCALINGS[params.rope_scaling]
        raw.rope_freq_base = params.rope_freq_base
        raw.rope_freq_scale = params.rope_freq_scale
        raw.swa_full = False
        raw.embeddings = params.is_embedding
        raw.pooling_type = _POOLING_NUMBERS.get(params.pooling, lib.LLAMA_POOLING_TYPE_UNSPECIFIED)
        # Only sampled and last tokens need logits: for a 150k vocabulary this saves 300 MB of compute buffer.
        n_embedded = params.n_slots if self.reads_in_parts else params.n_batch
        raw.n_outputs_max = n_embedded if params.is_embedding else params.n_outputs
        self.handle: int | None = lib.llama_init_from_model(model.handle, raw)
        if self.handle is None:
            raise LoadFailedError(
                f"llama.cpp can't make a context of {params.n_slots} x {params.n_ctx_seq} tokens "
                f"for {params.model_path}; {_mend(params)}"
            )
        self.memory = Memory(self.handle, model, is_shared=params.kv == "shared", is_shifting=params.is_shifting)
        self._adapters: list[tuple[Adapter, float]] = []
        self._n_vocab = model.vocab.n_tokens
        self._logits_at: tuple[int, int] = (0, 0)
        self._logits: FloatRows = np.empty((0, self._n_vocab), np.float32)
        self.n_ctx_seq: int = lib.llama_n_ctx_seq(self.handle)
        self.pooling: Pooling = POOLINGS.get(lib.llama_pooling_type(self.handle), "none")
        self._is_pooling = params.is_embedding
        # The buffer grows with the batches, without a word in the log; embeddings get logits, too, wanted or not.
        n_floats = (self._n_vocab + model.n_embd) * n_embedded
        self.output_bytes_max = n_floats * _FLOAT_BYTES if params.is_embedding else 0
        if self.reads_in_parts and not lib.llama_get_memory(self.handle):
            raise LoadFailedError(
                f'{params.model_path} ({model.arch}) has no KV cache, so it can\'t pool by "{params.pooling}"; '
                'set context.pooling = "mean" or "cls"'
            )

    def free(self) -> None:
        """Give everything back; nothing else may be called then. Source: llama_free."""
        lib.llama_free(self.handle)
        self.handle = None

    def use_adapters(self, adapters: Sequence[tuple[Adapter, float]]) -> None:
        """Decode with these and their weights, and with no others, from now on. Source: llama_set_adapters_lora.

        Without effect if they are in use already; else the next decode reserves its buffers anew, which takes time.
        """
        if adapters == self._adapters:
            return
        handles = (lib.llama_adapter_lora_p_ctypes * len(adapters))(*(adapter.handle for adapter, _ in adapters))
        weights = (ctypes.c_float * len(adapters))(*(weight for _, weight in adapters))
        lib.llama_set_adapters_lora(self.handle, handles, len(adapters), weights)
        self._adapters = list(adapters)

    def decode(self, batch: AnyBatch) -> None:
        """Run `batch` and wait for it. Raises NoCellsError, DecodeError. Source: llama_decode. Releases the GIL."""
        batch.raw.n_tokens = batch.n_tokens
        if not batch.is_causal:
            lib.llama_set_causal_attn(self.handle, False)
        code: int = lib.llama_decode(self.handle, batch.raw)
        if not batch.is_causal:
            lib.llama_set_causal_attn(self.handle, True)
        if code == _NO_CELLS:
            raise NoCellsError(f"the KV cache has no room for a batch of {batch.n_tokens} tokens")
        if code != 0:
            raise DecodeError(f"llama_decode failed with code {code} on a batch of {batch.n_tokens} tokens")
        lib.llama_synchronize(self.handle)

    def use_pooling(self, is_pooling: bool) -> None:
        """Whether the next batches give vectors, or are only read; of use where `reads_in_parts`.

        Source: llama_set_embeddings.
        """
        if is_pooling != self._is_pooling:
            lib.llama_set_embeddings(self.handle, is_pooling)
            self._is_pooling = is_pooling

    def logits(self, n_outputs: int) -> FloatRows:
        """A writable view of the last decode's logits, float32 (n_outputs, n_vocab); valid until the next decode."""
        pointer = lib.llama_get_logits(self.handle)
        at = (ctypes.cast(pointer, ctypes.c_void_p).value or 0, n_outputs)
        if at != self._logits_at:
            self._logits = np.ctypeslib.as_array(pointer, shape=(n_outputs, self._n_vocab))
            self._logits_at = at
        return self._logits

    def pooled_embedding(self, seq_id: int, length: int) -> npt.NDArray[np.float32]:
        """A copy of the pooled vector of a sequence, float32 (length,). Source: llama_get_embeddings_seq.

        Pooling by rank gives llama_model_n_cls_out numbers, every other one llama_model_n_embd_out.
        """
        return _floats(lib.llama_get_embeddings_seq(self.handle, seq_id), (length,)).copy()

    def token_embeddings(self, start: int, end: int, length: int) -> FloatRows:
        """A copy of the vectors of tokens start..end of the last batch, float32 (end - start, length).

        Only without pooling. Source: llama_get_embeddings.
        """
        return _floats(lib.llama_get_embeddings(self.handle), (end, length))[start:].copy()


def _mend(params: LoadParams) -> str:
    """What to change where there is no context. Small types come in blocks of 32 values, of which heads are made up."""
    types = {"cache_type_k": params.cache_type_k, "cache_type_v": params.cache_type_v}
    small = [f'{key} = "{value}"' for key, value in types.items() if value not in ("f32", "f16", "bf16")]
    if not small:
        return "lower context_length or slots"
    return f'its heads may be too small for {" and ".join(small)} (write "f16"), else lower context_length or slots'


def _floats(pointer: Any, shape: tuple[int, ...]) -> FloatRows:
    if not pointer:
        raise DecodeError("llama.cpp gave no embedding for a sequence of the batch")
    return np.ctypeslib.as_array(pointer, shape=shape)
