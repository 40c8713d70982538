"""Weights in memory: load, metadata, vocabulary. Knows no context and no request."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from lsrv.engine.llama.library import ggml, lib
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.llama.word_pieces import WordForm
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import LoadParams
from lsrv.quantization import FILE_TYPES

_SPLIT_MODES = {
    "none": lib.LLAMA_SPLIT_MODE_NONE,
    "layer": lib.LLAMA_SPLIT_MODE_LAYER,
    "row": lib.LLAMA_SPLIT_MODE_ROW,
}
_META_BYTES = 1024
_GUESSED = 1024  # LLAMA_FTYPE_GUESSED: the file doesn't say, llama.cpp derived it from the tensors

# Vocabularies whose own tokenizers bring a text to NFC first, which llama.cpp does not.
_COMPOSED = ("qwen2", "qwen35")


class Model:
    """A llama_model: weights, vocabulary and metadata of one file."""

    def __init__(
        self, params: LoadParams, on_progress: Callable[[float], None], *, is_only_planned: bool = False
    ) -> None:
        """Read the weights of `params.model_path`; `on_progress` gets 0..1.

        `is_only_planned`: the vocabulary and the shapes alone; contexts of it are planned, too, and can't decode.
        Raises LoadFailedError if llama.cpp refuses the file. Source: llama_model_load_from_file.
        """
        # llama.cpp keeps pointers to these for the whole load.
        self._on_progress = _progress_callback(on_progress)
        self._tensor_split = _tensor_split(params.tensor_split)
        self._overrides = _experts_in_ram(params.n_cpu_moe)
        raw = self._params(params)
        if is_only_planned:
            raw.no_alloc = True
            raw.load_mode = lib.LLAMA_LOAD_MODE_NONE  # a map of the file would count as allocated
        self.handle: int | None = lib.llama_model_load_from_file(params.model_path.encode(), raw)
        if self.handle is None:
            raise LoadFailedError(f"llama.cpp can't load {params.model_path}")
        is_composed = self.meta("tokenizer.ggml.pre") in _COMPOSED
        self.vocab = Vocab(lib.llama_model_get_vocab(self.handle), self._word_form(), is_composed=is_composed)
        self.arch = self.meta("general.architecture") or "unknown"

    def free(self) -> None:
        """Give everything back, its adapters with it; its contexts are freed before. Source: llama_model_free."""
        lib.llama_model_free(self.handle)
        self.handle = None

    def _word_form(self) -> WordForm:
        """What the file says of words of BERT's vocabularies; older ones say nothing, and are of lower case."""
        said = (self.meta(f"tokenizer.ggml.normalizer.{name}") != "false" for name in ("lowercase", "strip_accents"))
        return WordForm(*said)

    def _params(self, params: LoadParams) -> Any:
        raw = lib.llama_model_default_params()
        raw.n_gpu_layers = params.n_gpu_layers
        raw.main_gpu = params.main_gpu
        raw.split_mode = _SPLIT_MODES[params.split_mode]
        raw.use_extra_bufts = params.use_extra_bufts
        raw.progress_callback = self._on_progress
        if self._tensor_split is not None:
            raw.tensor_split = self._tensor_split
        if self._overrides is not None:
            raw.tensor_buft_overrides = ctypes.cast(self._overrides, ctypes.c_void_p)
        return raw

    @property
    def n_ctx_train(self) -> int:
        return lib.llama_model_n_ctx_train(self.handle)

    @property
    def n_embd(self) -> int:
        """Length of one embedding vector."""
        return lib.llama_model_n_embd_out(self.handle)

    @property
    def n_cls_out(self) -> int:
        """How many numbers a classifier gives for a text; the first one is its score."""
        return lib.llama_model_n_cls_out(self.handle)

    @property
    def ranks_in_probabilities(self) -> bool:
        """Whether pooling by rank ends in a softmax over the labels (llm_graph_context::build_pooling)."""
        return self.arch in ("qwen3", "qwen3vl")

    @property
    def n_layers(self) -> int:
        """Blocks, without the output layer."""
        return lib.llama_model_n_layer(self.handle)

    @property
    def has_experts(self) -> bool:
        """Whether a part of the weights is used for some tokens only (mixture of experts)."""
        return int(self.meta(f"{self.arch}.expert_count") or 0) > 0

    @property
    def n_swa(self) -> int:
        """Sliding-window size in tokens; 0 where attention sees everything."""
        return lib.llama_model_n_swa(self.handle)

    @property
    def has_recurrent_state(self) -> bool:
        """Whether some layer folds all tokens into one state (Mamba, RWKV, and hybrids of them with attention)."""
        return lib.llama_model_is_recurrent(self.handle) or lib.llama_model_is_hybrid(self.handle)

    @property
    def n_params(self) -> int:
        return lib.llama_model_n_params(self.handle)

    @property
    def size_bytes(self) -> int:
        return lib.llama_model_size(self.handle)

    @property
    def quantization(self) -> str:
        """The quantization's name as file names have it, e.g. "Q4_K_M"."""
        return FILE_TYPES.get(lib.llama_model_ftype(self.handle) & ~_GUESSED, "unknown")

    @property
    def can_generate(self) -> bool:
        """Whether it writes text token by token: no encoder (BERT, T5), diffusion or draft head."""
        is_causal = self.meta(f"{self.arch}.attention.causal") != "false"
        has_encoder = lib.llama_model_has_encoder(self.handle)
        return is_causal and not has_encoder and not lib.llama_model_is_diffusion(self.handle)

    def reads_in_parts(self, pooling: str) -> bool:
        """Whether a text's vector needs the output of its last token only, and the others can be read before."""
        return pooling in ("last", "rank") and self.can_generate

    def chat_template(self, name: str | None = None) -> str | None:
        """The GGUF's own Jinja template, or the one of that name ("rerank": no Jinja), or None."""
        raw = lib.llama_model_chat_template(self.handle, name.encode() if name is not None else None)
        return raw.decode("utf-8", "replace") if raw else None

    def meta(self, key: str) -> str | None:
        """One scalar of the GGUF's metadata as text, or None. Source: llama_model_meta_val_str."""
        buffer = ctypes.create_string_buffer(_META_BYTES)
        n: int = lib.llama_model_meta_val_str(self.handle, key.encode(), buffer, _META_BYTES)
        return buffer.value.decode("utf-8", "replace") if n >= 0 else None


