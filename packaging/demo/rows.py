"""Batches: documents packed into rows of one length, with a weight for every token to predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random

import torch
from corpus.mix import Corpus, Document
from render import FIM, Segment, segments
from tokenizers import Tokenizer
from torch import Tensor

_READ_WEIGHT = 0.1  # what others wrote is mostly chance: worth knowing, not worth learning by heart
_FIM_SHARE = 0.5  # of the bare texts

Tokens = tuple[list[int], list[float]]
Documents = Callable[[int], Iterable[Document]]  # step -> what this step reads


def corpus_of(step: int) -> Iterator[Document]:
    """The documents of one step: a stream of its own, so that training resumes at any step."""
    return iter(Corpus(seed=1_000_000 + step))


class Rows:
    """Makes the batch of any step, always the same one."""

    def __init__(self, tokenizer: Tokenizer, documents: Documents = corpus_of) -> None:
        self._tokenizer = tokenizer
        self._documents = documents

    def batch(self, step: int, n_rows: int, n_tokens: int) -> tuple[Tensor, Tensor, Tensor]:
        """(ids, targets, weights), each [n_rows, n_tokens]. Every row begins with the beginning of a document."""
        rng = Random(step)
        rows: list[Tokens] = [([], []) for _ in range(n_rows)]
        n_misses = 0
        for document in self._documents(step):
            ids, weights = self.encode(document, rng)
            if len(ids) > n_tokens + 1:
                continue
            fitting = [row for row in rows if len(row[0]) + len(ids) <= n_tokens + 1]
            if not fitting:
                n_misses += 1
                if n_misses > 2 * n_rows:
                    break
                continue
            row = max(fitting, key=lambda row: len(row[0]))
            row[0].extend(ids)
            row[1].extend(weights)
        return _tensors(rows, n_tokens + 1)

    def encode(self, document: Document, rng: Random) -> Tokens:
        """Token ids, and the weight of predicting each."""
        parts = segments(document, is_cut_at_call=document.is_thinking is not None and rng.random() < 0.6)
        if document.conversation is None and rng.random() < _FIM_SHARE:
            parts = _infilling(document.text, parts[0].text.removeprefix(document.text), rng)
        ids: list[int] = []
        weights: list[float] = []
        for part in parts:
            found = self._tokenizer.encode(part.text).ids
            ids += found
            weights += [1.0 if part.is_written else _READ_WEIGHT] * len(found)
        return ids, weights


def _infilling(text: str, end: str, rng: Random) -> list[Segment]:
    """The middle of `text` moved to the end, as llama.cpp's /infill asks for it: prefix, suffix, middle."""
    words = text.split(" ")
    a, b = sorted(rng.sample(range(1, len(words)), 2)) if len(words) > 3 else (1, len(words))
    before, middle, after = (" ".join(part) for part in (words[:a], words[a:b], words[b:]))
    given = f"{FIM[0]}{before} {FIM[1]} {after}{FIM[2]}"
    return [Segment(given, False), Segment(middle + end, True)]


def _tensors(rows: list[Tokens], n_tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    ids = torch.zeros(len(rows), n_tokens, dtype=torch.long)
    weights = torch.zeros(len(rows), n_tokens)
    for index, (row_ids, row_weights) in enumerate(rows):
        ids[index, : len(row_ids)] = torch.tensor(row_ids, dtype=torch.long)
        weights[index, : len(row_weights)] = torch.tensor(row_weights)
    return ids[:, :-1], ids[:, 1:], weights[:, 1:]
