"""A text whose control tokens are only some of those that it spells out. Pure but for the vocabulary.

The same ids as llama.cpp's own where all of them are meant. Source: tokenizer_st_partition in llama-vocab.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

import numpy as np

from lsrv.engine.llama.vocab import SpecialToken, Tokens, Vocab

_SPACE = " \t\n\v\f\r"  # what isspace of C knows
_Span = tuple[int, int]  # of a text: start, end


def tokenize_around(vocab: Vocab, text: str, spelled: Set[int], *, add_special: bool) -> Tokens:
    """Token ids int32 (n,) of `text`, in which no control token begins at the places `spelled`."""
    pieces: list[Tokens | list[int]] = []
    for part in _parted(text, vocab.named_tokens, spelled):
        if isinstance(part, int):
            pieces.append([part])
        else:
            pieces.append(vocab.tokenize(text[part[0] : part[1]], add_special=False, parse_special=False))
    if add_special:
        pieces = [[vocab.bos] * vocab.adds_bos, *pieces, [vocab.eos] * vocab.adds_eos]
    return np.concatenate([np.asarray(piece, np.int32) for piece in pieces]) if pieces else np.empty(0, np.int32)


def _parted(text: str, tokens: Iterable[SpecialToken], spelled: Set[int]) -> list[int | _Span]:
    """Tokens, and the spans between them: the longest names first, wherever they stand."""
    parts: list[int | _Span] = [(0, len(text))] if text else []
    for token in tokens:
        if token.name in text:
            parts = [
                inner
                for part in parts
                for inner in ([part] if isinstance(part, int) else _split(text, part, token, spelled))
            ]
    return parts


def _split(text: str, span: _Span, token: SpecialToken, spelled: Set[int]) -> Iterator[int | _Span]:
    start, end = span
    while (at := _find(text, token, start, end, spelled)) >= 0:
        left = start + len(text[start:at].rstrip(_SPACE)) if token.strips_left else at
        if left > start:
            yield start, left
        yield token.id
        start = at + len(token.name)
        if token.strips_right:
            start = end - len(text[start:end].lstrip(_SPACE))
    if start < end:
        yield start, end


def _find(text: str, token: SpecialToken, start: int, end: int, spelled: Set[int]) -> int:
    at = text.find(token.name, start, end)
    while token.is_control and at in spelled:
        at = text.find(token.name, at + 1, end)
    return at