def _progress_callback(on_progress: Callable[[float], None]) -> Any:
    def report(fraction: float, _user_data: object) -> bool:
        on_progress(fraction)
        return True

    return lib.llama_progress_callback(report)


class _Override(ctypes.Structure):
    """llama_model_tensor_buft_override: tensors whose name `pattern` finds go into buffers of `buft`."""

    _fields_ = [("pattern", ctypes.c_char_p), ("buft", ctypes.c_void_p)]


def _experts_in_ram(n_layers: int) -> Any:
    """What keeps the experts of the first `n_layers` layers in RAM: an array with an empty end; None for none."""
    if not n_layers:
        return None
    ram = ggml.ggml_backend_cpu_buffer_type()
    patterns = (f"blk\\.{layer}\\.ffn_(up|down|gate|gate_up)_(ch|)exps".encode() for layer in range(n_layers))
    return (_Override * (n_layers + 1))(*(_Override(pattern, ram) for pattern in patterns))


def _tensor_split(shares: list[float]) -> Any:
    if not shares:
        return None
    n_devices: int = lib.llama_max_devices()
    if len(shares) > n_devices:
        raise LoadFailedError(f"tensor_split names {len(shares)} devices, this build has room for {n_devices}")
    return (ctypes.c_float * n_devices)(*shares)
