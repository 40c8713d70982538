"""The checkpoints that are compared: one per architecture, and one per thing a config can say about rope or storage.

Dimensions are small and differ from each other, so that a mixed-up axis can't pass. Each has its own tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXPECTED = Path(__file__).parent / "expected"
N_VOCAB = 640  # rows of every embedding; tokenizers have fewer

_DECODER: dict[str, Any] = {
    "vocab_size": N_VOCAB, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 5000.0,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "tie_word_embeddings": False,
}  # fmt: skip
_ENCODER: dict[str, Any] = {
    "vocab_size": N_VOCAB, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "max_position_embeddings": 80, "pad_token_id": 1,
}  # fmt: skip
_MOE: dict[str, Any] = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 40}
_GEMMA: dict[str, Any] = {"head_dim": 24, "query_pre_attn_scalar": 24, "sliding_window": 8, "tie_word_embeddings": True}
_LONG = {"long_factor": [1.0 + 0.5 * index for index in range(8)], "short_factor": [1.0 + 0.1 * i for i in range(8)]}


@dataclass(frozen=True)
class Case:
    """`config`: changes to the defaults of `config_class`. `is_encoder`: hidden states are compared, not logits."""

    name: str
    model_class: str
    tokenizer: str
    config: dict[str, Any] = field(default_factory=dict)
    is_encoder: bool = False

    @property
    def folder(self) -> Path:
        return EXPECTED / self.name


def _decoder(name: str, model_class: str, tokenizer: str, **changes: Any) -> Case:
    return Case(name, model_class, tokenizer, _DECODER | changes)


CASES = [
    _decoder("llama", "LlamaForCausalLM", "llama-spm"),
    _decoder("llama-tied-biased", "LlamaForCausalLM", "llama-bpe", attention_bias=True, mlp_bias=True,
             tie_word_embeddings=True),
    _decoder("llama-head-dim", "LlamaForCausalLM", "smollm", head_dim=24, num_key_value_heads=4),
    _decoder("llama-rope-llama3", "LlamaForCausalLM", "llama-bpe", rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64}),
    _decoder("llama-rope-linear", "LlamaForCausalLM", "llama-spm", rope_scaling={"rope_type": "linear", "factor": 4.0}),
    _decoder("llama-rope-yarn", "LlamaForCausalLM", "llama-spm", rope_scaling={
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}),
    _decoder("llama-rope-yarn-factor", "LlamaForCausalLM", "llama-spm", rope_scaling={
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "attention_factor": 1.3}),
    _decoder("mistral", "MistralForCausalLM", "tekken", head_dim=24, sliding_window=None),
    _decoder("qwen2", "Qwen2ForCausalLM", "qwen2", tie_word_embeddings=True),
    _decoder("qwen2_moe", "Qwen2MoeForCausalLM", "qwen2", shared_expert_intermediate_size=48, **_MOE),
    _decoder("qwen3", "Qwen3ForCausalLM", "qwen2", head_dim=24, tie_word_embeddings=True),
    _decoder("qwen3_moe", "Qwen3MoeForCausalLM", "qwen2", head_dim=24, norm_topk_prob=True, **_MOE),
    _decoder("gemma2", "Gemma2ForCausalLM", "gemma-spm", attn_logit_softcapping=5.0, final_logit_softcapping=3.0,
             **_GEMMA),
    _decoder("gemma3", "Gemma3ForCausalLM", "gemma-spm", rope_local_base_freq=900.0, num_hidden_layers=7,
             **_GEMMA),
    _decoder("phi3", "Phi3ForCausalLM", "phi3-spm", partial_rotary_factor=0.75),
    _decoder("phi3-longrope-short", "Phi3ForCausalLM", "o200k", max_position_embeddings=1024,
             original_max_position_embeddings=512, rope_scaling={"rope_type": "longrope", **_LONG}),
    _decoder("phi3-longrope-long", "Phi3ForCausalLM", "gpt-4o", original_max_position_embeddings=16, rope_scaling={
        "rope_type": "longrope", **_LONG}),
    _decoder("smollm3", "SmolLM3ForCausalLM", "llama-bpe", num_hidden_layers=5, use_sliding_window=False),
    _decoder("granite", "GraniteForCausalLM", "smollm", attention_multiplier=0.2, embedding_multiplier=3.0,
             residual_multiplier=0.4, logits_scaling=2.5),
    _decoder("olmo2", "Olmo2ForCausalLM", "dbrx"),
    Case("bert", "BertModel", "bert", _ENCODER, True),
    Case("roberta", "RobertaModel", "roberta-bpe", _ENCODER | {"type_vocab_size": 1}, True),
    Case("xlm-roberta", "XLMRobertaModel", "xlm-roberta", _ENCODER | {"type_vocab_size": 1}, True),
    Case("distilbert", "DistilBertModel", "bert", {
        "vocab_size": N_VOCAB, "dim": 64, "hidden_dim": 96, "n_layers": 3, "n_heads": 4, "max_position_embeddings": 80,
        "pad_token_id": 0}, True),
]  # fmt: skip
BY_NAME = {case.name: case for case in CASES}
