"""Which tokens go into the next llama_decode. Pure: counts in, a plan out; no clock, no llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next `n_tokens` prompt tokens of the prefilling sequence at `index`."""

    index: int
    n_tokens: int


def plan_prefill(n_remaining: Sequence[int], n_decoding: int, n_batch: int, n_ubatch: int) -> list[Chunk]:
    """Chunks for the prefilling sequences, in their order of arrival.

    n_remaining: prompt tokens each of them still lacks. n_decoding: sequences that get one token each in this step.

    With nothing decoding the whole batch is filled. Otherwise all chunks together stay below one ubatch, so that a
    long prompt delays running streams by at most one compute chunk per step.
    """
    budget = (n_batch if n_decoding == 0 else min(n_ubatch, n_batch)) - n_decoding
    chunks: list[Chunk] = []
    for index, n in enumerate(n_remaining):
        if budget <= 0:
            break
        n_tokens = min(n, budget)
        chunks.append(Chunk(index, n_tokens))
        budget -= n_tokens
    return chunks
