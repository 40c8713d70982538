"""Rotary positions: from transformers' rope_parameters / rope_scaling to llama.cpp's keys and factors. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.config import Config, ConfigJson, as_object, number, numbers

RopeValue = bool | int | float | str | list[bool]


@dataclass(frozen=True)
class Rope:
    """Keys below the architecture's name, and one-dimensional F32 tensors."""

    keys: dict[str, RopeValue]
    tensors: dict[str, list[float]]


def rope(config: Config, head_dim: int) -> Rope:
    """Raises ConvertError for a scaling that llama.cpp does not know."""
    full, local = _parameters(config)
    share, base = number(full, "partial_rotary_factor") or 1.0, number(full, "rope_theta") or 10_000.0
    if not 0 < share <= 1 or base < 1:
        raise ConvertError(
            f"config.json: no rotary positions have partial_rotary_factor {share:g}, rope_theta {base:g}"
        )
    n_rot = int(head_dim * share)
    keys: dict[str, RopeValue] = {"rope.dimension_count": n_rot, "rope.freq_base": base}
    if (local_base := number(local, "rope_theta")) is not None:
        keys["rope.freq_base_swa"] = local_base
    scaling = _scaling(full, config, n_rot, base)
    return Rope(keys | scaling.keys, scaling.tensors)


def _parameters(config: Config) -> tuple[ConfigJson, ConfigJson]:
    """Parameters of layers with full attention, and of sliding windows; transformers 4 and 5 write them differently."""
    given = config.object("rope_parameters") or config.object("rope_scaling")
    if "full_attention" in given:
        return as_object(given["full_attention"]), as_object(given.get("sliding_attention"))
    names = ("rope_theta", "partial_rotary_factor", "original_max_position_embeddings")
    outer = {name: value for name in names if (value := config.values.get(name)) is not None}
    return {**outer, **given}, {"rope_theta": config.values.get("rope_local_base_freq")}


def _scaling(parameters: ConfigJson, config: Config, n_rot: int, base: float) -> Rope:
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    # "dynamic" changes nothing up to the trained context, which is where llama.cpp's context_length ends.
    if kind in ("default", "dynamic"):
        return Rope({}, {})
    if kind == "linear":
        return Rope({"rope.scaling.type": "linear", "rope.scaling.factor": _factor(parameters)}, {})
    if kind == "yarn":
        return _yarn(parameters, config)
    if kind == "llama3":
        return Rope({}, {"rope_freqs.weight": _llama3_factors(parameters, n_rot, base)})
    if kind in ("longrope", "su"):
        return _longrope(parameters, config, n_rot)
    raise ConvertError(f"config.json: llama.cpp does not know the rope scaling {kind}")


def _factor(parameters: ConfigJson) -> float:
    factor = number(parameters, "factor")
    if not factor or factor < 1:
        raise ConvertError(f"config.json: a rope scaling without a factor of at least 1 (it says {factor})")
    return factor


def _trained_context(parameters: ConfigJson, config: Config) -> int:
    given = number(parameters, "original_max_position_embeddings")
    n_ctx = int(given) if given else config.integer("max_position_embeddings")
    if n_ctx < 2:
        raise ConvertError(f"config.json: original_max_position_embeddings = {n_ctx} is no length of a context")
    return n_ctx


def _yarn(parameters: ConfigJson, config: Config) -> Rope:
    factor = _factor(parameters)
    keys: dict[str, RopeValue] = {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": factor,
        "rope.scaling.original_context_length": _trained_context(parameters, config),
    }
    # llama.cpp reads other bounds for Grok and Mistral 3 only.
    for name, usual in (("beta_fast", 32), ("beta_slow", 1), ("truncate", True)):
        if (value := parameters.get(name)) not in (None, usual):
            raise ConvertError(f"config.json: llama.cpp has no yarn with {name} = {value}; use a GGUF of this model")
    if (attention := _yarn_attention(parameters, factor)) is not None:
        # llama.cpp multiplies its own 1 + 0.1 ln(factor) by this.
        keys["rope.scaling.attn_factor"] = attention / _yarn_mscale(factor, 1.0)
    return Rope(keys, {})


def _yarn_attention(parameters: ConfigJson, factor: float) -> float | None:
    """What attention is multiplied by; None: the usual. Source: _compute_yarn_parameters() in transformers."""
    mscale, mscale_all_dim = number(parameters, "mscale"), number(parameters, "mscale_all_dim")
    if (given := number(parameters, "attention_factor")) is not None:
        return given
    if mscale and mscale_all_dim:
        return _yarn_mscale(factor, mscale) / _yarn_mscale(factor, mscale_all_dim)
    return None


def _yarn_mscale(factor: float, mscale: float) -> float:
    return 0.1 * mscale * math.log(factor) + 1.0


def _llama3_factors(parameters: ConfigJson, n_rot: int, base: float) -> list[float]:
    """What each frequency is divided by; _compute_llama3_parameters() in transformers' modeling_rope_utils.py."""
    factor = _factor(parameters)
    low, high = number(parameters, "low_freq_factor") or 1.0, number(parameters, "high_freq_factor") or 4.0
    n_ctx = number(parameters, "original_max_position_embeddings") or 8192
    if high <= low:
        raise ConvertError(f"config.json: rope scaling with high_freq_factor {high:g} not above {low:g}")

    def divisor(index: int) -> float:
        waves = n_ctx / (2 * math.pi * base ** (2 * index / n_rot))
        share = min(1.0, max(0.0, (waves - low) / (high - low)))  # 1: kept as it is
        return 1 / ((1 - share) / factor + share)

    return [divisor(index) for index in range(n_rot // 2)]


def _longrope(parameters: ConfigJson, config: Config, n_rot: int) -> Rope:
    long, short = numbers(parameters, "long_factor"), numbers(parameters, "short_factor")
    if not long or not short or len(long) != n_rot // 2 or len(short) != n_rot // 2:
        raise ConvertError(f"config.json: longrope needs long_factor and short_factor of {n_rot // 2} numbers each")
    n_ctx = config.integer("max_position_embeddings")
    n_ctx_trained = _trained_context(parameters, config)
    scale = number(parameters, "factor") or n_ctx / n_ctx_trained
    attention = number(parameters, "attention_factor")
    if attention is None:
        attention = math.sqrt(1 + math.log(scale) / math.log(n_ctx_trained)) if scale > 1 else 1.0
    keys: dict[str, RopeValue] = {
        "rope.scaling.type": "longrope",
        "rope.scaling.original_context_length": n_ctx_trained,
        "rope.scaling.attn_factor": attention,
    }
    return Rope(keys, {"rope_factors_long.weight": long, "rope_factors_short.weight": short})
