"""The prompt of a text to be written between two others, in the control tokens that a vocabulary has for that. Pure.

Source: format_prompt_infill of llama.cpp's server.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lsrv.engine.llama.vocab import Tokens, Vocab
from lsrv.errors import UnsupportedCapabilityError
from lsrv.protocol.commands import Infill

_PROJECT = "myproject"  # what llama.cpp's server calls it, and the file: nobody says their names
_FILE = "filename"
_SNIPPET = "\n\n--- snippet ---\n\n"  # in front of each other file, where a vocabulary has no mark for that


@dataclass(frozen=True, slots=True)
class InfillRoom:
    """Tokens that the texts may have, where they are made to fit."""

    n_before: int
    n_behind: int
    n_others: int

    @staticmethod
    def of(n_ctx: int, n_batch: int) -> InfillRoom:
        """Three parts before the gap and one behind it, of a batch or half of the context; what is left for others.

        An eighth of the context stays free for the answer.
        """
        n_own = min(n_batch, n_ctx // 2)
        return InfillRoom(n_own * 3 // 4, n_own // 4, max(0, n_ctx - n_own - n_ctx // 8 - 16))


def infill_tokens(vocab: Vocab, prompt: str | list[int], infill: Infill, room: InfillRoom) -> Tokens:
    """Token ids int32 (n,): other files, BOS if the vocabulary adds it, both texts behind their marks, the middle.

    What a text spells out is text, and no control token. Raises UnsupportedCapabilityError without such marks.
    """
    marks = vocab.fim_pre, vocab.fim_suf, vocab.fim_mid
    if min(marks) < 0:
        raise UnsupportedCapabilityError(
            "suffix: this model has no tokens for a text between two others (its vocabulary names no fim_pre, fim_suf "
            "and fim_mid); leave suffix out, or ask a model that was trained to fill in, such as most coders",
            param="suffix",
        )
    suffix = infill.suffix
    if infill.is_fitting:  # what can't have room needs no tokens
        prompt, suffix = (
            prompt[-vocab.n_piece_bytes_max * room.n_before :],
            suffix[: vocab.n_piece_bytes_max * room.n_behind],
        )
    before, behind = _text_tokens(vocab, prompt), _text_tokens(vocab, suffix)
    written = _text_tokens(vocab, infill.written)
    if infill.is_fitting:
        before = before[max(0, len(before) - room.n_before) :]
        behind = behind[: max(0, room.n_behind - len(written))]
    before = [[vocab.fim_pre], before, written]
    behind = [[vocab.fim_suf], behind]
    order = [*behind, *before] if infill.is_suffix_first else [*before, *behind]
    others = _others(vocab, infill)
    parts = [others[max(0, len(others) - room.n_others) :], [vocab.bos] * vocab.adds_bos, *order, [vocab.fim_mid]]
    return np.concatenate([np.asarray(part, np.int32) for part in parts])


def _others(vocab: Vocab, infill: Infill) -> Tokens:
    """Other files, in the marks of a project where the vocabulary has some."""
    if not infill.others:
        return np.zeros(0, np.int32)
    parts: list[Tokens | list[int]] = []
    if vocab.fim_rep >= 0:
        parts += [[vocab.fim_rep], _text_tokens(vocab, f"{_PROJECT}\n")]
    for other in infill.others:
        parts += _mark(vocab, other.name) if vocab.fim_sep >= 0 else [_text_tokens(vocab, _SNIPPET)]
        parts.append(_text_tokens(vocab, other.text))
    if vocab.fim_sep >= 0:
        parts += _mark(vocab, _FILE)
    return np.concatenate([np.asarray(part, np.int32) for part in parts])


def _mark(vocab: Vocab, name: str) -> list[Tokens | list[int]]:
    return [[vocab.fim_sep], _text_tokens(vocab, f"{name}\n")]


def _text_tokens(vocab: Vocab, text: str | list[int]) -> Tokens | list[int]:
    return vocab.tokenize(text, add_special=False, parse_special=False) if isinstance(text, str) else text
