"""Tokens, their types and scores: from tokenizer.json to the lists of a GGUF. Pure but for reading the file.

llama.cpp has one tokenizer per kind: "gpt2" (byte-level BPE), "llama" (SentencePiece's BPE), "bert" (WordPiece), "t5"
(Unigram). Sources: llama-vocab.cpp; the tokenizers library for what each part of the file does.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gguf import TokenType

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.config import ConfigJson, as_object
from lsrv.frontdoor.making.convert.pre_tokenizer import pre_tokenizer_name
from lsrv.frontdoor.making.convert.tokenizer import AddedToken, Bpe, Tokenizer, Unigram, WordPiece

SPACE = "\u2581"  # how SentencePiece and llama.cpp's WordPiece write the beginning of a word
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
# Control tokens that some files forget to call special.
_LOOKS_SPECIAL = re.compile(r"<\|.*\|>|<\uff5c.*\uff5c>|<unused[0-9]*>|<pad>|<mask>|<2mass>|\[@BOS@\]")
_NEVER = -1e9  # the score of what no merge makes


@dataclass(frozen=True)
class Vocabulary:
    """What a GGUF says about text; `keys` below "tokenizer.ggml."."""

    model: str  # tokenizer.ggml.model
    pre: str
    tokens: list[str]
    types: list[int]
    scores: list[float] | None = None
    has_merges: bool = False
    keys: Mapping[str, bool | bytes] = field(default_factory=dict[str, "bool | bytes"])


def vocabulary(tokenizer: Tokenizer, n_tokens: int) -> Vocabulary:
    """`n_tokens` is the number of rows of the embedding, which may be padded. Raises ConvertError."""
    match tokenizer.model:
        case WordPiece():
            made = _word_piece(tokenizer, tokenizer.model, n_tokens)
        case Unigram():
            made = _unigram(tokenizer, tokenizer.model, n_tokens)
        case Bpe(byte_fallback=True):
            made = _sentence_piece(tokenizer, tokenizer.model, n_tokens)
        case Bpe():
            made = _byte_level(tokenizer, tokenizer.model, n_tokens)
    _require_unique(made.tokens)
    return made


def _byte_level(tokenizer: Tokenizer, model: Bpe, n_tokens: int) -> Vocabulary:
    tokens, types = _lists(model.vocab, tokenizer.added_tokens, n_tokens)
    is_prefixed = any(step.get("add_prefix_space") for step in tokenizer.pre_tokenizers())
    keys = {"add_space_prefix": True} if is_prefixed else {}
    return Vocabulary("gpt2", pre_tokenizer_name(tokenizer, model), tokens, types, None, True, keys)


def _sentence_piece(tokenizer: Tokenizer, model: Bpe, n_tokens: int) -> Vocabulary:
    """llama.cpp merges by score, the file by rank: a token's score is minus the rank of the first merge making it."""
    added = [AddedToken(each.id, each.content.replace(SPACE, " "), each.special) for each in tokenizer.added_tokens]
    tokens, types = _lists(model.vocab, added, n_tokens)
    ranks: dict[str, int] = {}
    for rank, (left, right) in enumerate(model.pairs()):
        ranks.setdefault(left + right, rank)
    scores = [float(-ranks[token]) if token in ranks else _NEVER for token in tokens]
    for index, token in enumerate(tokens):
        if types[index] == TokenType.NORMAL and _BYTE.fullmatch(token):
            types[index] = TokenType.BYTE
        elif token == model.unk_token:
            types[index] = TokenType.UNKNOWN
    return Vocabulary("llama", "default", tokens, types, scores, False, {"add_space_prefix": _is_prefixed(tokenizer)})


def _is_prefixed(tokenizer: Tokenizer) -> bool:
    """Whether a text gets a space in front."""
    if any(step.get("type") == "Prepend" for step in tokenizer.normalizers()):
        return True
    spaces = [step for step in tokenizer.pre_tokenizers() if step.get("type") == "Metaspace"]
    return any(step.get("prepend_scheme") != "never" and step.get("add_prefix_space", True) for step in spaces)


def _word_piece(tokenizer: Tokenizer, model: WordPiece, n_tokens: int) -> Vocabulary:
    tokens, types = _lists(model.vocab, tokenizer.added_tokens, n_tokens)
    ending = model.continuing_subword_prefix
    for index, token in enumerate(tokens):
        if types[index] != TokenType.NORMAL:
            continue
        is_ending = token.startswith(ending) and len(token) > len(ending)
        tokens[index] = token.removeprefix(ending) if is_ending else SPACE + token
    normalizer: ConfigJson = next(
        (step for step in tokenizer.normalizers() if step.get("type") == "BertNormalizer"), {}
    )
    if not normalizer or normalizer.get("handle_chinese_chars") is False or normalizer.get("clean_text") is False:
        raise ConvertError("tokenizer.json: llama.cpp's WordPiece always normalizes as BERT does; this file does not")
    is_lower = normalizer.get("lowercase") is not False
    strip = normalizer.get("strip_accents")
    keys = {"normalizer.lowercase": is_lower, "normalizer.strip_accents": is_lower if strip is None else bool(strip)}
    return Vocabulary("bert", "default", tokens, types, keys=keys)


def _unigram(tokenizer: Tokenizer, model: Unigram, n_tokens: int) -> Vocabulary:
    tokens, types = _lists(
        {token: index for index, (token, _) in enumerate(model.vocab)}, tokenizer.added_tokens, n_tokens
    )
    scores = [score for _, score in model.vocab[:n_tokens]]
    scores += [0.0] * (n_tokens - len(scores))
    if model.unk_id is not None and model.unk_id < n_tokens:
        types[model.unk_id] = TokenType.UNKNOWN
    is_single_spaced = any(as_object(step.get("pattern")).get("Regex") == " {2,}" for step in tokenizer.normalizers())
    keys: dict[str, bool | bytes] = {
        "add_space_prefix": _is_prefixed(tokenizer),
        "remove_extra_whitespaces": is_single_spaced,
    }
    for step in tokenizer.normalizers():
        chars = step.get("precompiled_charsmap")
        if step.get("type") == "Precompiled" and isinstance(chars, str):
            keys["precompiled_charsmap"] = base64.b64decode(chars)
    return Vocabulary("t5", "default", tokens, types, scores, keys=keys)


def _lists(vocab: Mapping[str, int], added: list[AddedToken], n_tokens: int) -> tuple[list[str], list[int]]:
    """Tokens and types by id; ids that nothing is said about are unused. Ids beyond the embedding are left out."""
    tokens = [f"[PAD{index}]" for index in range(n_tokens)]
    types = [int(TokenType.UNUSED)] * n_tokens
    for token, index in vocab.items():
        if 0 <= index < n_tokens:
            tokens[index], types[index] = token, TokenType.NORMAL
    for each in added:
        if 0 <= each.id < n_tokens:
            is_control = each.special or _LOOKS_SPECIAL.fullmatch(each.content) is not None
            tokens[each.id] = each.content
            types[each.id] = TokenType.CONTROL if is_control else TokenType.USER_DEFINED
    return tokens, types


def _require_unique(tokens: list[str]) -> None:
    """llama.cpp ends the process where two tokens have the same text."""
    seen: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if (first := seen.setdefault(token, index)) != index:
            raise ConvertError(
                f"tokenizer.json: tokens {first} and {index} are both {token!r}; llama.cpp can't load that"
            )
