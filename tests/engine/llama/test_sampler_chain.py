"""Every sampler of llama.cpp's chain as we build it, against a second account of what it should do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lsrv.engine.llama.candidates import TokenCandidates
from lsrv.engine.llama.sampler import SamplerChain
from lsrv.engine.llama.vocab import Vocab
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.sampling import SamplingValues
from tests.engine.llama import reference_samplers as reference

N_DRAWS = 2000
OPEN = SamplingValues(seed=1, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, n_ctx=256)
FORBIDDEN = np.arange(0, 512, 2)  # as a grammar would
HISTORY = [11, 12, 13, 14, 20, 11, 12, 13, 15, 13, 13, 30, 31, 11, 12, 13]


def logits_of(n_vocab: int, *, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A few likely tokens, among them those of HISTORY, and a long tail."""
    logits = np.random.default_rng(seed).normal(0, 1.5, n_vocab).astype(np.float32)
    logits[10:34] = np.linspace(5.5, 3.0, 24)
    return logits


def draw(
    vocab: Vocab,
    values: SamplingValues,
    logits: np.ndarray[Any, np.dtype[np.float32]],
    history: list[int],
    n_draws: int = N_DRAWS,
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How often each token came, each time as the next one after `history`."""
    candidates = TokenCandidates(vocab.n_tokens)
    counts = np.zeros(vocab.n_tokens, np.int64)
    chain = SamplerChain(values, vocab)
    for i in range(n_draws):
        if history:
            chain = SamplerChain(replace(values, seed=i), vocab)
            for token in history:
                chain.accept(token)
        counts[chain.sample(logits.copy(), candidates)] += 1
    return counts


def assert_drawn_from(p: reference.Floats, counts: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    """Nothing that can't come, and a chi-square that chance exceeds in one of a million cases."""
    n = counts.sum()
    assert not counts[p == 0].any(), f"these can't come: {np.flatnonzero((p == 0) & (counts > 0))}"
    is_frequent = n * p >= 5
    expected = np.append(n * p[is_frequent], n * p[~is_frequent].sum())
    seen = np.append(counts[is_frequent], counts[~is_frequent].sum())
    at_all = expected > 0
    chi_square = float(((seen - expected)[at_all] ** 2 / expected[at_all]).sum())
    n_free = max(1, int(at_all.sum()) - 1)
    bound = n_free * (1 - 2 / (9 * n_free) + 4.75 * np.sqrt(2 / (9 * n_free))) ** 3  # Wilson and Hilferty, 1931
    assert chi_square < bound


SETTINGS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.5},
    {"temperature": 2.5},
    {"top_k": 5},
    {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "temperature": 0.8},
    {"top_p": 0.5},
    {"top_p": 0.0},
    {"min_p": 0.3},
    {"min_p": 1.0},
    {"typical_p": 0.3},
    {"typical_p": 0.9},
    {"top_n_sigma": 1.0},
    {"xtc_probability": 1.0, "xtc_threshold": 0.05},
    {"xtc_probability": 0.4, "xtc_threshold": 0.04},
    {"xtc_probability": 1.0, "xtc_threshold": 0.5},
    {"dynatemp_range": 0.5},
    {"dynatemp_range": 0.9, "dynatemp_exponent": 2.0, "top_k": 12},
    {"logit_bias": {10: -100.0, 11: -np.inf, 300: 4.0}},
    {"logit_bias": {300: 100.0}, "temperature": 2.0},
    # Where the order shows: each would keep or weigh other tokens after the next one.
    {"top_k": 12, "typical_p": 0.6, "top_p": 0.8, "min_p": 0.2, "temperature": 1.7},
    {"top_n_sigma": 1.2, "top_k": 9, "xtc_probability": 0.5, "xtc_threshold": 0.08, "temperature": 0.6},
    {"top_p": 0.8, "min_p": 0.3, "dynatemp_range": 0.4, "temperature": 2.0},
    {"logit_bias": {300: 5.0}, "top_k": 4},
]
WITH_HISTORY: list[dict[str, Any]] = [
    {"repeat_penalty": 1.3},
    {"repeat_penalty": 1.3, "repeat_last_n": 3},
    {"presence_penalty": 1.0},
    {"frequency_penalty": 0.4},
    {"presence_penalty": -0.5, "frequency_penalty": -0.3, "repeat_penalty": 0.9},
    {"repeat_penalty": 1.5, "frequency_penalty": 0.5, "top_k": 6, "repeat_last_n": 8},
    {"dry_multiplier": 0.8, "dry_penalty_last_n": 256},
    {"dry_multiplier": 0.8, "dry_penalty_last_n": 256, "dry_allowed_length": 1, "dry_base": 1.2},
    {"dry_multiplier": 0.8, "dry_penalty_last_n": 8, "dry_allowed_length": 1},
    {"dry_multiplier": 0.6, "dry_penalty_last_n": 256, "repeat_penalty": 1.2, "top_p": 0.6},
    {"logit_bias": {13: 3.0}, "presence_penalty": 2.0, "top_k": 5},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_sampler_draws_what_its_definition_says(stories: LoadedModel, settings: dict[str, Any]) -> None:
    vocab, values = stories.model.vocab, replace(OPEN, **settings)
    logits = logits_of(vocab.n_tokens)
    assert_drawn_from(reference.probabilities(logits, values), draw(vocab, values, logits, []))


@pytest.mark.parametrize("settings", WITH_HISTORY, ids=str)
def test_penalties_and_dry_know_what_was_written(stories: LoadedModel, settings: dict[str, Any]) -> None:
    vocab, values = stories.model.vocab, replace(OPEN, **settings)
    logits = logits_of(vocab.n_tokens)
    logits[[11, 31]] -= 8  # one penalized logit below 0
    expected = reference.probabilities(logits, values, HISTORY)
    assert_drawn_from(expected, draw(vocab, replace(values, dry_sequence_breakers=()), logits, HISTORY))


def test_presence_and_frequency_count_all_of_the_answer_and_nothing_of_the_prompt(stories: LoadedModel) -> None:
    vocab = stories.model.vocab
    values = replace(OPEN, temperature=0.0, presence_penalty=5.0, frequency_penalty=5.0, repeat_last_n=2)
    logits = np.zeros(vocab.n_tokens, np.float32)
    logits[[40, 41]] = 8.0, 7.0
    candidates = TokenCandidates(vocab.n_tokens)
    read, wrote = SamplerChain(values, vocab), SamplerChain(values, vocab)
    for chain_accepts in (read.read, wrote.accept):
        for token in (40, 50, 51, 52, 53):
            chain_accepts(token)
    assert read.draw(logits.copy(), candidates) == 40
    assert wrote.draw(logits.copy(), candidates) == 41


def test_a_repetition_for_dry_ends_at_a_breaker(stories: LoadedModel) -> None:
    vocab = stories.model.vocab
    (breaker,) = vocab.tokenize("\n", add_special=False, parse_special=False)[-1:].tolist()
    assert vocab.piece(breaker) == b"\n"
    history = [11, 12, breaker, 13, 14, 20, 11, 12, breaker, 13]
    values = replace(OPEN, dry_multiplier=2.0, dry_penalty_last_n=256, dry_allowed_length=1)
    logits = logits_of(vocab.n_tokens)
    expected = reference.probabilities(logits, values, history, [breaker])
    assert not np.allclose(expected, reference.probabilities(logits, values, history))
    assert_drawn_from(expected, draw(vocab, values, logits, history))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"top_k": 40},
        {"typical_p": 0.5},
        {"top_n_sigma": 1.0},
        {"dynatemp_range": 0.5},
        {"xtc_probability": 1.0, "xtc_threshold": 0.05},
    ],
    ids=str,
)
def test_tokens_that_are_ruled_out_count_for_no_sampler(stories: LoadedModel, settings: dict[str, Any]) -> None:
    vocab, values = stories.model.vocab, replace(OPEN, **settings)
    logits = logits_of(vocab.n_tokens)
    logits[FORBIDDEN] = -np.inf
    logits[40:] = -np.inf
    assert_drawn_from(reference.probabilities(logits, values), draw(vocab, values, logits, []))


