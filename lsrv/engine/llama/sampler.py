"""llama.cpp's sampler chains: which samplers, in which order. Knows no request and no logits of its own."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from lsrv.engine.llama.candidates import FloatRow, TokenCandidates, likeliest, possible
from lsrv.engine.llama.library import lib
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.sampling import SamplingValues

_MIROSTAT_M = 100  # as in the paper and in llama.cpp's own server
_MIN_KEEP = 1
_LARGE_VOCAB = 4096  # from here on finding the likeliest tokens first is cheaper than handing over all


class SamplerChain:
    """llama_sampler chain of one sequence, freed with this object. Belongs to the engine thread."""

    def __init__(self, values: SamplingValues, vocab: Vocab) -> None:
        self._handle = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        self._readers = _readers(values, vocab)
        for sampler in [*self._readers, *_counters(values, vocab), *_choosers(values, vocab)]:
            lib.llama_sampler_chain_add(self._handle, sampler)
        self._n_needed = values.n_needed if vocab.n_tokens >= _LARGE_VOCAB else 0
        biases = values.logit_bias or {}
        self._biased: npt.NDArray[np.intp] = np.fromiter(biases.keys(), np.intp, len(biases))
        self._biases: FloatRow = np.fromiter(biases.values(), np.float32, len(biases))

    def sample(self, logits: FloatRow, candidates: TokenCandidates) -> int:
        """Choose and accept the next token. Source: llama_sampler_sample.

        logits: float32 (n_vocab,), changed. A token whose logit is -inf is returned only if all are.
        """
        self.bias(logits)
        token = self.draw(logits, candidates)
        self.accept(token)
        return token

    def bias(self, logits: FloatRow) -> None:
        """Add what the request wants added, in place. logits: float32 (n_vocab,)."""
        if len(self._biased):
            logits[self._biased] += self._biases

    def draw(self, logits: FloatRow, candidates: TokenCandidates) -> int:
        """Choose a token of biased logits, which nothing counts until it is accepted: another may be drawn instead."""
        tokens = likeliest(logits, self._n_needed) if self._n_needed else possible(logits)
        if not len(tokens):
            return 0
        array = candidates.fill(logits, tokens)
        lib.llama_sampler_apply(self._handle, ctypes.byref(array))
        return candidates.chosen(array)

    def accept(self, token: int) -> None:
        """Count `token` for the penalties: it was drawn, or stands in the place of what would have been."""
        lib.llama_sampler_accept(self._handle, token)

    def read(self, token: int) -> None:
        """Let those that look at prompts, too, see the next token of one."""
        for sampler in self._readers:
            lib.llama_sampler_accept(sampler, token)

    def __del__(self) -> None:
        if self._handle:
            lib.llama_sampler_free(self._handle)
            self._handle = None


# A chain has llama.cpp's own default order: penalties, dry, then truncation, then the choice. The bias comes before all
# of them, and needs no sampler.


def _readers(values: SamplingValues, vocab: Vocab) -> list[Any]:
    """Samplers that look at what was said before the answer, too."""
    chain: list[Any] = []
    if values.has_repeat_penalty:
        chain.append(
            lib.llama_sampler_init_penalties(vocab.n_tokens, values.repeat_last_n, values.repeat_penalty, 0.0, 0.0)
        )
    if values.dry_multiplier > 0:
        chain.append(_dry(values, vocab))
    return chain


def _counters(values: SamplingValues, vocab: Vocab) -> list[Any]:
    """Samplers that count what the answer has."""
    if not values.has_count_penalties:
        return []
    return [
        lib.llama_sampler_init_penalties(
            vocab.n_tokens, values.n_ctx, 1.0, values.frequency_penalty, values.presence_penalty
        )
    ]


def _choosers(values: SamplingValues, vocab: Vocab) -> list[Any]:
    if values.is_greedy:
        return [lib.llama_sampler_init_greedy()]
    if values.mirostat == 1:
        mirostat = lib.llama_sampler_init_mirostat(
            vocab.n_tokens, values.seed, values.mirostat_tau, values.mirostat_eta, _MIROSTAT_M
        )
        return [lib.llama_sampler_init_temp(values.temperature), mirostat]
    if values.mirostat == 2:
        mirostat = lib.llama_sampler_init_mirostat_v2(values.seed, values.mirostat_tau, values.mirostat_eta)
        return [lib.llama_sampler_init_temp(values.temperature), mirostat]
    return [*_truncations(values), _temperature(values), lib.llama_sampler_init_dist(values.seed)]


def _truncations(values: SamplingValues) -> list[Any]:
    chain: list[Any] = []
    if values.top_n_sigma > 0:
        chain.append(lib.llama_sampler_init_top_n_sigma(values.top_n_sigma))
    if values.top_k > 0:
        chain.append(lib.llama_sampler_init_top_k(values.top_k))
    if values.typical_p < 1:
        chain.append(lib.llama_sampler_init_typical(values.typical_p, _MIN_KEEP))
    if values.top_p < 1:
        chain.append(lib.llama_sampler_init_top_p(values.top_p, _MIN_KEEP))
    if values.min_p > 0:
        chain.append(lib.llama_sampler_init_min_p(values.min_p, _MIN_KEEP))
    if values.xtc_probability > 0:
        chain.append(lib.llama_sampler_init_xtc(values.xtc_probability, values.xtc_threshold, _MIN_KEEP, values.seed))
    return chain


def _temperature(values: SamplingValues) -> Any:
    if values.dynatemp_range > 0:
        return lib.llama_sampler_init_temp_ext(values.temperature, values.dynatemp_range, values.dynatemp_exponent)
    return lib.llama_sampler_init_temp(values.temperature)


def _dry(values: SamplingValues, vocab: Vocab) -> Any:
    breakers = [text.encode() for text in values.dry_sequence_breakers]
    raw = (ctypes.c_char_p * len(breakers))(*breakers)
    return lib.llama_sampler_init_dry(
        vocab.handle,
        values.dry_multiplier,
        values.dry_base,
        values.dry_allowed_length,
        values.dry_penalty_last_n,
        raw,
        len(breakers),
    )
