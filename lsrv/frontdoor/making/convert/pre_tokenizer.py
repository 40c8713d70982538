"""Which of llama.cpp's pre-tokenizers splits text like a tokenizer.json of byte-level BPE. Pure.

llama.cpp has its splitters built in, under names. They are recognised here by what the file says: its regular
expressions in order, and whether a word that is a token skips the merges. Sources: llm_tokenizer_bpe and
llama_vocab::impl::load() in llama-vocab.cpp, which keep the original expressions as comments.
"""

from __future__ import annotations

import json

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.config import ConfigJson, as_object
from lsrv.frontdoor.making.convert.tokenizer import Bpe, Tokenizer

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"


def _like_cl100k(digits: str) -> str:
    return rf"{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACES}"


def _like_o200k(short: str, digits: str) -> str:
    upper, lower = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    before = r"[^\r\n\p{L}\p{N}]?"
    words = rf"{before}{upper}*{lower}+{short}|{before}{upper}+{lower}*{short}"
    return rf"{words}|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"


_THREE_DIGITS, _DIGIT = r"\p{N}{1,3}", r"\p{N}"
_QWEN35 = rf"{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_SPACES}"
_DEEPSEEK3 = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"""
    + _SPACES
)
_IDEOGRAPHS, _IDEOGRAPHS_AND_KANA = "[一-龥ࠀ-一가-퟿]+", "[一-龥\u3040-\u309f\u30a0-\u30ff]+"

# (regular expressions, ignore_merges) -> tokenizer.ggml.pre. Several names mean the same splitter; one is enough.
_NAMES: dict[tuple[tuple[str, ...], bool], str] = {
    ((_GPT2,), False): "gpt-2",
    ((_DIGIT, _GPT2), False): "smollm",
    ((_like_cl100k(_THREE_DIGITS),), True): "llama-bpe",
    ((_like_cl100k(_THREE_DIGITS),), False): "dbrx",
    ((_like_cl100k(_DIGIT),), False): "qwen2",
    ((_QWEN35,), False): "qwen35",
    ((_like_o200k("", _DIGIT),), True): "tekken",
    ((_like_o200k(f"{_SHORT}?", _THREE_DIGITS),), False): "gpt-4o",
    ((_like_o200k(f"{_SHORT}?", _THREE_DIGITS),), True): "granite-embed-multi-97m",
    ((_THREE_DIGITS, _IDEOGRAPHS_AND_KANA, _DEEPSEEK3), False): "deepseek-v3",
    ((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _IDEOGRAPHS, _DIGIT), False): "deepseek-coder",
}


def pre_tokenizer_name(tokenizer: Tokenizer, model: Bpe) -> str:
    """The value of tokenizer.ggml.pre. Raises ConvertError if llama.cpp has no such splitter."""
    steps = tokenizer.pre_tokenizers()
    expressions = tuple(expression for step in steps if (expression := _expression(step)))
    is_roberta = (tokenizer.post_processor or {}).get("type") == "RobertaProcessing"
    name = _NAMES.get((expressions, bool(model.ignore_merges)))
    if name is None or (is_roberta and name != "gpt-2"):
        raise ConvertError(
            f"tokenizer.json: llama.cpp has no pre-tokenizer like {json.dumps(steps)[:600]} with ignore_merges = "
            f"{bool(model.ignore_merges)}; use a GGUF of this model"
        )
    return "roberta-bpe" if is_roberta else name


def _spelled(expression: str) -> str:
    """`expression` in the table's spelling: files hold line breaks themselves, or their names."""
    return expression.replace("\r", r"\r").replace("\n", r"\n")


def _expression(step: ConfigJson) -> str:
    """What one step splits by; "" if it splits nothing."""
    kind = step.get("type")
    if kind == "ByteLevel":
        return "" if step.get("use_regex") is False else _GPT2
    if kind == "Digits":
        return _DIGIT if step.get("individual_digits") else r"\p{N}+"
    if kind == "Split":
        pattern = as_object(step.get("pattern"))
        # Inverted, what lies between matches is removed: nothing, for expressions that match all there is.
        if (step.get("behavior"), bool(step.get("invert"))) in (("Isolated", False), ("Removed", True)):
            return _spelled(str(pattern.get("Regex", pattern.get("String"))))
    return json.dumps(step)