@pytest.mark.parametrize(
    "settings", [{"temperature": 0.0}, {"temperature": 1e-40}, {"temperature": 0.0, "mirostat": 2}]
)
def test_without_a_temperature_the_likeliest_token_comes(stories: LoadedModel, settings: dict[str, Any]) -> None:
    vocab, values = stories.model.vocab, replace(OPEN, xtc_probability=1.0, dynatemp_range=1.0, **settings)
    logits = logits_of(vocab.n_tokens)
    assert draw(vocab, values, logits, [], 50)[logits.argmax()] == 50
    biased = replace(values, logit_bias={77: 50.0})
    assert draw(vocab, biased, logits, [], 50)[77] == 50


@pytest.mark.parametrize("tau", [2.0, 3.5])
def test_mirostat_2_keeps_to_its_bound_and_its_target(stories: LoadedModel, tau: float) -> None:
    vocab = stories.model.vocab
    values = replace(OPEN, mirostat=2, mirostat_tau=tau, mirostat_eta=0.2)
    chain, candidates = SamplerChain(values, vocab), TokenCandidates(vocab.n_tokens)
    bound, seen = 2 * tau, []
    for seed in range(800):
        logits = logits_of(vocab.n_tokens, seed=seed)
        surprise = reference.surprise(logits.astype(np.float64))
        token = chain.sample(logits.copy(), candidates)
        assert surprise[token] <= bound + 1e-3 or surprise[token] == surprise.min()
        among = np.where(surprise <= bound, logits, -np.inf)
        among[surprise.argmin()] = logits.max()
        seen.append(float(reference.surprise(among)[token]))
        bound -= values.mirostat_eta * (seen[-1] - tau)
    assert np.mean(seen[100:]) == pytest.approx(tau, abs=0.15)


def test_mirostat_1_comes_to_its_target(stories: LoadedModel) -> None:
    vocab = stories.model.vocab
    chain = SamplerChain(replace(OPEN, mirostat=1, mirostat_tau=3.0, mirostat_eta=0.1), vocab)
    candidates, means = TokenCandidates(vocab.n_tokens), []
    for seed in range(800):
        logits = logits_of(vocab.n_tokens, seed=seed)
        token = chain.sample(logits.copy(), candidates)
        means.append(float(reference.surprise(logits.astype(np.float64))[token]))
    # Its own account is of the tokens it cut to, so that the surprise over all of them is a little above.
    assert 3.0 <= np.mean(means[200:]) < 4.5
