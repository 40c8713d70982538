"""The prompt of a text to be written between two others, in the control tokens that a vocabulary has for that. Pure."""

from __future__ import annotations

import numpy as np

from lsrv.engine.llama.vocab import Tokens, Vocab
from lsrv.errors import UnsupportedCapabilityError
from lsrv.protocol.commands import Infill


def infill_tokens(vocab: Vocab, prompt: str | list[int], infill: Infill) -> Tokens:
    """Token ids int32 (n,): BOS if the vocabulary adds it, then both texts behind their marks, then that of the middle.

    What a text spells out is text, and no control token. Raises UnsupportedCapabilityError without such marks.
    Source: format_prompt_infill of llama.cpp's server, without its examples from other files.
    """
    marks = vocab.fim_pre, vocab.fim_suf, vocab.fim_mid
    if min(marks) < 0:
        raise UnsupportedCapabilityError(
            "suffix: this model has no tokens for a text between two others (its vocabulary names no fim_pre, fim_suf "
            "and fim_mid); leave suffix out, or ask a model that was trained to fill in, such as most coders",
            param="suffix",
        )
    before = [[vocab.fim_pre], _text_tokens(vocab, prompt)]
    behind = [[vocab.fim_suf], _text_tokens(vocab, infill.suffix)]
    order = [*behind, *before] if infill.is_suffix_first else [*before, *behind]
    parts = [[vocab.bos] * vocab.adds_bos, *order, [vocab.fim_mid]]
    return np.concatenate([np.asarray(part, np.int32) for part in parts])


def _text_tokens(vocab: Vocab, text: str | list[int]) -> Tokens | list[int]:
    return vocab.tokenize(text, add_special=False, parse_special=False) if isinstance(text, str) else text
