"""A folder as people publish models: Qwen3-0.6B's shape in bfloat16 safetensors, with random weights. No network."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import shape
from benchmarks.vocabulary import ADDED, END_OF_TEXT_ID, IM_END_ID, N_BASE, SPECIAL, make_vocabulary

_SEED = 20
_LAYER_NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_q_norm": "self_attn.q_norm",
    "attn_k": "self_attn.k_proj", "attn_k_norm": "self_attn.k_norm", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def write_checkpoint(folder: Path) -> Path:
    """1.2 GB in `folder`, in a few seconds; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(_config()))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer()))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>", "add_bos_token": False}))
    _write_safetensors(folder / "model.safetensors")
    return folder


def _config() -> dict[str, object]:
    return {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_act": "silu", "vocab_size": shape.N_VOCAB,
        "hidden_size": shape.N_EMBD, "intermediate_size": shape.N_FF, "num_hidden_layers": shape.N_LAYER,
        "num_attention_heads": shape.N_HEAD, "num_key_value_heads": shape.N_HEAD_KV, "head_dim": shape.HEAD_DIM,
        "max_position_embeddings": shape.N_CTX_TRAIN, "rope_theta": shape.ROPE_FREQ_BASE,
        "rms_norm_eps": shape.RMS_EPSILON, "tie_word_embeddings": True, "bos_token_id": END_OF_TEXT_ID,
        "eos_token_id": IM_END_ID,
    }  # fmt: skip


def _tokenizer() -> dict[str, object]:
    made = make_vocabulary(shape.N_VOCAB)
    added = [
        {"id": N_BASE + index, "content": content, "special": content in SPECIAL}
        for index, content in enumerate((*SPECIAL, *ADDED))
    ]
    split = {"type": "Split", "pattern": {"Regex": _QWEN2}, "behavior": "Isolated", "invert": False}
    vocab = {token: index for index, token in enumerate(made.tokens[:N_BASE])}
    return {
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, {"type": "ByteLevel", "use_regex": False}]},
        "post_processor": {"type": "ByteLevel"},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": vocab, "merges": made.merges},
    }


def _tensors() -> Iterator[tuple[str, list[int]]]:
    """Names and shapes as Hugging Face writes them."""
    for tensor in shape.tensors():
        dims = [tensor.n_cols] if tensor.n_rows == 1 else [tensor.n_rows, tensor.n_cols]
        if tensor.name.startswith("blk."):
            _, layer, name, _ = tensor.name.split(".")
            yield f"model.layers.{layer}.{_LAYER_NAMES[name]}.weight", dims
        else:
            yield ("model.embed_tokens.weight" if tensor.name.startswith("token") else "model.norm.weight"), dims


def _write_safetensors(path: Path) -> None:
    header: dict[str, object] = {}
    offset = 0
    for name, dims in _tensors():
        end = offset + 2 * math.prod(dims)
        header[name] = {"dtype": "BF16", "shape": dims, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    rng = np.random.default_rng(_SEED)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, dims in _tensors():
            values = rng.standard_normal(math.prod(dims), dtype=np.float32) * np.float32(dims[-1] ** -0.5)
            file.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
