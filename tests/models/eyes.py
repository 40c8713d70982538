"""Projectors with random weights: what a model sees through them is nonsense, and other nonsense for each picture."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import gguf
import numpy as np

EyeKind = Literal["mlp", "gemma3", "qwen2vl_merger"]

N_EMBD = 32
N_TOKENS = 4  # of a picture
_N_BLOCKS, _N_FF, _N_HEADS, _PATCH = 2, 64, 2, 14


def write_projector(path: Path, n_text: int, kind: EyeKind = "mlp", seed: int = 0) -> Path:
    """A vision tower of two blocks for a model with vectors of `n_text`. Source: clip.cpp, gguf's clip keys.

    "mlp": LLaVA's, causal. "gemma3": tokens of a picture see each other. "qwen2vl_merger": of any size, with positions
    in two dimensions, for `write_qwen2vl`.
    """
    rng = np.random.default_rng(seed)
    side = 2 if kind == "mlp" else 8  # patches; gemma3 pools 4x4 of them into a token, qwen2vl 2x2
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_string("general.type", "mmproj")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", kind)
    writer.add_bool("clip.use_gelu", True)
    for key, value in {
        "image_size": side * _PATCH,
        "patch_size": _PATCH,
        "embedding_length": N_EMBD,
        "feed_forward_length": _N_FF,
        "block_count": _N_BLOCKS,
        "projection_dim": n_text,
        "attention.head_count": _N_HEADS,
    }.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])

    def random(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * (0.3 / np.sqrt(shape[-1]))).astype(np.float32)

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(N_EMBD, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(N_EMBD, np.float32))

    def linear(name: str, n_out: int, n_in: int) -> None:
        writer.add_tensor(f"{name}.weight", random(n_out, n_in) * 6)
        writer.add_tensor(f"{name}.bias", random(n_out))

    writer.add_tensor("v.patch_embd.weight", random(N_EMBD, 3, _PATCH, _PATCH))
    if kind == "qwen2vl_merger":
        writer.add_tensor("v.patch_embd.weight.1", random(N_EMBD, 3, _PATCH, _PATCH))
    else:
        writer.add_tensor("v.patch_embd.bias", random(N_EMBD))
        writer.add_tensor("v.position_embd.weight", random(side * side, N_EMBD))
    for i in range(_N_BLOCKS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            linear(f"v.blk.{i}.{name}", N_EMBD, N_EMBD)
        linear(f"v.blk.{i}.ffn_up", _N_FF, N_EMBD)
        linear(f"v.blk.{i}.ffn_down", N_EMBD, _N_FF)
        norm(f"v.blk.{i}.ln1")
        norm(f"v.blk.{i}.ln2")
    norm("v.post_ln")
    if kind == "mlp":
        linear("mm.0", n_text, N_EMBD)
        linear("mm.2", n_text, n_text)
    elif kind == "qwen2vl_merger":
        linear("mm.0", 4 * N_EMBD, 4 * N_EMBD)
        linear("mm.2", n_text, 4 * N_EMBD)
    else:
        writer.add_tensor("mm.soft_emb_norm.weight", np.ones(N_EMBD, np.float32))
        writer.add_tensor("mm.input_projection.weight", random(N_EMBD, n_text) * 3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_qwen2vl(path: Path, source: Path) -> Path:
    """The weights of a llama at `source` as a Qwen2-VL: positions in several dimensions, biases of zero."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(path, "qwen2vl")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        name = field.name.replace("llama.", "qwen2vl.")
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_key_value(name, field.contents(), gguf.GGUFValueType.ARRAY, field.types[1])
        else:
            writer.add_key_value(name, field.contents(), field.types[0])
    writer.add_array("qwen2vl.rope.dimension_sections", [2, 1, 1, 0])
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, np.array(tensor.data))
        if tensor.name.endswith(("attn_q.weight", "attn_k.weight", "attn_v.weight")):
            writer.add_tensor(tensor.name.replace("weight", "bias"), np.zeros(tensor.data.shape[0], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
