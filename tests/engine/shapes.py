"""GGUFs of several architectures whose tensors are all zero: right in every shape, small, and written in no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGML_QUANT_SIZES
from gguf import GGMLQuantizationType as Type

from tests.models import STORIES

N_EMBD, N_FF, N_HEAD, N_HEAD_KV, HEAD_DIM = 256, 512, 4, 2, 64
Shape = tuple[str, tuple[int, ...]]  # a tensor's name and its dimensions as ggml counts them, rows last


def write_llama(path: Path, matrix: Type = Type.Q4_K) -> Path:
    """Grouped attention, two layers, matrices of `matrix`."""
    return _write(path, "llama", 2, matrix, _attention_layer)


def write_gemma3(path: Path) -> Path:
    """Sliding-window attention in five of six layers, which gives the context two KV caches."""

    def layer(n_vocab: int) -> Iterator[Shape]:
        yield from _attention_layer(n_vocab)
        for name, n in (("attn_q_norm", HEAD_DIM), ("attn_k_norm", HEAD_DIM)):
            yield name, (n,)
        yield from ((name, (N_EMBD,)) for name in ("post_attention_norm", "post_ffw_norm"))

    return _write(path, "gemma3", 6, Type.Q8_0, layer, lambda writer: writer.add_sliding_window(256))


def write_qwen3moe(path: Path) -> Path:
    """Four experts of which two are used."""

    def layer(n_vocab: int) -> Iterator[Shape]:
        yield from (
            shape for shape in _attention_layer(n_vocab) if not shape[0].startswith(("ffn_gate", "ffn_up", "ffn_d"))
        )
        yield from (("attn_q_norm", (HEAD_DIM,)), ("attn_k_norm", (HEAD_DIM,)), ("ffn_gate_inp", (N_EMBD, 4)))
        yield from ((name, (N_EMBD, N_FF, 4)) for name in ("ffn_gate_exps", "ffn_up_exps"))
        yield "ffn_down_exps", (N_FF, N_EMBD, 4)

    def add_keys(writer: gguf.GGUFWriter) -> None:
        writer.add_expert_count(4)
        writer.add_expert_used_count(2)
        writer.add_expert_feed_forward_length(N_FF)

    return _write(path, "qwen3moe", 2, Type.Q4_K, layer, add_keys)


def write_mamba(path: Path) -> Path:
    """Recurrent state instead of a KV cache."""
    n_inner, n_state, n_conv, rank = 2 * N_EMBD, 16, 4, 16

    def layer(n_vocab: int) -> Iterator[Shape]:
        yield from (("attn_norm", (N_EMBD,)), ("ssm_in", (N_EMBD, 2 * n_inner)), ("ssm_conv1d", (n_conv, n_inner)))
        yield from (
            ("ssm_conv1d.bias", (n_inner,)),
            ("ssm_x", (n_inner, rank + 2 * n_state)),
            ("ssm_dt", (rank, n_inner)),
        )
        yield from (("ssm_dt.bias", (n_inner,)), ("ssm_a.", (n_state, n_inner)), ("ssm_d.", (n_inner,)))
        yield "ssm_out", (n_inner, N_EMBD)

    def add_keys(writer: gguf.GGUFWriter) -> None:
        writer.add_ssm_conv_kernel(n_conv)
        writer.add_ssm_inner_size(n_inner)
        writer.add_ssm_state_size(n_state)
        writer.add_ssm_time_step_rank(rank)

    return _write(path, "mamba", 2, Type.F32, layer, add_keys)


def _attention_layer(n_vocab: int) -> Iterator[Shape]:
    n_q, n_kv = N_HEAD * HEAD_DIM, N_HEAD_KV * HEAD_DIM
    yield from (
        ("attn_norm", (N_EMBD,)),
        ("attn_q", (N_EMBD, n_q)),
        ("attn_k", (N_EMBD, n_kv)),
        ("attn_v", (N_EMBD, n_kv)),
    )
    yield from (("attn_output", (n_q, N_EMBD)), ("ffn_norm", (N_EMBD,)), ("ffn_gate", (N_EMBD, N_FF)))
    yield from (("ffn_up", (N_EMBD, N_FF)), ("ffn_down", (N_FF, N_EMBD)))


def _write(
    path: Path,
    arch: str,
    n_layers: int,
    matrix: Type,
    layer: Callable[[int], Iterator[Shape]],
    add_keys: Callable[[gguf.GGUFWriter], None] = lambda writer: None,
) -> Path:
    stories: Any = gguf.GGUFReader(STORIES)
    writer = gguf.GGUFWriter(path, arch)
    writer.add_block_count(n_layers)
    writer.add_context_length(32768)
    writer.add_embedding_length(N_EMBD)
    writer.add_feed_forward_length(N_FF)
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(N_HEAD_KV)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_layer_norm_rms_eps(1e-5)
    add_keys(writer)
    for name, field in stories.fields.items():
        if name.startswith("tokenizer."):
            sub_type = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=sub_type)
    n_vocab = len(stories.get_field("tokenizer.ggml.tokens").data)
    shapes = [("token_embd", (N_EMBD, n_vocab)), ("output_norm", (N_EMBD,))]
    shapes += [(f"blk.{index}.{name}", dims) for index in range(n_layers) for name, dims in layer(n_vocab)]
    for name, dims in shapes:
        _add(writer, name, dims, matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: gguf.GGUFWriter, name: str, dims: tuple[int, ...], matrix: Type) -> None:
    """Vectors, and what a matrix type can't hold, are F32. A name with a dot at its end has no suffix."""
    n_block, n_bytes = GGML_QUANT_SIZES[matrix]
    type_ = matrix if len(dims) > 1 and dims[0] % n_block == 0 and "gate_inp" not in name else Type.F32
    n_block, n_bytes = GGML_QUANT_SIZES[type_]
    rows = (*reversed(dims[1:]), dims[0] // n_block * n_bytes)
    full = name.removesuffix(".") if name.endswith((".", ".bias")) else f"{name}.weight"
    if type_ is Type.F32:
        writer.add_tensor(full, np.zeros(tuple(reversed(dims)), np.float32))
    else:
        writer.add_tensor(full, np.zeros(rows, np.uint8), raw_dtype=type_)
