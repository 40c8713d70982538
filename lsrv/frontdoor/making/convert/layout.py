"""Which tensors an architecture has, and of which shapes by its config.json: what llama.cpp will ask for. Pure.

What is missing or of another shape stops the conversion, before the first byte is written and by name: llama.cpp would
refuse the file at every load, or take the embedding where the output matrix is missing and talk nonsense.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.architecture import ConvertedArchitecture
from lsrv.frontdoor.making.convert.config import Config
from lsrv.frontdoor.making.convert.hyperparameters import (
    EXPERTS,
    head_dim,
    n_embd,
    n_ff,
    n_head,
    n_head_kv,
    n_layer,
    n_positions_skipped,
)
from lsrv.frontdoor.making.convert.rows import MadeTensor

EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"

_Shapes = dict[str, tuple[int, ...]]  # by name; those of a layer without "blk.N."

_BLOCK = re.compile(r"blk\.[0-9]+\.(.+)")
_MAY_BE_MISSING = {OUTPUT, "token_types.weight"}  # the first may be the embedding, the second is BERT's alone
_QKV = ("attn_q.bias", "attn_k.bias", "attn_v.bias")


def require_layout(architecture: ConvertedArchitecture, config: Config, made: Sequence[MadeTensor]) -> None:
    """Raises ConvertError for the first tensor that is missing, or whose shape is not the one config.json asks for."""
    for_all, per_layer = _of_all(architecture, config, made), _of_layer(architecture, config)
    for tensor in made:
        match = _BLOCK.fullmatch(tensor.name)
        _require_shape(tensor, per_layer.get(match[1]) if match else for_all.get(tensor.name))
    names = {tensor.name for tensor in made}
    wanted = [name for name in for_all if name not in _MAY_BE_MISSING]
    wanted += [f"blk.{index}.{name}" for index in range(n_layer(config)) for name in per_layer]
    _require_all(wanted, names)


def _require_shape(tensor: MadeTensor, expected: tuple[int, ...] | None) -> None:
    if expected is None or tensor.shape == expected:
        return
    source = tensor.pieces[0].source
    raise ConvertError(
        f"{source.path.name}: tensor {source.name} has the shape {list(source.shape)}, and config.json asks for "
        f"{list(expected)} in {tensor.name}; the files don't belong together, fetch them again"
    )


def _require_all(wanted: Iterable[str], names: set[str]) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ConvertError(f"no tensor of the safetensors files becomes {missing[0]}{more}; fetch the missing files")


def _of_all(architecture: ConvertedArchitecture, config: Config, made: Sequence[MadeTensor]) -> _Shapes:
    """Tensors outside of layers. The vocabulary is as long as the embedding: config.json may leave its padding out."""
    rows = {tensor.name: tensor.shape[0] for tensor in made if len(tensor.shape) == 2}
    table = (rows.get(EMBEDDING, 0), n_embd(config))
    if architecture.kind == "decoder":
        return {EMBEDDING: table, OUTPUT: table, "output_norm.weight": (n_embd(config),)}
    n_skipped = n_positions_skipped(config) if architecture.position_offset else 0
    return {
        EMBEDDING: table,
        "position_embd.weight": (config.integer("max_position_embeddings") - n_skipped, n_embd(config)),
        "token_types.weight": (config.integer("type_vocab_size"), n_embd(config)),
        "token_embd_norm.weight": (n_embd(config),),
        "token_embd_norm.bias": (n_embd(config),),
    }


def _of_layer(architecture: ConvertedArchitecture, config: Config) -> _Shapes:
    shapes = _attention(architecture, config) | _feed_forward(architecture, config) | _norms(architecture, config)
    biased = shapes if architecture.kind == "encoder" else _QKV if architecture.arch.startswith("qwen2") else ()
    biases = {name.replace(".weight", ".bias") for name in biased}
    return shapes | {name: shapes[name.replace(".bias", ".weight")][:1] for name in biases}


def _attention(architecture: ConvertedArchitecture, config: Config) -> _Shapes:
    width, n_kv = n_embd(config), n_head_kv(config) * head_dim(config)
    n_q = n_head(config) * head_dim(config)
    output = {"attn_output.weight": (width, n_q)}
    if architecture.arch == "phi3":
        return output | {"attn_qkv.weight": (n_q + 2 * n_kv, width)}
    return output | {
        "attn_q.weight": (n_q, width),
        "attn_k.weight": (n_kv, width),
        "attn_v.weight": (n_kv, width),
    }


def _feed_forward(architecture: ConvertedArchitecture, config: Config) -> _Shapes:
    width, inner = n_embd(config), n_ff(config)
    if architecture.arch.endswith("moe"):
        return _experts(architecture, config, width)
    if architecture.arch == "phi3":  # gate and up in one
        return {"ffn_up.weight": (2 * inner, width), "ffn_down.weight": (width, inner)}
    gate: _Shapes = {} if architecture.kind == "encoder" else {"ffn_gate.weight": (inner, width)}
    return gate | {"ffn_up.weight": (inner, width), "ffn_down.weight": (width, inner)}


def _experts(architecture: ConvertedArchitecture, config: Config, width: int) -> _Shapes:
    n, inner = config.integer(*EXPERTS), config.integer("moe_intermediate_size")
    shapes: _Shapes = {
        "ffn_gate_inp.weight": (n, width),
        "ffn_gate_exps.weight": (n, inner, width),
        "ffn_up_exps.weight": (n, inner, width),
        "ffn_down_exps.weight": (n, width, inner),
    }
    if architecture.arch != "qwen2moe":
        return shapes
    shared = config.integer("shared_expert_intermediate_size")
    return shapes | {
        "ffn_gate_inp_shexp.weight": (1, width),
        "ffn_gate_shexp.weight": (shared, width),
        "ffn_up_shexp.weight": (shared, width),
        "ffn_down_shexp.weight": (width, shared),
    }


def _norms(architecture: ConvertedArchitecture, config: Config) -> _Shapes:
    width, arch = (n_embd(config),), architecture.arch
    if architecture.kind == "encoder":
        return {"attn_output_norm.weight": width, "layer_output_norm.weight": width}
    before: _Shapes = {} if arch == "olmo2" else {"attn_norm.weight": width, "ffn_norm.weight": width}
    is_normed_behind = arch in ("olmo2", "gemma2", "gemma3")
    behind: _Shapes = {"post_attention_norm.weight": width, "post_ffw_norm.weight": width} if is_normed_behind else {}
    return before | behind | _norms_of_heads(arch, config)


def _norms_of_heads(arch: str, config: Config) -> _Shapes:
    """One for each head, or in OLMo 2 one over all of them."""
    if arch not in ("qwen3", "qwen3moe", "gemma3", "olmo2"):
        return {}
    one = head_dim(config)
    q, k = (n_head(config) * one, n_head_kv(config) * one) if arch == "olmo2" else (one, one)
    return {"attn_q_norm.weight": (q,), "attn_k_norm.weight": (k,)}
