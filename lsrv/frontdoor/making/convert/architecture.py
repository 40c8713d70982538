"""The architectures that can be converted, and whether a given model is one that llama.cpp computes as it was trained.

llama.cpp fixes some choices per architecture that a config.json leaves open. Where a model chose otherwise it would
load and talk nonsense, so it is refused here: `fixed` lists those choices, `check` finds what does not fit a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.config import Config, ConfigJson
from lsrv.frontdoor.making.convert.source_files import is_weights

_Check = Callable[[Config], str]  # what llama.cpp would compute differently; "" if nothing

_GELU_TANH = "gelu_pytorch_tanh"
_MOE: ConfigJson = {"decoder_sparse_step": 1, "mlp_only_layers": []}


@dataclass(frozen=True)
class ConvertedArchitecture:
    """How one family of checkpoints becomes a GGUF. The names are Hugging Face's class and llama.cpp's architecture."""

    name: str  # "LlamaForCausalLM"
    arch: str  # general.architecture
    activation: str = "silu"
    kind: Literal["decoder", "encoder"] = "decoder"
    is_interleaved: bool = False  # llama.cpp rotates neighbours, the checkpoint halves: rows of q and k change places
    norm_shift: float = 0.0  # added to the weights of norms
    output: Literal["untied", "always", "never"] = "untied"  # whether the GGUF has an output matrix
    position_offset: bool = False  # position rows start behind the padding token's
    defaults: ConfigJson = field(
        default_factory=dict[str, object]
    )  # of transformers, where a config.json leaves them out
    fixed: ConfigJson = field(default_factory=dict[str, object])  # what llama.cpp assumes
    check: _Check = lambda config: ""


def _all_layers_attend_fully(config: Config) -> str:
    kinds = set(config.texts("layer_types") or []) - {"full_attention"}
    return f"layers with {', '.join(sorted(kinds))}" if kinds else ""


def _gemma_scale(config: Config) -> str:
    """llama.cpp takes sqrt(head_dim), and sqrt(n_embd / n_head) for the two 27B models, which it knows by n_layer."""
    n_layer, n_embd = config.integer("num_hidden_layers"), config.integer("hidden_size")
    is_27b = n_layer == (46 if config.text("model_type") == "gemma2" else 62)
    divisor = n_embd / config.integer("num_attention_heads") if is_27b else config.integer("head_dim")
    scalar = config.number("query_pre_attn_scalar")
    if not math.isclose(scalar, divisor):
        return f"query_pre_attn_scalar = {scalar:g} instead of {divisor:g}"
    return "bidirectional attention" if config.flag("use_bidirectional_attention") else ""


def _every_fourth_layer_without_rope(config: Config) -> str:
    given = config.integers("no_rope_layers") or []
    wanted = [int((index + 1) % 4 != 0) for index in range(len(given))]
    if given and (given != wanted or len(given) != config.integer("num_hidden_layers")):
        return "no_rope_layers other than every fourth"
    return _all_layers_attend_fully(config)


def _phi_heads(config: Config) -> str:
    n_head, n_embd = config.integer("num_attention_heads"), config.integer("hidden_size")
    head_dim = config.optional_integer("head_dim")
    return f"head_dim = {head_dim} instead of {n_embd // n_head}" if head_dim and head_dim * n_head != n_embd else ""


def _absolute_positions(config: Config) -> str:
    kind = config.text("position_embedding_type") or "absolute"
    if kind != "absolute":
        return f"position_embedding_type = {kind}"
    return "cross-attention" if config.flag("add_cross_attention") or config.flag("is_decoder") else ""


_GEMMA: ConfigJson = {"tie_word_embeddings": True, "head_dim": 256, "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 256,
                "hidden_activation": _GELU_TANH}  # fmt: skip
_GEMMA3: ConfigJson = {**_GEMMA, "num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 131_072,
                 "rope_theta": 1e6, "rope_local_base_freq": 1e4, "sliding_window": 4096}  # fmt: skip
_BERT: ConfigJson = {"type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"}

_ARCHITECTURES = (
    ConvertedArchitecture("LlamaForCausalLM", "llama", is_interleaved=True, check=_all_layers_attend_fully),
    ConvertedArchitecture("MistralForCausalLM", "llama", is_interleaved=True),
    ConvertedArchitecture(
        "Qwen2ForCausalLM", "qwen2", fixed={"use_sliding_window": False}, check=_all_layers_attend_fully
    ),
    ConvertedArchitecture(
        "Qwen3ForCausalLM", "qwen3", fixed={"use_sliding_window": False}, check=_all_layers_attend_fully
    ),
    ConvertedArchitecture(
        "Qwen2MoeForCausalLM",
        "qwen2moe",
        output="always",
        fixed={"use_sliding_window": False, "norm_topk_prob": False, **_MOE},
        check=_all_layers_attend_fully,
    ),
    ConvertedArchitecture(
        "Qwen3MoeForCausalLM",
        "qwen3moe",
        defaults={"norm_topk_prob": False},
        fixed={"use_sliding_window": False, "norm_topk_prob": True, **_MOE},
        check=_all_layers_attend_fully,
    ),
    ConvertedArchitecture(
        "Gemma2ForCausalLM",
        "gemma2",
        activation=_GELU_TANH,
        norm_shift=1.0,
        output="never",
        defaults={**_GEMMA, "sliding_window": 4096, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
        check=_gemma_scale,
    ),
    ConvertedArchitecture(
        "Gemma3ForCausalLM", "gemma3", activation=_GELU_TANH, norm_shift=1.0, defaults=_GEMMA3, check=_gemma_scale
    ),
    ConvertedArchitecture(
        "Gemma3ForConditionalGeneration",
        "gemma3",
        activation=_GELU_TANH,
        norm_shift=1.0,
        defaults=_GEMMA3,
        check=_gemma_scale,
    ),
    ConvertedArchitecture("Phi3ForCausalLM", "phi3", check=_phi_heads),
    ConvertedArchitecture(
        "SmolLM3ForCausalLM",
        "smollm3",
        is_interleaved=True,
        defaults={"tie_word_embeddings": True},
        fixed={"use_sliding_window": False},
        check=_every_fourth_layer_without_rope,
    ),
    ConvertedArchitecture("GraniteForCausalLM", "granite", is_interleaved=True),
    ConvertedArchitecture("Olmo2ForCausalLM", "olmo2", output="always", check=_all_layers_attend_fully),
    ConvertedArchitecture("BertModel", "bert", "gelu", "encoder", defaults=_BERT, check=_absolute_positions),
    ConvertedArchitecture(
        "RobertaModel", "bert", "gelu", "encoder", position_offset=True, defaults=_BERT, check=_absolute_positions
    ),
    ConvertedArchitecture(
        "XLMRobertaModel", "bert", "gelu", "encoder", position_offset=True, defaults=_BERT, check=_absolute_positions
    ),
    ConvertedArchitecture(
        "DistilBertModel",
        "bert",
        "gelu",
        "encoder",
        defaults={"type_vocab_size": 1, "layer_norm_eps": 1e-12, "activation": "gelu"},
        fixed={"sinusoidal_pos_embds": False},
    ),
)
# Checkpoints of the same tensors under another class: without an output matrix, or with a head that is left behind.
_SAME_AS = {
    "LlamaModel": "LlamaForCausalLM",
    "MistralModel": "MistralForCausalLM",
    "Qwen2Model": "Qwen2ForCausalLM",
    "Qwen3Model": "Qwen3ForCausalLM",
    "BertForMaskedLM": "BertModel",
    "RobertaForMaskedLM": "RobertaModel",
    "XLMRobertaForMaskedLM": "XLMRobertaModel",
    "DistilBertForMaskedLM": "DistilBertModel",
}
ARCHITECTURES: Mapping[str, ConvertedArchitecture] = {each.name: each for each in _ARCHITECTURES}

# What can be read: plain numbers, and FP8 with scales. GPTQ, AWQ, MXFP4, bitsandbytes, ... are refused.
_FP8_METHODS = {"fp8", "fbgemm_fp8"}


def check_convertible(config: ConfigJson, file_names: Iterable[str]) -> ConvertedArchitecture:
    """The architecture of a repository with that config.json and those files. Raises ConvertError that names it."""
    outer = {name: value for name, value in config.items() if name != "text_config"}
    names = Config(outer).texts("architectures") or []
    name = names[0] if names else "(none named)"
    found = ARCHITECTURES.get(_SAME_AS.get(name, name))
    if found is None:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ConvertError(
            f"architecture {name} can't be converted here (these can: {known}); use a GGUF of it that somebody made, "
            f"or llama.cpp's own convert_hf_to_gguf.py",
            architecture=name,
        )
    reason = _mismatch(found, Config(config, found.defaults)) or _unreadable(config, file_names)
    if reason:
        raise ConvertError(
            f"this {name} can't be converted: {reason}; use a GGUF of it that somebody made", architecture=name
        )
    return found


def _mismatch(architecture: ConvertedArchitecture, config: Config) -> str:
    """What llama.cpp would compute differently from this config; "" if nothing."""
    for name, value in architecture.fixed.items():
        given = config.values.get(name, value)
        if given != value:
            return f"llama.cpp has no {architecture.arch} with {name} = {given}"
    activation = config.text("hidden_activation") or config.text("hidden_act") or config.text("activation")
    if activation is not None and activation != architecture.activation:
        return f"llama.cpp has no {architecture.arch} with the activation {activation}"
    found = architecture.check(config)
    return f"llama.cpp has no {architecture.arch} with {found}" if found else ""


def _unreadable(config: ConfigJson, file_names: Iterable[str]) -> str:
    """Why the tensors or the vocabulary can't be read; "" if they can."""
    names = set(file_names)
    if not any(is_weights(name) for name in names):
        return "there is no model.safetensors (other formats may run code when they are read, so none is)"
    if "tokenizer.json" not in names:
        return "there is no tokenizer.json (save the tokenizer with transformers' fast class to get one)"
    storage = Config(config).object("quantization_config")
    method = storage.get("quant_method")
    if method is None or method in _FP8_METHODS:
        return ""
    if method == "compressed-tensors" and storage.get("format") == "float-quantized":
        return ""
    return f"its weights are quantized with {method}, which loses more when done twice"
