"""Guesses of a smaller model with the same vocabulary: what it finds likeliest, as long as it is sure.

Its cells follow the slots of the large model, one sequence each; what they hold in common is read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from lsrv.engine.llama.batch import Batch
from lsrv.engine.llama.candidates import FloatRow
from lsrv.engine.llama.context import Context
from lsrv.engine.llama.model import Model
from lsrv.engine.llama.vocab import Tokens, Vocab
from lsrv.engine.sequence import Sequence
from lsrv.errors import LoadFailedError
from lsrv.protocol.commands import LoadParams

_SURE = 0.4  # a guess that the small model itself finds less likely is not worth a place in the batch
_MAX_VOCAB_DIFFERENCE = 128  # padding; as llama.cpp's own speculation
_CHECKED_STEP = 7  # every token would take 0.3 s for 150k; another vocabulary differs everywhere
_EMPTY: Tokens = np.empty(0, np.int32)


def draft_params(params: LoadParams) -> LoadParams:
    """How the draft is loaded beside a model with these fitted `params`: the same slots and cells, its own weights."""
    return msgspec.structs.replace(
        params,
        model_path=params.draft_path,
        kv="split",
        speculation="off",
        draft_path="",
        adapters=[],
        tensor_split=[],
        n_outputs=params.n_slots,
    )


@dataclass(slots=True, eq=False)
class _Guessing:
    sequence: Sequence
    n_wanted: int
    tokens: list[int] = field(default_factory=list[int])
    is_sure: bool = True

    @property
    def wants_more(self) -> bool:
        return self.is_sure and len(self.tokens) < self.n_wanted


class DraftModel:
    """A second context beside the large one. Every method belongs to the engine thread."""

    is_free = False
    first_chance = 0.7  # it guesses only while it is sure itself

    def __init__(self, model: Model, params: LoadParams, vocab: Vocab) -> None:
        """`params`: the large model's, with the draft's path. Raises LoadFailedError if they don't fit each other."""
        _check_vocab(model.vocab, vocab, params.model_path)
        self._model = model
        self._context = Context(model, params)
        if not self._context.memory.keeps_all_prefixes:
            raise LoadFailedError(
                f"the draft model {params.model_path} ({model.arch}) can't take tokens back; "
                "name one with plain attention"
            )
        self._n_vocab = min(model.vocab.n_tokens, vocab.n_tokens)
        self._batch = Batch(params.n_batch)
        self._n_tail = max(1, params.n_batch // params.n_slots)
        self._held: dict[int, Tokens] = {}

    def has_guess(self, sequence: Sequence) -> bool:
        """Always: a model has an opinion on everything."""
        return True

    def guess(self, wanted: Mapping[Sequence, int]) -> dict[Sequence, list[int]]:
        """Up to so many tokens for each sequence. Raises DecodeError."""
        guessing = [_Guessing(sequence, n) for sequence, n in wanted.items()]
        self._catch_up(sorted(guessing, key=lambda each: each.sequence.seq_id))
        while going_on := [each for each in guessing if each.wants_more]:
            self._batch.clear()
            for each in going_on:
                self._add(each, np.array(each.tokens[-1:], np.int32))
            self._guess_next(going_on)
        return {each.sequence: each.tokens for each in guessing}

    def forget(self, sequence: Sequence) -> None:
        """Nothing: the next sequence of the slot may begin alike."""

    def free(self) -> None:
        """Give everything back, the model included; nothing else may be called then."""
        self._context.free()
        self._model.free()

    def clear(self) -> None:
        """Forget all cells."""
        self._context.memory.clear()
        self._held.clear()

    def _catch_up(self, guessing: list[_Guessing]) -> None:
        """Read what the sequences hold and the small model doesn't, and guess their first tokens."""
        tails = [self._read_all_but_tail(each) for each in guessing]
        self._batch.clear()
        for each, tail in zip(guessing, tails, strict=True):
            self._add(each, tail)
        self._guess_next(guessing)

    def _read_all_but_tail(self, each: _Guessing) -> Tokens:
        """Returns the tokens that are left to read: at least one, and few enough that all sequences' fit one batch."""
        seq_id = each.sequence.seq_id
        tokens = each.sequence.tokens(0, each.sequence.n_tokens)
        n_held = self._keep_common(seq_id, tokens)
        while len(tokens) - n_held > self._n_tail:
            chunk = tokens[n_held : min(n_held + self._batch.capacity, len(tokens) - 1)]
            self._batch.clear()
            self._batch.add_chunk(chunk, n_held, seq_id, n_outputs=0)
            self._context.decode(self._batch)
            n_held += len(chunk)
        self._held[seq_id] = tokens[:n_held]
        return tokens[n_held:]

    def _keep_common(self, seq_id: int, tokens: Tokens) -> int:
        """Drop cells from the first token that differs; returns how many are kept, never that of the last token."""
        held = self._held.get(seq_id, _EMPTY)
        n = min(len(held), len(tokens) - 1)
        differing = np.flatnonzero(held[:n] != tokens[:n])
        return self._context.memory.keep_prefix(seq_id, int(differing[0]) if len(differing) else n)

    def _add(self, each: _Guessing, tokens: Tokens) -> None:
        seq_id = each.sequence.seq_id
        held = self._held[seq_id]
        self._batch.add_chunk(tokens, len(held), seq_id, n_outputs=1)
        self._held[seq_id] = np.concatenate([held, tokens])

    def _guess_next(self, guessing: list[_Guessing]) -> None:
        """Decode the batch, whose outputs belong to `guessing` in its order, and take the likeliest tokens."""
        self._context.decode(self._batch)
        for each, logits in zip(guessing, self._context.logits(len(guessing)), strict=True):
            token, chance = _likeliest(logits[: self._n_vocab])
            each.is_sure = chance >= _SURE
            if each.is_sure:
                each.tokens.append(token)


def _likeliest(logits: FloatRow) -> tuple[int, float]:
    """The likeliest token and its probability. logits: float32 (n_vocab,)."""
    token = int(logits.argmax())
    return token, 1.0 / float(np.exp(logits - logits[token]).sum())


def _check_vocab(draft: Vocab, target: Vocab, path: str) -> None:
    n_common = min(draft.n_tokens, target.n_tokens)
    is_near = abs(draft.n_tokens - target.n_tokens) <= _MAX_VOCAB_DIFFERENCE
    different = None if is_near else n_common
    if is_near:
        pieces = ((t, draft.special_piece(t), target.special_piece(t)) for t in range(0, n_common, _CHECKED_STEP))
        different = next((token for token, own, other in pieces if own != other), None)
    if different is not None:
        raise LoadFailedError(
            f"the draft model {path} has another vocabulary ({draft.n_tokens} tokens, the model {target.n_tokens}; "
            f"token {different} differs); name a smaller model of the same family"
        )
