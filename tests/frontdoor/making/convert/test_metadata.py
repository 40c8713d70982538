"""Special tokens, chat template, end tokens, pooling: what the file says beside the tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader

from lsrv.errors import ConvertError
from lsrv.frontdoor import read_header
from tests.frontdoor.making.convert.agreement import Running, converted, write_source
from tests.frontdoor.making.convert.cases import BY_NAME


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps((json.loads(path.read_text()) if path.is_file() else {}) | changes))


def _keys(source: Path) -> dict[str, Any]:
    reader = GGUFReader(converted(source, source.with_suffix(".gguf")))
    return {name: field.contents() for name, field in reader.fields.items()}


def _source(tmp_path: Path, name: str = "qwen3") -> Path:
    return write_source(BY_NAME[name], tmp_path / "source")


def test_a_model_trained_without_a_first_token_gets_none(tmp_path: Path) -> None:
    keys = _keys(_source(tmp_path))
    assert keys["tokenizer.ggml.add_bos_token"] is False
    assert keys["tokenizer.ggml.add_eos_token"] is False


def test_a_model_trained_with_a_first_token_gets_it(tmp_path: Path) -> None:
    keys = _keys(_source(tmp_path, "llama"))
    assert keys["tokenizer.ggml.add_bos_token"] is True
    assert keys["tokenizer.ggml.tokens"][keys["tokenizer.ggml.bos_token_id"]] == "<s>"
    assert keys["tokenizer.ggml.tokens"][keys["tokenizer.ggml.eos_token_id"]] == "</s>"


def test_the_template_file_wins_over_the_one_in_the_tokenizer_config(tmp_path: Path) -> None:
    source = _source(tmp_path)
    _edit(source / "tokenizer_config.json", chat_template="old")
    assert _keys(source)["tokenizer.chat_template"] == "old"
    (source / "chat_template.jinja").write_text("{{ messages }} ☃")
    assert _keys(source)["tokenizer.chat_template"] == "{{ messages }} ☃"


def test_further_end_tokens_of_the_generation_config_are_kept(tmp_path: Path) -> None:
    source = _source(tmp_path)
    _edit(source / "generation_config.json", eos_token_id=[2, 4, 3, 100_000])
    keys = _keys(source)
    names = ("eos", "eot", "eom")
    assert [keys[f"tokenizer.ggml.{name}_token_id"] for name in names] == [2, 4, 3]


def test_rows_of_a_padded_embedding_are_unused_tokens(tmp_path: Path) -> None:
    keys = _keys(_source(tmp_path))
    tokens, types = keys["tokenizer.ggml.tokens"], keys["tokenizer.ggml.token_type"]
    assert len(tokens) == keys["qwen3.vocab_size"] == 640
    assert tokens[-1] == "[PAD639]"
    assert types[-1] == 5  # LLAMA_TOKEN_TYPE_UNUSED


def _stripping(source: Path, *added: str) -> None:
    """<|im_end|> takes the white space behind it along; `added` are further control tokens."""
    tokens = json.loads((source / "tokenizer.json").read_text())["added_tokens"]
    tokens += [{"id": 620 + index, "content": content, "special": True} for index, content in enumerate(added)]
    for token in tokens:
        token["rstrip"] = token["content"] == "<|im_end|>"
    _edit(source / "tokenizer.json", added_tokens=tokens)


def test_control_tokens_of_phi3_swallow_the_white_space_behind_them(tmp_path: Path) -> None:
    source = _source(tmp_path, "phi3")
    _stripping(source, "<|endoftext|>")
    with Running(converted(source, tmp_path / "a.gguf")) as running:
        with_space = running.tokenize("<|im_end|> \n x", parse_special=True)
        assert with_space == running.tokenize("<|im_end|>x", parse_special=True)


def test_a_name_like_phi3_does_no_harm_to_another_vocabulary(tmp_path: Path) -> None:
    source = _source(tmp_path, "phi3").rename(tmp_path / "My-Phi-3-tune")
    path = converted(source, tmp_path / "a.gguf")
    with Running(path):
        assert read_header(path).name == "My-Phi 3-tune"


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, 1),
        ({"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, 2),
        ({"pooling_mode_lasttoken": True}, 3),
        ({"pooling_mode": "cls", "embedding_dimension": 64}, 2),
    ],
)
def test_pooling_is_that_of_sentence_transformers(pooling: dict[str, Any], expected: int, tmp_path: Path) -> None:
    assert _keys(_pooled(tmp_path, pooling))["bert.pooling_type"] == expected


@pytest.mark.parametrize(
    "pooling",
    [{"pooling_mode_max_tokens": True}, {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, {}],
)
def test_pooling_that_llamacpp_does_not_have_is_refused(pooling: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="has mean, cls and lasttoken"):
        _keys(_pooled(tmp_path, pooling))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ({"path": "2_Dense", "type": "sentence_transformers.models.Dense"}, "no Dense after the model"),
        ({"path": "../../etc", "type": "sentence_transformers.models.Pooling"}, "leads out of the folder"),
        ({"path": "/etc", "type": "sentence_transformers.models.Pooling"}, "leads out of the folder"),
    ],
)
def test_modules_that_can_not_be_kept_are_refused(module: dict[str, Any], message: str, tmp_path: Path) -> None:
    source = _pooled(tmp_path, {"pooling_mode_mean_tokens": True})
    modules = json.loads((source / "modules.json").read_text())
    (source / "modules.json").write_text(json.dumps([*modules, module]))
    with pytest.raises(ConvertError, match=message):
        _keys(source)


def _pooled(tmp_path: Path, pooling: dict[str, Any]) -> Path:
    source = _source(tmp_path, "bert")
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()]
    (source / "modules.json").write_text(json.dumps(modules))
    return source
