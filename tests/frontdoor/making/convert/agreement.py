"""Run a converted file in llama.cpp and compare what comes out with what transformers computed."""

from __future__ import annotations

import ctypes
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from lsrv.frontdoor.making.convert.conversion import write_gguf
from tests.frontdoor.making.convert.cases import EXPECTED, Case
from tests.frontdoor.making.convert.weights import write_checkpoint

_quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
F32 = 0  # ggml_type of the KV cache: F16 would hide small mistakes behind its rounding


@dataclass(frozen=True)
class Agreement:
    """Over all positions of one sequence. `spread`: standard deviation of the expected values."""

    max_difference: float
    spread: float
    top1: float  # share of positions with the same likeliest token (largest component, for encoders)


def write_source(case: Case, folder: Path, dtype: str = "F32", n_files: int = 1) -> Path:
    """The checkpoint of a case as somebody would publish it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(case.folder / "config.json", folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(EXPECTED / "tokenizers" / case.tokenizer / name, folder)
    write_checkpoint(folder, json.loads((case.folder / "shapes.json").read_text()), dtype, n_files)
    return folder


def converted(source: Path, target: Path) -> Path:
    """Here, not in a child: what a child adds has tests of its own."""
    write_gguf(source, target, source.name, lambda n_bytes, n_bytes_total: None)
    return target


def agreement(case: Case, folder: Path, dtype: str = "F32") -> Agreement:
    """Convert the case's checkpoint in `folder`, run it, compare."""
    path = converted(write_source(case, folder / "source", dtype), folder / "made.gguf")
    expected = np.load(case.folder / "expected.npz")
    with Running(path, is_encoder=case.is_encoder) as running:
        got = running.values(expected["ids"])
    wanted = expected["values"]
    top1 = float(np.mean(got.argmax(axis=1) == wanted.argmax(axis=1)))
    return Agreement(float(np.abs(got - wanted).max()), float(wanted.std()), top1)


class Running:
    """A model in llama.cpp on one thread, with exact memory."""

    def __init__(self, path: Path, *, is_encoder: bool = False, is_pooled: bool = False, n_ctx: int = 64) -> None:
        llama_cpp.llama_log_set(_quiet, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        assert self._model, f"llama.cpp refuses {path}"
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._is_encoder = is_encoder
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = n_ctx
        params.n_threads = params.n_threads_batch = 1
        params.type_k = params.type_v = F32
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.embeddings = is_encoder
        if is_encoder and not is_pooled:
            params.pooling_type = llama_cpp.LLAMA_POOLING_TYPE_NONE
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        assert self._context, f"llama.cpp makes no context of {path}"

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *error: object) -> None:
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def tokenize(self, text: str, *, parse_special: bool = False) -> list[int]:
        """With whatever the file says is put around a text; control tokens in the text are text unless parsed."""
        data = text.encode()
        ids = (ctypes.c_int32 * (4 * len(data) + 16))()
        n = llama_cpp.llama_tokenize(self._vocab, data, len(data), ids, len(ids), True, parse_special)
        return list(ids[:n])

    def values(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """[len(ids), n_vocab] logits, or [len(ids), n_embd] hidden states."""
        self._decode(ids)
        if self._is_encoder:
            width, get = llama_cpp.llama_model_n_embd(self._model), llama_cpp.llama_get_embeddings_ith
        else:
            width, get = llama_cpp.llama_vocab_n_tokens(self._vocab), llama_cpp.llama_get_logits_ith
        return np.stack([np.ctypeslib.as_array(get(self._context, i), (width,)).copy() for i in range(len(ids))])

    def vector(self, ids: list[int]) -> NDArray[np.float32]:
        """[n_embd]: the pooled vector, of length 1."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        self._decode(np.array(ids, dtype=np.int32))
        width = llama_cpp.llama_model_n_embd(self._model)
        vector = np.ctypeslib.as_array(llama_cpp.llama_get_embeddings_seq(self._context, 0), (width,)).copy()
        return vector / np.linalg.norm(vector)

    def _decode(self, ids: NDArray[np.int32]) -> None:
        batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for index, token in enumerate(ids):
            batch.token[index], batch.pos[index] = int(token), index
            batch.n_seq_id[index], batch.seq_id[index][0], batch.logits[index] = 1, 0, 1
        assert llama_cpp.llama_decode(self._context, batch) == 0
        llama_cpp.llama_batch_free(batch)
