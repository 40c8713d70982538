"""The numbers of a model: from config.json to the keys that llama.cpp reads for its architecture. Pure.

Sources: load_arch_hparams() in llama.cpp's src/models/*.cpp, and the configuration classes of transformers.
"""

from __future__ import annotations

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.architecture import ConvertedArchitecture
from lsrv.frontdoor.making.convert.config import Config
from lsrv.frontdoor.making.convert.rope import Rope, RopeValue, rope

EXPERTS = ("num_experts", "num_local_experts")  # the two ways to say how many there are

# llama.cpp's src/llama-hparams.h. A stranger's 2**31 layers would be gone through one by one.
_LLAMA_MAX_LAYERS = 512
_WIDTH_MAX = 2**20  # of an embedding, a head, and the number of heads; the widest model has some 2**16


def hyperparameters(architecture: ConvertedArchitecture, config: Config) -> Rope:
    """Keys below "ARCH.", and the small tensors that belong to rope. Raises ConvertError for what is missing or odd."""
    shared = _shape(config)
    if architecture.kind == "encoder":
        return Rope(shared | _encoder(architecture, config), {})
    turning = rope(config, head_dim(config))
    keys = shared | _decoder(config) | turning.keys
    return Rope(keys | _experts(config) | _windows(architecture, config) | _scales(config), turning.tensors)


def n_layer(config: Config) -> int:
    return config.integer("num_hidden_layers", "n_layers", at_most=_LLAMA_MAX_LAYERS)


def n_embd(config: Config) -> int:
    return config.integer("hidden_size", "dim", at_most=_WIDTH_MAX)


def n_ff(config: Config) -> int:
    return config.integer("intermediate_size", "hidden_dim")


def n_head(config: Config) -> int:
    return config.integer("num_attention_heads", "n_heads", at_most=_WIDTH_MAX)


def n_head_kv(config: Config) -> int:
    return config.optional_integer("num_key_value_heads", at_most=_WIDTH_MAX) or n_head(config)


def head_dim(config: Config) -> int:
    given = config.optional_integer("head_dim", at_most=_WIDTH_MAX)
    return given or max(1, n_embd(config) // n_head(config))


def _shape(config: Config) -> dict[str, RopeValue]:
    return {
        "block_count": n_layer(config),
        "context_length": config.integer("max_position_embeddings"),
        "embedding_length": n_embd(config),
        "feed_forward_length": n_ff(config),
        "attention.head_count": n_head(config),
    }


def _encoder(architecture: ConvertedArchitecture, config: Config) -> dict[str, RopeValue]:
    keys: dict[str, RopeValue] = {
        "attention.causal": False,
        "attention.layer_norm_epsilon": config.number("layer_norm_eps"),
    }
    if architecture.position_offset:
        keys["context_length"] = _n_positions(config)
    return keys


def _n_positions(config: Config) -> int:
    n_rows, n_skipped = config.integer("max_position_embeddings"), n_positions_skipped(config)
    if n_rows <= n_skipped:
        raise ConvertError(
            f"config.json: max_position_embeddings = {n_rows} leaves none behind the padding's {n_skipped}"
        )
    return n_rows - n_skipped


def n_positions_skipped(config: Config) -> int:
    """RoBERTa counts positions from behind the padding token's id; llama.cpp from 0."""
    return config.integer("pad_token_id", at_least=0) + 1


def _decoder(config: Config) -> dict[str, RopeValue]:
    return {
        "attention.head_count_kv": n_head_kv(config),
        "attention.key_length": head_dim(config),
        "attention.value_length": head_dim(config),
        "attention.layer_norm_rms_epsilon": config.number("rms_norm_eps"),
    }


def _experts(config: Config) -> dict[str, RopeValue]:
    names = {
        "expert_count": EXPERTS,
        "expert_used_count": ("num_experts_per_tok",),
        "expert_feed_forward_length": ("moe_intermediate_size",),
        "expert_shared_feed_forward_length": ("shared_expert_intermediate_size",),
    }
    found = {key: config.optional_integer(*each) for key, each in names.items()}
    return {key: value for key, value in found.items() if value is not None}


def _windows(architecture: ConvertedArchitecture, config: Config) -> dict[str, RopeValue]:
    """Sliding windows, where llama.cpp has them: the Gemmas. A layer's kind is written down, not left to its rule."""
    if architecture.arch not in ("gemma2", "gemma3"):
        return {}
    window = config.integer("sliding_window")
    kinds = config.texts("layer_types")
    if kinds is None:
        step = config.optional_integer("sliding_window_pattern") or (2 if architecture.arch == "gemma2" else 6)
        is_sliding = [(index + 1) % step != 0 for index in range(n_layer(config))]
    else:
        is_sliding = [kind == "sliding_attention" for kind in kinds]
    return {"attention.sliding_window": window, "attention.sliding_window_pattern": is_sliding}


def _scales(config: Config) -> dict[str, RopeValue]:
    names = {
        "attn_logit_softcapping": "attn_logit_softcapping",
        "final_logit_softcapping": "final_logit_softcapping",
        "attention.scale": "attention_multiplier",
        "embedding_scale": "embedding_multiplier",
        "residual_scale": "residual_multiplier",
        "logit_scale": "logits_scaling",
    }
    found = {key: config.optional_number(name) for key, name in names.items()}
    return {key: value for key, value in found.items() if value is not None}
