"""Tokenizers that llama.cpp can't follow are refused; what a file forgets to say is put right."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from gguf import TokenType

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.tokenizer import Tokenizer
from lsrv.frontdoor.making.convert.vocabulary import vocabulary
from tests.frontdoor.making.convert.cases import EXPECTED

N_TOKENS = 640
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _tokenizer(name: str, **changes: Any) -> Tokenizer:
    values = json.loads((EXPECTED / "tokenizers" / name / "tokenizer.json").read_text()) | changes
    return msgspec.convert(values, Tokenizer)


@pytest.mark.parametrize(
    ("tokenizer", "name"),
    [
        ("qwen2", "qwen2"),
        ("llama-bpe", "llama-bpe"),
        ("dbrx", "dbrx"),
        ("smollm", "smollm"),
        ("tekken", "tekken"),
        ("gpt-4o", "gpt-4o"),
        ("roberta-bpe", "roberta-bpe"),
    ],
)
def test_a_pre_tokenizer_is_recognised_by_what_it_does(tokenizer: str, name: str) -> None:
    assert vocabulary(_tokenizer(tokenizer), N_TOKENS).pre == name


@pytest.mark.parametrize(
    "step",
    [
        {"type": "Split", "pattern": {"Regex": r"\p{L}+"}, "behavior": "Isolated", "invert": False},
        {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Removed", "invert": False},
        {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "MergedWithNext", "invert": False},
        {"type": "ByteLevel", "use_regex": False},
        {"type": "UnicodeScripts"},
        {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "Digits", "individual_digits": False}]},
    ],
)
def test_an_unknown_pre_tokenizer_is_shown_and_refused(step: dict[str, Any]) -> None:
    with pytest.raises(ConvertError, match=r"no pre-tokenizer like \["):
        vocabulary(_tokenizer("qwen2", pre_tokenizer=step), N_TOKENS)


def test_an_earlier_merge_wins_over_one_further_left() -> None:
    model = {"type": "BPE", "byte_fallback": True, "vocab": {"a": 0, "b": 1, "c": 2, "bc": 3, "ab": 4}}
    tokenizer = msgspec.convert({"model": model | {"merges": ["b c", ["a", "b"]]}}, Tokenizer)
    scores = vocabulary(tokenizer, 5).scores
    assert scores is not None
    assert scores[3] > scores[4] > max(scores[:3])


def test_tokens_that_look_like_control_tokens_are_some() -> None:
    added = [{"id": 600, "content": "<|tool|>", "special": False}, {"id": 601, "content": "<think>", "special": False}]
    made = vocabulary(_tokenizer("qwen2", added_tokens=added), N_TOKENS)
    assert made.types[600:602] == [TokenType.CONTROL, TokenType.USER_DEFINED]


def test_two_tokens_with_one_text_are_refused() -> None:
    added = [{"id": 600, "content": "twice", "special": True}, {"id": 601, "content": "twice", "special": True}]
    with pytest.raises(ConvertError, match="tokens 600 and 601 are both 'twice'"):
        vocabulary(_tokenizer("qwen2", added_tokens=added), N_TOKENS)


def test_ids_beyond_the_embedding_are_left_out() -> None:
    assert len(vocabulary(_tokenizer("qwen2"), 400).tokens) == 400


def test_cased_wordpiece_stays_cased() -> None:
    made = vocabulary(_tokenizer("bert", normalizer={"type": "BertNormalizer", "lowercase": False}), N_TOKENS)
    assert made.keys == {"normalizer.lowercase": False, "normalizer.strip_accents": False}


@pytest.mark.parametrize(
    "normalizer", [None, {"type": "NFKC"}, {"type": "BertNormalizer", "handle_chinese_chars": False}]
)
def test_wordpiece_with_another_normalizer_is_refused(normalizer: dict[str, Any] | None) -> None:
    with pytest.raises(ConvertError, match="always normalizes as BERT does"):
        vocabulary(_tokenizer("bert", normalizer=normalizer), N_TOKENS)


# The pre-tokenizers of published models (npm's @lenml/tokenizer-… carry their files; deepseek-coder's by hand).
PUBLISHED = json.loads((EXPECTED / "published_pre_tokenizers.json").read_text())


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_pre_tokenizer_of_a_published_file_is_recognised(model: str) -> None:
    published = PUBLISHED[model]
    base = json.loads((EXPECTED / "tokenizers" / "qwen2" / "tokenizer.json").read_text())
    changed = base["model"] | {"ignore_merges": published["ignore_merges"]}
    tokenizer = _tokenizer("qwen2", pre_tokenizer=published["pre_tokenizer"], model=changed)
    assert vocabulary(tokenizer, N_TOKENS).pre == published["name"]
