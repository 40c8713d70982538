"""What llama.cpp would compute differently, or what can't be read safely, is refused and named before any work."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert import check_convertible
from tests.frontdoor.making.convert.cases import BY_NAME, CASES, Case

FILES = ["config.json", "model.safetensors", "tokenizer.json"]


def _config(name: str, **changes: Any) -> dict[str, Any]:
    return json.loads((BY_NAME[name].folder / "config.json").read_text()) | changes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_compared_checkpoint_is_accepted(case: Case) -> None:
    assert check_convertible(_config(case.name), FILES).name == case.model_class


def test_another_architecture_is_named_with_those_that_can_be_converted() -> None:
    config = {"architectures": ["FalconH1ForCausalLM"], "auto_map": {"AutoModel": "evil.Model"}}
    with pytest.raises(ConvertError, match=r"FalconH1ForCausalLM .*Qwen3ForCausalLM") as caught:
        check_convertible(config, FILES)
    assert caught.value.fields == {"architecture": "FalconH1ForCausalLM"}


@pytest.mark.parametrize("config", [{}, {"architectures": []}, {"architectures": "LlamaForCausalLM"}])
def test_a_config_without_an_architecture_says_so(config: dict[str, Any]) -> None:
    with pytest.raises(ConvertError, match=r"architecture \(none named\)"):
        check_convertible(config, FILES)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("qwen3_moe", {"norm_topk_prob": False}, "norm_topk_prob = False"),
        ("qwen2_moe", {"norm_topk_prob": True}, "norm_topk_prob = True"),
        ("qwen2_moe", {"mlp_only_layers": [0]}, "mlp_only_layers"),
        ("qwen2", {"use_sliding_window": True}, "use_sliding_window = True"),
        ("qwen3", {"layer_types": ["full_attention", "sliding_attention", "full_attention"]}, "sliding_attention"),
        ("llama", {"hidden_act": "relu"}, "the activation relu"),
        ("gemma2", {"query_pre_attn_scalar": 144}, "query_pre_attn_scalar = 144 instead of 24"),
        ("gemma3", {"use_bidirectional_attention": True}, "bidirectional attention"),
        ("smollm3", {"no_rope_layers": [1, 1, 1, 1, 1]}, "no_rope_layers"),
        ("phi3", {"head_dim": 8}, "head_dim = 8"),
        ("bert", {"position_embedding_type": "relative_key"}, "relative_key"),
        ("distilbert", {"sinusoidal_pos_embds": True}, "sinusoidal_pos_embds"),
        ("llama", {"quantization_config": {"quant_method": "gptq"}}, "quantized with gptq"),
        ("llama", {"quantization_config": {"quant_method": "mxfp4"}}, "quantized with mxfp4"),
    ],
)
def test_a_variant_that_llamacpp_would_compute_differently_is_refused(
    name: str, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConvertError, match=reason):
        check_convertible(_config(name, **changes), FILES)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["config.json", "pytorch_model.bin", "tokenizer.json"], "no model.safetensors"),
        (["config.json", "adapter_model.safetensors", "tokenizer.json"], "no model.safetensors"),
        (["config.json", "model.safetensors", "tokenizer.model"], "no tokenizer.json"),
    ],
)
def test_files_that_can_not_be_read_are_missed_before_a_download(files: list[str], reason: str) -> None:
    with pytest.raises(ConvertError, match=reason):
        check_convertible(_config("llama"), files)
