from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lsrv.engine.llama.candidates import TokenCandidates, likeliest
from lsrv.engine.llama.sampler import SamplerChain
from lsrv.engine.load.loading import LoadedModel
from lsrv.engine.sampling import SamplingValues

N_VOCAB = 50_000


@given(
    hnp.arrays(np.float32, st.integers(64, 2000), elements=st.floats(-50, 50, width=32)),
    st.integers(1, 60),
)
def test_the_k_likeliest_are_always_among_the_candidates(logits: np.ndarray, k: int) -> None:
    tokens = likeliest(logits, min(k, len(logits)))
    kth = np.sort(logits)[-min(k, len(logits))]
    assert set(np.flatnonzero(logits > kth)) <= set(tokens)
    assert (logits[tokens] >= kth).sum() >= min(k, len(logits))
    assert list(tokens) == sorted(tokens)


def test_masked_tokens_do_not_crowd_out_the_rest() -> None:
    logits = np.full(N_VOCAB, -np.inf, np.float32)
    logits[123] = 1.0
    assert 123 in likeliest(logits, 40)


@pytest.mark.parametrize("options", [{}, {"top_k": 5}, {"min_p": 0.2}, {"typical_p": 0.7}, {"xtc_probability": 0.5}])
def test_a_chain_chooses_from_the_likeliest_as_from_all(stories: LoadedModel, options: dict[str, float]) -> None:
    rng = np.random.default_rng(5)
    candidates = TokenCandidates(N_VOCAB)
    values = SamplingValues(seed=11, **options)
    few, all_ = (SamplerChain(values, stories.model.vocab) for _ in range(2))
    few._n_needed = values.n_needed  # the stories's own vocabulary is too small to be worth it
    assert values.n_needed
    for _ in range(50):
        logits = (rng.standard_normal(N_VOCAB) * 3).astype(np.float32)
        assert few.sample(logits, candidates) == all_.sample(logits, candidates)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.0},
        {"top_k": 0},
        {"mirostat": 2},
        {"top_n_sigma": 1.0},
        {"repeat_penalty": 1.1},
        {"dry_multiplier": 0.5},
    ],
)
def test_where_more_than_the_likeliest_counts_all_are_handed_over(options: dict[str, float]) -> None:
    assert SamplingValues(seed=1, **options).n_needed == 0
