"""Qwen3-0.6B's shape: its hyperparameters, its tensors, and the type that Q4_K_M gives to each. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gguf import GGMLQuantizationType as Type

N_LAYER = 28
N_EMBD = 1024
N_FF = 3072
N_HEAD = 16
N_HEAD_KV = 8
HEAD_DIM = 128
N_CTX_TRAIN = 40960
N_VOCAB = 151936
ROPE_FREQ_BASE = 1_000_000.0
RMS_EPSILON = 1e-6


@dataclass(frozen=True)
class TensorShape:
    """One tensor: `n_rows` rows of `n_cols` weights, quantized along the row; a norm has one row."""

    name: str
    n_rows: int
    n_cols: int
    type: Type


def tensors() -> Iterator[TensorShape]:
    """Every tensor in the file's order. Embeddings are tied: `token_embd` is the output matrix too, hence Q6_K."""
    yield TensorShape("token_embd.weight", N_VOCAB, N_EMBD, Type.Q6_K)
    yield TensorShape("output_norm.weight", 1, N_EMBD, Type.F32)
    for layer in range(N_LAYER):
        yield from _layer_tensors(layer)


def _layer_tensors(layer: int) -> Iterator[TensorShape]:
    prefix, n_q, n_kv = f"blk.{layer}", N_HEAD * HEAD_DIM, N_HEAD_KV * HEAD_DIM
    precise = Type.Q6_K if _has_more_bits(layer) else Type.Q4_K
    yield TensorShape(f"{prefix}.attn_norm.weight", 1, N_EMBD, Type.F32)
    yield TensorShape(f"{prefix}.attn_q.weight", n_q, N_EMBD, Type.Q4_K)
    yield TensorShape(f"{prefix}.attn_q_norm.weight", 1, HEAD_DIM, Type.F32)
    yield TensorShape(f"{prefix}.attn_k.weight", n_kv, N_EMBD, Type.Q4_K)
    yield TensorShape(f"{prefix}.attn_k_norm.weight", 1, HEAD_DIM, Type.F32)
    yield TensorShape(f"{prefix}.attn_v.weight", n_kv, N_EMBD, precise)
    yield TensorShape(f"{prefix}.attn_output.weight", N_EMBD, n_q, Type.Q4_K)
    yield TensorShape(f"{prefix}.ffn_norm.weight", 1, N_EMBD, Type.F32)
    yield TensorShape(f"{prefix}.ffn_gate.weight", N_FF, N_EMBD, Type.Q4_K)
    yield TensorShape(f"{prefix}.ffn_up.weight", N_FF, N_EMBD, Type.Q4_K)
    yield TensorShape(f"{prefix}.ffn_down.weight", N_EMBD, N_FF, precise)


def _has_more_bits(layer: int) -> bool:
    """llama-quant.cpp's use_more_bits(): layers whose attn_v and ffn_down are Q6_K in a Q4_K_M file."""
    eighth = N_LAYER // 8
    return layer < eighth or layer >= 7 * N_LAYER // 8 or (layer - eighth) % 3 == 2
