"""The same weights under other names, fused, or inside a multimodal model give the same GGUF."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert import check_convertible
from lsrv.frontdoor.making.convert.config import Config
from lsrv.frontdoor.making.convert.hyperparameters import hyperparameters
from tests.frontdoor.making.convert.agreement import converted, write_source
from tests.frontdoor.making.convert.cases import BY_NAME, CASES
from tests.frontdoor.making.convert.weights import weight, write_checkpoint, write_safetensors

Tensors = dict[str, NDArray[np.float32]]


def _tensors(name: str) -> Tensors:
    shapes = json.loads((BY_NAME[name].folder / "shapes.json").read_text())
    return {each: weight(each, shape) for each, shape in shapes.items()}


def _require_same_gguf(name: str, folder: Path, change: Callable[[Path, Tensors], Tensors]) -> None:
    """`change` rewrites the checkpoint of a case; what llama.cpp sees must stay what it was."""
    plain = converted(write_source(BY_NAME[name], folder / "plain"), folder / "plain.gguf")
    source = write_source(BY_NAME[name], folder / "changed")
    write_safetensors(source / "model.safetensors", dict(change(source, _tensors(name))), "F32")
    changed = converted(source, folder / "changed.gguf")
    expected = {tensor.name: tensor.data for tensor in GGUFReader(plain).tensors}
    found = {tensor.name: tensor.data for tensor in GGUFReader(changed).tensors}
    assert found.keys() == expected.keys()
    for each, values in expected.items():
        np.testing.assert_array_equal(found[each], values, err_msg=each)


def _edit_config(source: Path, **changes: object) -> None:
    values = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(values | changes))


@pytest.mark.parametrize("name", ["qwen2_moe", "qwen3_moe"])
def test_fused_experts_are_taken_apart(name: str, tmp_path: Path) -> None:
    def fuse(source: Path, tensors: Tensors) -> Tensors:
        made = {each: values for each, values in tensors.items() if ".mlp.experts." not in each}
        for layer in range(3):
            base = f"model.layers.{layer}.mlp.experts"

            def stack(kind: str, base: str = base) -> NDArray[np.float32]:
                return np.stack([tensors[f"{base}.{expert}.{kind}_proj.weight"] for expert in range(6)])

            made[f"{base}.gate_up_proj"] = np.concatenate([stack("gate"), stack("up")], axis=1)
            made[f"{base}.down_proj"] = stack("down")
        return made

    _require_same_gguf(name, tmp_path, fuse)


@pytest.mark.parametrize("prefix", ["language_model.model.", "model.language_model."])
def test_the_text_model_is_taken_out_of_a_multimodal_one(prefix: str, tmp_path: Path) -> None:
    def wrap(source: Path, tensors: Tensors) -> Tensors:
        text = json.loads((source / "config.json").read_text()) | {"architectures": ["Gemma3TextModel"]}
        config = {"architectures": ["Gemma3ForConditionalGeneration"], "text_config": text, "vision_config": {}}
        (source / "config.json").write_text(json.dumps(config))
        eyes = {"vision_tower.vision_model.post_layernorm.weight": np.ones(8, np.float32)}
        eyes["multi_modal_projector.mm_soft_emb_norm.weight"] = np.ones(8, np.float32)
        return {prefix + each.removeprefix("model."): values for each, values in tensors.items()} | eyes

    _require_same_gguf("gemma3", tmp_path, wrap)


def test_a_bare_model_has_the_names_of_its_family(tmp_path: Path) -> None:
    def strip(source: Path, tensors: Tensors) -> Tensors:
        _edit_config(source, architectures=["Qwen3Model"])
        return {each.removeprefix("model."): values for each, values in tensors.items()}

    _require_same_gguf("qwen3", tmp_path, strip)


def test_an_output_matrix_that_is_tied_anyway_is_left_out(tmp_path: Path) -> None:
    _require_same_gguf(
        "qwen3", tmp_path, lambda source, tensors: tensors | {"lm_head.weight": np.zeros((640, 64), np.float32)}
    )


def test_a_tied_model_gets_an_output_matrix_where_llamacpp_wants_one(tmp_path: Path) -> None:
    source = write_source(BY_NAME["olmo2"], tmp_path / "source")
    _edit_config(source, tie_word_embeddings=True)
    found = {each.name: each.data for each in GGUFReader(converted(source, tmp_path / "a.gguf")).tensors}
    np.testing.assert_array_equal(found["output.weight"], found["token_embd.weight"])


def test_old_names_of_encoders_are_known(tmp_path: Path) -> None:
    def rename(source: Path, tensors: Tensors) -> Tensors:
        old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        made: Tensors = {"cls.predictions.bias": np.ones(640, np.float32)}
        for name, values in tensors.items():
            end = next((each for each in old if name.endswith(each)), None)
            made["bert." + (name.removesuffix(end) + old[end] if end else name)] = values
        return made

    _require_same_gguf("bert", tmp_path, rename)


def test_memory_follows_the_largest_tensor_not_the_model(tmp_path: Path) -> None:
    source = write_source(BY_NAME["llama-head-dim"], tmp_path / "source")
    n_layers, n_embd, n_ff = 24, 384, 1024
    _edit_config(source, hidden_size=n_embd, intermediate_size=n_ff, num_hidden_layers=n_layers)
    shapes = {
        "model.embed_tokens.weight": [640, n_embd],
        "model.norm.weight": [n_embd],
        "lm_head.weight": [640, n_embd],
    }
    for layer in range(n_layers):
        base = f"model.layers.{layer}"
        shapes |= {f"{base}.self_attn.{each}_proj.weight": [96, n_embd] for each in "qkv"}
        shapes |= {f"{base}.mlp.{each}_proj.weight": [n_ff, n_embd] for each in ("gate", "up")}
        shapes |= {f"{base}.{each}_layernorm.weight": [n_embd] for each in ("input", "post_attention")}
        shapes |= {f"{base}.self_attn.o_proj.weight": [n_embd, 96], f"{base}.mlp.down_proj.weight": [n_embd, n_ff]}
    write_checkpoint(source, shapes)
    converted(source, tmp_path / "once.gguf")  # imports and tables are not what is measured
    tracemalloc.start()
    converted(source, tmp_path / "a.gguf")
    n_bytes_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    n_bytes_largest = 4 * n_ff * n_embd
    assert (tmp_path / "a.gguf").stat().st_size > 60 * n_bytes_largest
    assert n_bytes_peak < 3 * n_bytes_largest


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_in_a_config_is_understood_or_refused(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(CASES))
    values = json.loads((case.folder / "config.json").read_text())
    name = data.draw(st.sampled_from(sorted(values)))
    target = values[name] if isinstance(values[name], dict) and data.draw(st.booleans()) else values
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(_JSON)
    try:
        architecture = check_convertible(values, ["model.safetensors", "tokenizer.json"])
        hyperparameters(architecture, Config(values, architecture.defaults))
    except ConvertError:
        return
