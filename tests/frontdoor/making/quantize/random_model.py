"""Llama models of random weights with rows of the wished length, and importance matrices for them."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf
import numpy as np

from tests.models import STORIES

_N_HEADS = 4
_N_CALLS = 4


def write_random_model(path: Path, *, n_embd: int = 256, n_layers: int = 2, file_type: str = "F32") -> Path:
    """A llama of `n_layers` with the vocabulary of stories260K and weights from a seeded generator, in F32 or Q8_0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stories = gguf.GGUFReader(STORIES)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("random")
    writer.add_block_count(n_layers)
    writer.add_context_length(512)
    writer.add_embedding_length(n_embd)
    writer.add_feed_forward_length(2 * n_embd)
    writer.add_head_count(_N_HEADS)
    writer.add_head_count_kv(_N_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(n_embd // _N_HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32 if file_type == "F32" else gguf.LlamaFileType.MOSTLY_Q8_0)
    for name, field in stories.fields.items():
        if name.startswith("tokenizer."):
            sub_type = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=sub_type)
    n_vocab = len(stories.get_field("tokenizer.ggml.tokens").data)
    for name, shape in _shapes(n_embd, n_layers, n_vocab).items():
        _add(writer, name, shape, file_type)
    _finish(writer)
    return path


def write_imatrix(path: Path, *, n_embd: int = 256, n_layers: int = 2) -> Path:
    """An importance matrix (GGUF) of `write_random_model`, as llama-imatrix writes it."""
    writer = gguf.GGUFWriter(path, arch="")
    writer.add_type("imatrix")
    for name, means in _importance(n_embd, n_layers).items():
        writer.add_tensor(f"{name}.in_sum2", (means * _N_CALLS).reshape(1, -1))
        writer.add_tensor(f"{name}.counts", np.full((1, 1), _N_CALLS, np.float32))
    _finish(writer)
    return path


def write_legacy_imatrix(path: Path, *, prefix: str = "") -> Path:
    """The same in the format before GGUF; `prefix` to every name makes it that of another model."""
    importance = _importance(256, 2)
    data = struct.pack("<i", len(importance))
    for name, means in importance.items():
        raw = (prefix + name).encode()
        data += struct.pack("<i", len(raw)) + raw + struct.pack("<ii", _N_CALLS, means.size)
        data += (means * _N_CALLS).tobytes()
    path.write_bytes(data)
    return path


def _importance(n_embd: int, n_layers: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    shapes = _shapes(n_embd, n_layers, n_vocab=512)
    matrices = {name: shape for name, shape in shapes.items() if len(shape) == 2 and name != "token_embd.weight"}
    return {name: rng.random(shape[1], np.float32) * 10 for name, shape in matrices.items()}


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _shapes(n_embd: int, n_layers: int, n_vocab: int) -> dict[str, tuple[int, ...]]:
    square, norm = (n_embd, n_embd), (n_embd,)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (n_vocab, n_embd),
        "output_norm.weight": norm,
        "output.weight": (n_vocab, n_embd),
    }
    for layer in range(n_layers):
        of_layer = {f"attn_{part}": square for part in ("q", "k", "v", "output")}
        of_layer |= {"ffn_gate": (2 * n_embd, n_embd), "ffn_up": (2 * n_embd, n_embd), "ffn_down": (n_embd, 2 * n_embd)}
        of_layer |= {"attn_norm": norm, "ffn_norm": norm}
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in of_layer.items()}
    return shapes


def _add(writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...], file_type: str) -> None:
    if len(shape) == 1:
        writer.add_tensor(name, np.ones(shape, np.float32))
        return
    rng = np.random.default_rng(list(name.encode()))
    values = (rng.standard_normal(shape, np.float32) / np.sqrt(shape[1])).astype(np.float32)
    if file_type == "Q8_0":
        packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    else:
        writer.add_tensor(name, values)
