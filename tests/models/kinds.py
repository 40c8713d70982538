"""Tiny random models, one for each kind of memory that llama.cpp has. Written in milliseconds, the same every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFWriter

from tests.models import STORIES

N_WINDOW = 24
FIM = {"pre": 4, "suf": 5, "mid": 6}

_N_EMBD, _N_FF, _N_HEAD, _N_HEAD_KV, _N_LAYER = 32, 48, 4, 2, 4
_D_CONV, _D_INNER, _D_STATE, _DT_RANK = 4, 2 * _N_EMBD, 8, 4
_CONTEXT_LENGTH = 1024

Add = Callable[..., None]


def write_windowed(path: Path) -> None:
    """Every other layer attends to the last `N_WINDOW` tokens only (Gemma 2)."""
    writer, add = _begin(path, "gemma2", _N_HEAD_KV)
    writer.add_sliding_window(N_WINDOW)
    writer.add_key_length(_N_EMBD // _N_HEAD)
    writer.add_value_length(_N_EMBD // _N_HEAD)
    for layer in range(_N_LAYER):
        _add_attention(add, f"blk.{layer}")
        _add_feed_forward(add, f"blk.{layer}")
        add(f"blk.{layer}.post_attention_norm.weight", _N_EMBD)
        add(f"blk.{layer}.post_ffw_norm.weight", _N_EMBD)
    _finish(writer)


def write_recurrent(path: Path) -> None:
    """All tokens fold into one state (Mamba)."""
    writer, add = _begin(path, "mamba", 0)
    _add_state_sizes(writer)
    for layer in range(_N_LAYER):
        _add_state_space(add, f"blk.{layer}")
    add("output.weight", 512, _N_EMBD)
    _finish(writer)


def write_hybrid(path: Path) -> None:
    """Recurrent layers and attention by turns (Jamba)."""
    writer, add = _begin(path, "jamba", [0, _N_HEAD_KV] * (_N_LAYER // 2))
    _add_state_sizes(writer)
    for layer in range(_N_LAYER):
        if layer % 2:
            _add_attention(add, f"blk.{layer}")
        else:
            _add_state_space(add, f"blk.{layer}")
            for name, size in (("dt", _DT_RANK), ("b", _D_STATE), ("c", _D_STATE)):
                add(f"blk.{layer}.ssm_{name}_norm.weight", size)
        _add_feed_forward(add, f"blk.{layer}")
    add("output.weight", 512, _N_EMBD)
    _finish(writer)


def write_suppressing(path: Path, suppressed: list[int]) -> None:
    """Any model, which says that some tokens are never to be written."""
    writer, add = _begin(path, "llama", _N_HEAD_KV)
    writer.add_array("tokenizer.ggml.suppress_tokens", suppressed)
    _finish_plain(writer, add)


def write_infilling(path: Path) -> None:
    """Any model, whose vocabulary has the tokens `FIM` for a text between two others: bytes that no text has."""
    writer, add = _begin(path, "llama", _N_HEAD_KV)
    for name, token in FIM.items():
        writer.add_uint32(f"tokenizer.ggml.fim_{name}_token_id", token)
    _finish_plain(writer, add)


KINDS: dict[str, Callable[[Path], None]] = {
    "windowed": write_windowed,
    "recurrent": write_recurrent,
    "hybrid": write_hybrid,
}


def _begin(path: Path, arch: str, n_head_kv: int | list[int]) -> tuple[GGUFWriter, Add]:
    writer = GGUFWriter(path, arch)
    writer.add_context_length(_CONTEXT_LENGTH)
    writer.add_embedding_length(_N_EMBD)
    writer.add_feed_forward_length(_N_FF)
    writer.add_block_count(_N_LAYER)
    writer.add_head_count(_N_HEAD)
    writer.add_head_count_kv(n_head_kv)
    writer.add_layer_norm_rms_eps(1e-5)
    _copy_vocabulary(writer)
    rng = np.random.default_rng(11)

    def add(name: str, *shape: int) -> None:
        """A tensor of `shape`, rows first. Norms stay near one, so that values neither fade nor explode."""
        values = rng.standard_normal(shape) / np.sqrt(shape[-1]) if len(shape) > 1 else rng.uniform(0.5, 1.5, shape)
        values = -np.exp(rng.uniform(-1, 1, shape)) if name.endswith("ssm_a") else values
        writer.add_tensor(name, values.astype(np.float32))

    add("token_embd.weight", 512, _N_EMBD)
    add("output_norm.weight", _N_EMBD)
    return writer, add


def _copy_vocabulary(writer: GGUFWriter) -> None:
    reader = GGUFReader(STORIES)
    fields = {name: reader.fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "scores", "token_type")}
    writer.add_tokenizer_model("llama")
    writer.add_token_list(fields["tokens"])
    writer.add_token_scores(fields["scores"])
    writer.add_token_types(fields["token_type"])


def _add_attention(add: Add, prefix: str) -> None:
    add(f"{prefix}.attn_norm.weight", _N_EMBD)
    add(f"{prefix}.attn_q.weight", _N_EMBD, _N_EMBD)
    for name in ("k", "v"):
        add(f"{prefix}.attn_{name}.weight", _N_EMBD // _N_HEAD * _N_HEAD_KV, _N_EMBD)
    add(f"{prefix}.attn_output.weight", _N_EMBD, _N_EMBD)


def _add_feed_forward(add: Add, prefix: str) -> None:
    add(f"{prefix}.ffn_norm.weight", _N_EMBD)
    add(f"{prefix}.ffn_gate.weight", _N_FF, _N_EMBD)
    add(f"{prefix}.ffn_up.weight", _N_FF, _N_EMBD)
    add(f"{prefix}.ffn_down.weight", _N_EMBD, _N_FF)


def _add_state_sizes(writer: GGUFWriter) -> None:
    writer.add_ssm_conv_kernel(_D_CONV)
    writer.add_ssm_inner_size(_D_INNER)
    writer.add_ssm_state_size(_D_STATE)
    writer.add_ssm_time_step_rank(_DT_RANK)


def _add_state_space(add: Add, prefix: str) -> None:
    add(f"{prefix}.attn_norm.weight", _N_EMBD)
    add(f"{prefix}.ssm_in.weight", 2 * _D_INNER, _N_EMBD)
    add(f"{prefix}.ssm_conv1d.weight", _D_INNER, _D_CONV)
    add(f"{prefix}.ssm_conv1d.bias", _D_INNER)
    add(f"{prefix}.ssm_x.weight", _DT_RANK + 2 * _D_STATE, _D_INNER)
    add(f"{prefix}.ssm_dt.weight", _D_INNER, _DT_RANK)
    add(f"{prefix}.ssm_dt.bias", _D_INNER)
    add(f"{prefix}.ssm_a", _D_INNER, _D_STATE)
    add(f"{prefix}.ssm_d", _D_INNER)
    add(f"{prefix}.ssm_out.weight", _N_EMBD, _D_INNER)


def _finish_plain(writer: GGUFWriter, add: Add) -> None:
    """Layers that need no word about them."""
    for layer in range(_N_LAYER):
        _add_attention(add, f"blk.{layer}")
        _add_feed_forward(add, f"blk.{layer}")
    _finish(writer)


def _finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
